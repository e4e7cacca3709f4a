"""From a made-up folder of readings to the tables, and the plan."""

import json

import numpy as np
import pytest

from benchmarks.repository import ROOT
from lab.page import filled
from lab.readings import Readings
from lab.shift.experiment import analyse, pieces
from lab.shift.from_readings import trainings
from lab.shift.layout import COLUMNS_OF_CHOICES, HISTOGRAM, choice_columns_at, columns_at, line, windows_of
from lab.shift.made_up import made_up
from lab.shift.plan import LENGTHS, TEMPERATURES, choices_part, names
from lab.shift.windows import CLASSES, COLUMNS
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.documents import COLUMNS as TOTALS
from tests.lab.copies import copy_with_change


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    readings = Readings(tmp_path_factory.mktemp("readings") / "shift")
    write(readings, made_up("shift", 0))
    return readings.folder


def write(readings, training, run="recipe"):
    totals = " ".join("8" for _ in TOTALS)
    for c, name in enumerate(names(run)):
        about = {"percent": training.percents[c], "training_sha256": run}
        at = {t: training.windows[t][c] for t in TEMPERATURES}
        value = {
            "documents_sha256": "1",
            "windows": {
                f"{t:g}": {
                    "columns": columns_at(t),
                    "rows": [line(row[[COLUMNS.index(one) for one in columns_at(t)]]) for row in rows],
                }
                for t, rows in at.items()
            },
            "histograms": {"1": [line(np.full(len(HISTOGRAM) - 1, 3))] * len(at[1.0])},
            "columns": list(TOTALS),
            "totals": [totals] * len(at[1.0]),
            "calibrated_he_snr": 0.1,
        }
        readings.add(name, "reading", about, value, {})
        parts = {
            "rows": ["20 2.0 10 1.0 1.5 16 2.1"] * len(at[1.0]),
            "moves": [line(np.arange(len(CLASSES) ** 2))] * len(at[1.0]),
        }
        if c:
            readings.add(name, "parts", about, parts, {})
        if name == names(run)[-1]:
            readings.add(name, "parts from the first", about, parts, {})
    for steps, rows in zip(LENGTHS, training.choices, strict=True):
        value = {
            "loss": None,
            "entropies": ["1.099 1.100", "1.386 1.300"],
            "sums": {
                f"{t:g}": {
                    "columns": choice_columns_at(t),
                    "rows": [
                        line(row[[COLUMNS_OF_CHOICES.index(one) for one in choice_columns_at(t)]]) for row in rows
                    ],
                }
                for t in TEMPERATURES
            },
        }
        readings.add(names(run)[-1], choices_part(steps), about, value, {})


def test_the_counts_of_the_readings_come_back(folder):
    (found,) = trainings(Readings(folder), fast=True)
    made = made_up("shift", 0)
    for t in TEMPERATURES:
        kept = [COLUMNS.index(column) for column in columns_at(t)]
        assert np.array_equal(found.windows[t][..., kept], made.windows[t][..., kept])
    assert np.isnan(found.windows[0.8][..., COLUMNS.index("left2")]).all()
    assert found.choices == pytest.approx(made.choices, rel=1e-6)
    assert found.ties is not None
    assert np.isnan(found.ties[0.8][0, COLUMNS_OF_CHOICES.index("near2, 2")])
    assert found.histogram is not None
    assert (found.histogram == 3 * found.windows[1.0].shape[1]).all()


def test_the_analysis_gives_the_verdict_of_the_form_and_the_controls(folder):
    found = analyse(Readings(folder), True)
    assert (found.data["together"], found.data["verdict_of_the_experiment"]) == ("supports", "not made")
    assert found.data["shuffled"] != "supports"
    assert found.data["sentence"].startswith("Supported in one training")
    assert found.blocks["verdict"].startswith("**Fast form**: one training.")
    assert "| recipe-012.5 | recipe-025.0 | +0.0313" in found.blocks["parts"]
    assert "| recipe-012.5 | recipe-100.0 | +0.0313" in found.blocks["parts"]
    assert "| recipe | near ln 4 | 2380 | 17.6 | 18.8 | 20.0 | 21.2 | 22.4 |" in found.blocks["moves"]
    assert "| recipe | all: so many tokens | 8400 | 1400 | 1540 | 1680 | 1820 | 1960 |" in found.blocks["moves"]
    assert "Known ties: the generated choices among three and four after 240 steps." in found.blocks["temperatures"]
    assert "| recipe | 240 | 2, 0.0 | 1, 0.0 |" in found.blocks["choices"]
    assert "N/A" not in "".join(found.blocks.values())
    assert "nan" not in "".join(found.blocks.values())
    json.dumps(found.data, allow_nan=False)
    assert found.picture.startswith("<svg")
    assert "Not made yet" not in filled((ROOT / "docs" / "lab" / "shift.md").read_text(), found.blocks)


def test_a_missing_reading_is_named_in_one_line(folder):
    with pytest.raises(InputError, match=r"recipe_seed1-012.5.json: has no part 'reading'; make it"):
        analyse(Readings(folder), False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda file: file["parts"]["reading"]["value"].update(documents_sha256="2"), "other trajectories"),
        (lambda file: file["about"].update(training_sha256="other"), "training_sha256: differs"),
    ],
)
def test_checkpoints_that_do_not_belong_together_are_refused(folder, tmp_path, change, message):
    copy_with_change(folder, tmp_path, "recipe-050.0", change)
    with pytest.raises(InputError, match=f"recipe-050.0.json: .*{message}"):
        trainings(Readings(tmp_path), fast=True)


def test_windows_are_read_by_the_names_of_their_columns():
    reading = {"windows": {"0.8": {"columns": ["centre4", "tokens"], "rows": ["3 10", "4 20"]}}}
    rows = windows_of(reading, 0.8)
    assert rows[:, COLUMNS.index("centre4")].tolist() == [3, 4]
    assert rows[:, COLUMNS.index("tokens")].tolist() == [10, 20]


def test_the_plan_has_three_trainings_and_the_fast_form_the_first():
    whole, fast = pieces(False), pieces(True)
    assert (len(whole), len(fast)) == (48, 16)
    assert {piece.name.partition("-")[0] for piece in fast} == {"recipe"}
    assert [piece.part for piece in fast if piece.name == "recipe-100.0"] == [
        "reading", "parts", "parts from the first", "choices/30", "choices/60", "choices/120", "choices/240",
    ]  # fmt: skip
