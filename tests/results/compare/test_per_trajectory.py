import numpy as np
import pytest

from lm_eval_hesnr.results.compare.comparison import compare
from lm_eval_hesnr.results.compare.per_trajectory import moved
from tests.builders import compared_run


def test_the_effect_counts_decisions_by_their_distance_from_the_mean_of_both_runs():
    """he_snr is 0.175 in a and 0.125 in b; the mean of both is 0.15."""
    a, b = (
        compared_run(name, [0.1, 0.2], decisions=np.array(decisions))
        for name, decisions in (("a", [100, 300]), ("b", [300, 100]))
    )
    rows = moved(compare([a, b], "action"))
    assert {row["trajectory"]: row["effect"] for row in rows} == pytest.approx({"run 0": -0.025, "run 1": -0.025})


def test_a_trajectory_without_decisions_in_one_run_has_the_effect_of_the_other():
    a, b = compared_run("a", [0.1, 0.2]), compared_run("b", [0.1, 0.2], decisions=np.array([100, 0]))
    first = next(row for row in moved(compare([a, b], "action")) if row["trajectory"] == "run 1")
    assert first["he_snr_after"] is None
    assert first["effect"] == pytest.approx(-(0.2 - 0.125) / 2)
