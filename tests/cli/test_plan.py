import re

import pytest

from lm_eval_hesnr.cli import main
from lm_eval_hesnr.metrics.correlation import planning

COMMAND = ["plan", "--gain", ".10", "--rival", ".85", "--between", ".9"]


@pytest.fixture
def quick(monkeypatch):
    """Simulate fewer studies; the powers are less exact."""
    monkeypatch.setattr(planning, "STUDIES", 200)


@pytest.mark.usefixtures("quick")
def test_the_plan_answers_for_three_designs(capsys):
    assert main(COMMAND) == 0
    out = capsys.readouterr().out
    assert "r = 0.950 with the true ability, its rival 0.850, and r = 0.900 between them" in out
    assert "With 4 training runs: not enough. Even 12 checkpoints of each one (48)" in out
    assert "With 6 checkpoints of each training run: 12 training runs (72 checkpoints) have power 0." in out
    assert re.search("With one checkpoint of each training run: [23][0-9] training runs have power 0.8", out)
    assert max(map(len, out.splitlines())) <= 120


@pytest.mark.usefixtures("quick")
def test_the_same_seed_prints_the_same_plan(capsys):
    for _ in range(2):
        main([*COMMAND, "--seed", "7", "--families", "5"])
    first, second = capsys.readouterr().out.split("Assumed")[1:]
    assert first == second
    assert "\n5  " in first


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--gain", "0"], "--gain should be a number above 0 and below 1, found 0"),
        (["--gain", ".2"], "--gain should be less than 0.15, so that r is below 1, found 0.2"),
        (["--rival", "1"], "--rival should be a number above -1 and below 1, found 1"),
        (["--between", ".5"], "--between 0.5: no three quantities have the correlations 0.95, 0.85 and 0.5; give one"),
        (["--between", "nan"], "--between should be a number above -1 and below 1, found nan"),
        (["--tasks", "9" * 400], "--tasks should be a number from 1 to 10000000, found 99999999999999999999"),
        (["--families", "3"], "--families should be from 4 to 60: fewer training runs show nothing, found 3"),
        (["--tasks", "20000000"], "--tasks should be a number from 1 to 10000000, found 20000000"),
        (["--attempts", "0"], "--attempts should be a number from 1 to 1000, found 0"),
        (["--power", "1"], "--power should be a number above 0 and below 1, found 1"),
        (["--rates", "60:20"], "--rates should be two rising percentages such as 20:60, found '60:20'"),
        (["--between-runs", "2"], "--between-runs should be a share from 0 to 1, found 2"),
        (["--seed", "-1"], "--seed should be a whole number of at least 0, found -1"),
    ],
)
def test_a_wrong_argument_is_named(arguments, error, capsys):
    assert main([*COMMAND, *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert error in line
