"""The rule of the calibration, by hand, and its analysis of made-up readings."""

import pytest

from lab.calibration.choice import Try, choice
from lab.calibration.experiment import EXPERIMENT
from lab.calibration.settings import SETTINGS
from lab.readings import FOLDER, Readings
from lab.tuning.fixed import FIXED
from lm_eval_hesnr.errors import InputError


def made(level=1, steps=150, lr=2e-3, last=0.4, floor=0.01, loss=1.0):
    return Try(level, steps, lr, last, floor, loss)


@pytest.mark.parametrize(
    ("one", "fits"),
    [
        (made(), True),
        (made(floor=0.03, last=0.15), True),
        (made(floor=0.031), False),
        (made(last=0.149), False),
        (made(last=0.81), False),
    ],
)
def test_a_setting_fits_if_it_separates_the_two_models_and_leaves_room(one, fits):
    assert one.fits == fits


def test_level_1_comes_first_then_the_easier_one_then_the_most_steps_then_the_smallest_loss():
    tries = [
        made(level=2, steps=200),
        made(steps=100),
        made(loss=1.1),
        made(lr=7e-4, loss=1.0),
        made(steps=200, floor=0.1),
    ]
    assert choice(tries) == tries[3]
    assert choice([one for one in tries if one.level == 2]) == tries[0]
    assert choice([made(level=0), made(level=2)]) == made(level=0)
    assert choice([made(level=0), made(level=1)]) == made(level=1)
    assert choice([tries[-1]]) is None


def fill(readings, *, last, floor):
    for piece in EXPERIMENT.pieces(False):
        level, steps = int(piece.part.split()[1].strip(",")), int(piece.part.split()[2])
        share = (floor if piece.name == "floor" else last)(level, steps)
        value = {"greedy": "1" * share + "0" * (100 - share), "held_out_loss": 1.0}
        readings.add(piece.name, piece.part, {"model": piece.name}, value, {})


def test_the_analysis_chooses_by_the_rule(tmp_path):
    readings = Readings(tmp_path)
    fill(readings, last=lambda level, steps: steps // 5, floor=lambda level, steps: 10 if steps == 200 else 2)
    found = EXPERIMENT.analyse(readings, False)
    assert "level 1, 150 steps" in found.blocks["choice"]
    assert found.blocks["shares"].count("| yes | yes |") == 1
    assert len(found.data["tries"]) == len(SETTINGS)


def test_the_analysis_says_that_no_setting_fits_and_what_is_missing(tmp_path):
    with pytest.raises(InputError, match="missing"):
        EXPERIMENT.analyse(Readings(tmp_path), False)
    readings = Readings(tmp_path)
    fill(readings, last=lambda level, steps: 90, floor=lambda level, steps: 2)
    assert "No setting fits" in EXPERIMENT.analyse(readings, False).blocks["choice"]


def test_no_piece_is_twice_in_the_plan():
    names = [(piece.name, piece.part) for piece in EXPERIMENT.pieces(False)]
    assert len(names) == len(set(names)) == 6 * len(SETTINGS)


def test_the_fixed_setting_is_the_one_that_the_committed_readings_give():
    try:
        found = EXPERIMENT.analyse(Readings(FOLDER / "calibration"), False).data["choice"]
    except InputError as error:
        pytest.skip(f"the readings of the calibration are incomplete: {error}")
    assert found is not None
    assert (found["level"], found["steps"], found["lr"]) == FIXED
