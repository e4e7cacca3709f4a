import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics.correlation.decisions import decisions, jackknife_stderr, regret, resolvable
from tests.metrics.correlation.nulls import known


@pytest.mark.parametrize("seed", range(5))
def test_without_ties_decision_accuracy_is_half_of_tau_plus_one(seed):
    x, y = np.random.default_rng(seed).normal(size=(2, 11))
    assert 2 * decisions(x, y).accuracy - 1 == pytest.approx(stats.kendalltau(x, y).statistic)


def test_ties_count_half():
    # pairs: (0, 1) tied in x, (0, 2) agree, (1, 2) disagree
    assert decisions(np.array([1.0, 1.0, 2.0]), np.array([1.0, 3.0, 2.0])).accuracy == pytest.approx(0.5)
    assert decisions(np.array([1.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0])).accuracy == pytest.approx(2.5 / 3)


def test_the_order_of_the_rows_changes_nothing():
    random = np.random.default_rng(3)
    x, y = random.integers(0, 6, (2, 12)).astype(float)
    order = random.permutation(12)
    found, expected = decisions(x[order], y[order]), decisions(x, y)
    assert found.accuracy == pytest.approx(expected.accuracy)
    assert found.interval == pytest.approx(expected.interval)


def test_the_jackknife_of_a_mean_is_its_usual_standard_error():
    values = np.random.default_rng(0).normal(size=9)
    without = np.array([np.delete(values, i).mean() for i in range(9)])
    assert jackknife_stderr(without) == pytest.approx(stats.sem(values))


def test_the_interval_leaves_out_one_checkpoint_at_a_time():
    x, y = np.random.default_rng(1).normal(size=(2, 10))
    without = np.array([decisions(np.delete(x, i), np.delete(y, i)).accuracy for i in range(10)])
    half = stats.t.ppf(0.975, 9) * jackknife_stderr(without)
    found = decisions(x, y)
    assert found.interval == pytest.approx((max(0, found.accuracy - half), min(1, found.accuracy + half)))


def test_only_pairs_with_clearly_different_outcomes_are_resolvable():
    x, y = np.array([1.0, 3.0, 2.0]), np.array([0.0, 0.1, 5.0])
    found = known(resolvable(x, y, np.full((3, 3), 0.5)))
    assert (found.accuracy, found.pairs) == (0.5, 2)  # (0, 1) is not resolvable; (0, 2) agrees, (1, 2) does not
    assert resolvable(x, y, np.full((3, 3), 50.0)) is None


def test_regret_is_what_the_chosen_checkpoint_lacks():
    rate = np.array([0.1, 0.5, 0.3])
    assert regret(np.array([1.0, 2.0, 3.0]), rate) == pytest.approx(0.2)
    assert regret(np.array([1.0, 3.0, 3.0]), rate) == pytest.approx(0.1)
