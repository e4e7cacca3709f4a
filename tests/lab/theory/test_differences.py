"""Whether a measure sees a known change, and the committed tables."""

import json

import numpy as np
import pytest

from benchmarks.interventions.changes import EASIEST, HALF, TITLES, UNCHANGED
from benchmarks.repository import ROOT
from lab import __main__ as command
from lab.readings import FOLDER, Readings
from lab.theory.differences import MOVES, NOT_CLEAR, RIGHT, STAYS, WRONG, Row, rows_of_measures
from lab.theory.experiment import DATA, PART, analyse
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.metrics.bootstrap import Difference, Interval
from lm_eval_hesnr.results.documents import COLUMNS


def row(higher_is_better: bool | None, **differences: Difference | None) -> Row:
    return Row("measure", 1.0, differences, higher_is_better)


UP, DOWN = Difference(0.1, Interval(0.05, 0.15), 0.01), Difference(-0.1, Interval(-0.15, -0.05), 0.01)
NEITHER = Difference(0.1, Interval(-0.05, 0.15), 0.3)


@pytest.mark.parametrize(
    ("higher_is_better", "change", "difference", "expected"),
    [
        (True, EASIEST, UP, RIGHT), (True, HALF, DOWN, WRONG), (True, "noise", DOWN, RIGHT), (True, "noise", UP, WRONG),
        (False, EASIEST, UP, WRONG), (False, HALF, DOWN, RIGHT), (False, "noise", UP, RIGHT),
        (True, "noise", NEITHER, NOT_CLEAR), (True, "temperature 0.8", UP, MOVES),
        (False, "temperature 0.8", NEITHER, STAYS), (None, EASIEST, UP, None), (True, EASIEST, None, None),
    ],
)  # fmt: skip
def test_whether_a_measure_sees_which_model_is_better(higher_is_better, change, difference, expected):
    assert row(higher_is_better, **{change: difference}).sign(change) == expected


def line(nll: float, snr: float) -> str:
    values = dict.fromkeys(COLUMNS, "8") | {"scope.nll": f"{nll:.9g}", "above.top_k": "4", "above.snr": f"{snr:.8g}"}
    return " ".join(values[column] for column in COLUMNS)


def test_differences_are_those_of_the_sums():
    random = np.random.default_rng(0)
    noise = random.normal(0, 0.01, 8)
    changes = dict.fromkeys(TITLES, (1.0, 0.4)) | {"noise": (1.5, 0.6)}
    reading = {
        "columns": list(COLUMNS),
        "changes": {
            change: {
                "totals": [line(8 * nll + one, snr) for one in noise],
                "on_set": [line(8 * nll + one, snr) for one in noise],
                "parts": [f"4 0.4 2 0.2 0.3 4 {snr}"] * 8,
            }
            for change, (nll, snr) in changes.items()
        },
    }
    found = {one.name: one for one in rows_of_measures(reading)}
    difference = found["he_snr"].differences["noise"]
    assert difference is not None
    assert difference.value == pytest.approx(0.15 - 0.1)
    assert found["he_snr"].sign("noise") == WRONG
    assert found["ppl"].value == pytest.approx(np.exp(1 + noise.mean() / 8))
    assert found["ppl"].sign("noise") == RIGHT
    parts = [found[name].differences["noise"] for name in ("within", "entering", "leaving")]
    assert [one and round(one.value, 6) for one in parts] == [0.05, 0.0, 0.0]
    assert UNCHANGED not in found["he_snr"].differences


def test_a_missing_reading_is_named(tmp_path):
    with pytest.raises(InputError, match=r"embedded\.json: has no part 'changes'"):
        analyse(Readings(tmp_path), fast=False)


def test_the_committed_readings_give_the_committed_page(tmp_path):
    readings = Readings(FOLDER / "theory")
    assert all(readings.part(name, PART) for name in DATA)
    command.main(["theory", "--only-analysis", "--out", str(tmp_path)])
    for name in ("theory.md", "theory.svg"):
        assert (tmp_path / name).read_text() == (ROOT / "docs" / "lab" / name).read_text()
    assert json.loads((tmp_path / "theory.json").read_text()).keys() == DATA.keys()
