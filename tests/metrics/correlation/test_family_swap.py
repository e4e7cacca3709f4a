import math
from itertools import permutations

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics.correlation.family_swap import family_swap, grid, without_step
from lm_eval_hesnr.metrics.correlation.two_measures import correlation
from tests.metrics.correlation.nulls import NULLS, known, series


def test_the_p_value_is_the_share_of_ways():
    random = np.random.default_rng(0)
    x, y = random.normal(size=(2, 4, 3))
    of_x, of_y = (values - values.mean(axis=0) for values in (x, y))
    ways = [stats.pearsonr(of_x.ravel(), of_y[list(order)].ravel()).statistic for order in permutations(range(4))]
    found = known(family_swap([x], y, seed=0))
    assert found.values == pytest.approx([ways[0]])
    assert found.p_values == pytest.approx([np.mean(np.array(ways) >= ways[0] - 1e-9)])
    assert found.ways == 24


def test_with_one_step_it_is_the_permutation_test_of_scipy():
    random = np.random.default_rng(1)
    x = random.normal(size=7)
    y = x + random.normal(size=7)

    def _r(values, axis):
        return correlation(np.moveaxis(values, axis, -1), y)

    options = {"permutation_type": "pairings", "alternative": "greater", "n_resamples": 10_000, "vectorized": True}
    expected = stats.permutation_test((x,), _r, **options)  # all 5040 pairings
    found = known(family_swap([x[:, None]], y[:, None], seed=0))
    assert found.p_values == pytest.approx([expected.pvalue])
    assert found.values == pytest.approx([float(expected.statistic)])


@pytest.mark.parametrize("n_families", [4, 5])
def test_the_least_p_value_is_one_of_all_ways(n_families):
    y = np.arange(2.0 * n_families).reshape(n_families, 2) ** 2
    assert known(family_swap([y + 1], y, seed=0)).p_values == [1 / math.factorial(n_families)]


def test_a_common_curve_has_no_effect():
    x, y = np.random.default_rng(2).normal(size=(2, 4, 5))
    curve = np.array([0, 10, 100, 1000, -5.0])
    found, expected = known(family_swap([x + curve], y - 3 * curve, seed=0)), known(family_swap([x], y, seed=0))
    assert found.p_values == pytest.approx(expected.p_values)
    assert found.values == pytest.approx(expected.values)


@pytest.mark.parametrize("kind", NULLS)
@pytest.mark.parametrize("n_families", [4, 6])
def test_it_rejects_a_true_null_in_at_most_six_percent(kind, n_families):
    studies = 400 if n_families == 4 else 150
    x, y = (series(np.random.default_rng([i, n_families]), kind, studies, n_families, 6) for i in range(2))
    p_values = [known(family_swap([x[i]], y[i], seed=0)).p_values[0] for i in range(studies)]
    assert np.mean(np.array(p_values) <= 0.05) <= 0.06


def test_the_best_of_many_useless_measures_is_not_significant_after_max_t():
    random = np.random.default_rng(4)
    best, corrected = [], []
    for _ in range(60):
        found = known(family_swap(list(random.normal(size=(20, 5, 4))), random.normal(size=(5, 4)), seed=0))
        best.append(min(found.p_values) <= 0.05)
        corrected.append(min(found.max_p_values) <= 0.05)
        assert all(a >= b for a, b in zip(found.max_p_values, found.p_values, strict=True))
    assert np.mean(best) > 0.4
    assert np.mean(corrected) <= 0.1


def test_more_than_eight_families_get_random_ways_that_are_seeded():
    random = np.random.default_rng(5)
    x = random.normal(size=(9, 2))
    y = x + 1.5 * random.normal(size=(9, 2))
    found = known(family_swap([x], y, seed=1))
    assert found.ways == 100_000
    assert found == known(family_swap([x], y, seed=1))
    assert found.p_values == pytest.approx(known(family_swap([x], y, seed=2)).p_values, abs=0.01)


def test_nothing_that_differs_between_families_has_no_result():
    same, other = np.tile(np.arange(3.0), (4, 1)), np.random.default_rng(6).normal(size=(4, 3))
    assert not without_step(same).any()
    assert family_swap([same], other, seed=0) is None
    assert family_swap([other], same, seed=0) is None


def test_the_grid_has_the_steps_that_all_families_share():
    families, steps = ["b", "a", "a", "b", "a", "b"], [1, 1, 2, 2, 3, 4]
    assert known(grid(families, steps)).tolist() == [[1, 2], [0, 3]]


@pytest.mark.parametrize(
    ("families", "steps"),
    [(["a", "a", "b", "b"], [1, 2, 2, 3]), (["a", "a", "a", "b", "b"], [1, 2, 2, 1, 2]), (["a", "b"], [math.nan] * 2)],
)
def test_without_two_shared_steps_there_is_no_grid(families, steps):
    assert grid(families, steps) is None
