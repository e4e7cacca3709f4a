import numpy as np
import pytest

from lm_eval_hesnr.metrics.bootstrap import Sample
from lm_eval_hesnr.metrics.measures import totals
from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.results.diagnosis.change import Change
from lm_eval_hesnr.results.run import Run
from tests.builders import token_scores


def sample(better, n_docs=8):
    """The totals of made-up documents; `better` moves every log-probability towards 0."""
    scores = [token_scores(seed=i, better=better) for i in range(n_docs)]
    return Sample.of(np.stack([totals(one.profile(one.scored, EPSILON), EPSILON) for one in scores]))


def change(before, after, samples=None):
    runs = [Run("x", "t", {"he_snr,action": value, "calibrated_he_snr,action": value}, {}) for value in (before, after)]
    return Change(runs[0], runs[1], "action", samples)


@pytest.mark.parametrize(
    ("before", "after", "move"),
    [
        (0.3, 0.33, 0.1),
        (0.3, 0.27, -0.1),
        (0.3, 0.301, None),
        (0, 0.3, None),
        (0.3, None, None),
        (0.3, float("nan"), None),
    ],
)
def test_a_change_below_half_a_percent_is_no_move(before, after, move):
    found = change(before, after).move("he_snr")
    assert found is None if move is None else found == pytest.approx(move)


def test_a_change_whose_paired_interval_contains_0_is_no_move():
    same, better = sample(0), sample(0.1)
    assert change(0.3, 0.33, (same, same)).move("he_snr") is None
    assert change(0.3, 0.33, (same, better)).move("he_snr") == pytest.approx(0.1)


def test_the_change_of_four_documents_is_no_move():
    assert change(0.3, 0.33, (sample(0, 5), sample(0.1, 5))).move("he_snr") == pytest.approx(0.1)
    assert change(0.3, 0.33, (sample(0, 4), sample(0.1, 4))).move("he_snr") is None


def test_a_measure_that_documents_do_not_have_is_not_paired():
    same = sample(0)
    assert change(0.3, 0.33, (same, same)).difference("calibrated_he_snr") is None
    assert change(0.3, 0.33, (same, same)).move("calibrated_he_snr") == pytest.approx(0.1)
