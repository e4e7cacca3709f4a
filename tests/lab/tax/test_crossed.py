"""Intervals over units and seeds: by hand, against scipy, and their coverage."""

import math

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from lab.tax.crossed import Measured, intervals, of_groups, of_units


def interval_of(cells):
    (found,) = intervals([of_units(np.array(cells))])
    assert found is not None
    return found


def test_one_seed_is_students_t_over_the_units():
    cells = [[0.1, 0.4, -0.2, 0.3, 0.5]]
    found, expected = interval_of(cells), stats.ttest_1samp(cells[0], 0)
    assert found.interval == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert found.p_value == pytest.approx(expected.pvalue)


def test_one_row_of_which_only_the_seeds_differ_is_students_t_over_the_seeds():
    found, expected = interval_of([[0.0] * 50, [1.0] * 50, [2.0] * 50]), stats.ttest_1samp([0, 1, 2], 0)
    assert found.interval == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_two_rows_by_hand():
    one, other = of_units(np.array([[0.0, 1.0], [4.0, 3.0]])), of_units(np.array([[0.0, 2.0], [0.0, 2.0]]))
    # one: mean squares of units 0, of seeds 9, rest 1; other: 4, 0, 0. So the seeds add (9 + 0) / 2 - (1 + 0) / 2 = 4
    found = intervals([one, other])
    for row, value, of_units_, total in zip(found, (2, 1), (0, 4), (4, 8), strict=True):
        freedom = total**2 / (of_units_**2 / 1 + 4.5**2 / (2 / 1.25))
        half = stats.t.ppf(0.975, freedom) * math.sqrt(total / 4)
        assert row is not None
        assert row.interval == pytest.approx((value - half, value + half))


def test_equal_models_differ_by_nothing_and_missing_values_have_no_difference():
    one = of_units(np.ones((3, 4)))
    missing = of_groups(np.array([1.0]), np.array([[1.0, math.nan, 1.0, 1.0]]))
    same, *others = intervals([one.minus(one), one.minus(Measured(math.nan, np.ones((3, 4)))), one.minus(missing)])
    assert same is not None
    assert tuple(same) == (0.0, (0.0, 0.0), 1.0)
    assert not same.is_clear
    assert others == [None, None]


def test_a_mean_has_its_own_units_as_pseudo_values():
    values = np.array([[1.0, 2.0, 6.0], [0.0, 1.0, 5.0]])
    without = (values.sum(1, keepdims=True) - values) / 2
    found = of_groups(values.mean(1), without)
    assert found.value == pytest.approx(2.5)
    np.testing.assert_allclose(found.cells, values)


def test_a_mixture_is_between_both():
    one, other = Measured(1.0, np.zeros((1, 2))), Measured(3.0, np.ones((1, 2)))
    found = one.mixed(other, 0.25)
    assert found.value == 1.5
    assert found.cells.tolist() == [[0.25, 0.25]]


@pytest.mark.parametrize("of_seed", [0.0, 0.3, 1.0])
def test_about_95_of_100_intervals_contain_the_truth(of_seed):
    rng, hits, n = np.random.default_rng(1), 0, 100
    for _ in range(n):
        models = [rng.normal(size=(3, 14)) + rng.normal(size=14) + of_seed * rng.normal(size=(3, 1)) for _ in range(7)]
        rows = intervals([of_units(one).minus(of_units(models[0])) for one in models[1:]])
        hits += sum(row is not None and row.interval is not None and not row.is_clear for row in rows)
    assert 0.92 < hits / (6 * n) < 0.99
