"""Intervals over units and seeds: by hand, against scipy, and their coverage."""

import math

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from lab.tax.crossed import Measured, of_cells, of_groups, of_units


def test_one_seed_is_students_t_over_the_units():
    cells = np.array([[0.1, 0.4, -0.2, 0.3, 0.5]])
    found, expected = of_cells(float(cells.mean()), cells), stats.ttest_1samp(cells[0], 0)
    assert found is not None
    assert found.interval == pytest.approx(tuple(expected.confidence_interval(0.95)))
    assert found.p_value == pytest.approx(expected.pvalue)


def test_seeds_that_differ_in_everything_leave_as_many_degrees_of_freedom_as_seeds():
    cells = np.array([[0.0], [1.0], [2.0]]) + np.zeros((3, 50))
    found, expected = of_cells(1.0, cells), stats.ttest_1samp([0, 1, 2], 0)
    assert found is not None
    assert found.interval == pytest.approx(tuple(expected.confidence_interval(0.95)))


def test_two_seeds_and_two_units_by_hand():
    cells = np.array([[0.0, 1.0], [4.0, 3.0]])
    # means of units 2, 2; of seeds 0.5, 3.5; rest -0.5, 0.5, 0.5, -0.5: mean squares 0, 9, 1, so 0 + 9 - 1 in 4 cells
    found = of_cells(2.0, cells)
    half = stats.t.ppf(0.975, 8**2 / (81 + 1)) * math.sqrt(8 / 4)
    assert found is not None
    assert found.interval == pytest.approx((2 - half, 2 + half))


def test_equal_models_differ_by_nothing_and_missing_values_have_no_difference():
    one = of_units(np.ones((3, 4)))
    same = one.minus(one)
    assert same is not None
    assert tuple(same) == (0.0, (0.0, 0.0), 1.0)
    assert not same.is_clear
    assert one.minus(Measured(math.nan, np.ones((3, 4)))) is None
    assert one.minus(of_groups(np.array([1.0]), np.array([[1.0, math.nan, 1.0, 1.0]]))) is None


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
    rng, hits, n = np.random.default_rng(1), 0, 400
    for _ in range(n):
        cells = rng.normal(size=(3, 14)) + rng.normal(size=14) + of_seed * rng.normal(size=(3, 1))
        found = of_cells(float(cells.mean()), cells)
        assert found is not None
        assert found.interval is not None
        hits += found.interval.low <= 0 <= found.interval.high
    assert 0.92 < hits / n < 0.99
