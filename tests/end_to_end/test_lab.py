"""The laboratory: work that is killed continues, and a reading of real tokens has the numbers of a plain run."""

import json
import random
import subprocess
import sys
import time
from collections import Counter

import pytest

from lab.families.about import about
from lab.predict.layout import totals_of
from lab.predict.read import read
from lab.readings import Readings
from lab.theory.differences import rows_of_measures
from lab.theory.reading import make
from lm_eval_hesnr.assets import EMBEDDED_MODEL
from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.metrics.measures import measure
from lm_eval_hesnr.results.token_tables import measure_tables, read_tables
from tests.builders import first_turns

pytestmark = pytest.mark.end_to_end

WORK = """
import sys, time
from pathlib import Path
from lab.__main__ import work
from lab.experiment import Made, Piece
from lab.readings import Readings

def made(name, part):
    def make(folder):
        with (folder / "log").open("a") as log:
            log.write(f"{name} {part}\\n")
        time.sleep(0.02)
        return Made({"model": name}, list(range(2000)))
    return make

readings = Readings(Path(sys.argv[1]) / "readings")
pieces = [Piece(name=n, part=p, make=made(n, p)) for n in "abcde" for p in "vwxyz"]
work([one for one in pieces if readings.part(one.name, one.part) is None], readings, Path(sys.argv[1]) / "work")
"""


def test_work_that_is_killed_at_any_moment_continues(tmp_path):
    kills = 0
    chance = random.Random(0)
    for _ in range(60):
        process = subprocess.Popen([sys.executable, "-c", WORK, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        if kills < 5 and process.stdout is not None and process.stdout.readline():  # the first reading of this call
            time.sleep(chance.uniform(0, 0.1))
            process.kill()
            kills += process.wait() < 0
        elif process.wait() == 0:
            break
        process.communicate()
    readings = Readings(tmp_path / "readings")
    assert kills == 5
    assert readings.names() == list("abcde")
    assert all(readings.part(name, part) == list(range(2000)) for name in "abcde" for part in "vwxyz")
    begun = Counter((tmp_path / "work" / name / "log").read_text().count("\n") for name in "abcde")
    assert sum(n * times for n, times in begun.items()) <= 25 + kills  # a kill costs at most one piece


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def made(folder):
    """The reading of six short runs."""
    return make(folder, first_turns(folder / "runs.jsonl", 6, only_resolved=True))


def test_the_sums_of_a_reading_give_the_measures_of_its_token_tables(made, folder):
    rows = {row.name: row for row in rows_of_measures(made.value)}
    json.dumps(made.value, allow_nan=False)
    for change in ("unchanged", "noise", "easiest"):
        tables = read_tables(folder / "tables" / change, {"action": SCOPES["action"]}, EPSILON)
        plain = measure_tables(tables, "static", EPSILON)["action"]["measures"]
        for name in ("ppl", "he_snr", "topk_acc"):
            difference = 0.0 if change == "unchanged" else getattr(rows[name].differences[change], "value", None)
            assert difference is not None
            assert (rows[name].value or 0.0) + difference == pytest.approx(plain[name], rel=1e-5)


def test_a_reading_of_a_checkpoint_has_the_measures_of_the_plain_command(folder, made, capsys):
    reading = read(EMBEDDED_MODEL, folder / "runs.jsonl")
    total = totals_of(json.loads(json.dumps(reading, allow_nan=False)))["action"].sum(axis=0)
    rows = {row.name: row for row in rows_of_measures(made.value)}
    for name in ("ppl", "he_snr", "topk_acc"):
        assert float(measure(name, total)) == pytest.approx(rows[name].value, rel=1e-5)
    assert reading["calibrated_he_snr"] == pytest.approx(
        made.value["changes"]["unchanged"]["calibrated_he_snr"], rel=1e-5
    )
    assert reading["n_documents"] == 6
    found = about(EMBEDDED_MODEL, "recipe-012.5")
    assert (found["family"], found["percent"], found["step"], found["tokens"]) == ("recipe", 12.5, 225, 921600)
    assert found["model_sha256"] == made.about["model_sha256"]


def test_a_second_call_reads_nothing_again(made, folder, capsys):
    assert make(folder, folder / "runs.jsonl") == made
    assert "tokens scored" not in capsys.readouterr().out
