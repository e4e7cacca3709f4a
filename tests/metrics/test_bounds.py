import math

import numpy as np
import pytest

from lm_eval_hesnr.metrics.bounds import DIRECTIONS, UNITS, Bounds, bounds, largest_snr
from lm_eval_hesnr.metrics.calibration import CALIBRATED
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER


@pytest.mark.parametrize("name", DIRECTIONS)
def test_every_measure_has_bounds_and_a_unit(name):
    low, high = bounds(name, k=10, epsilon=EPSILON)
    assert low >= 0
    assert high is None or high > low
    assert UNITS[name]


@pytest.mark.parametrize(("k", "expected"), [(5, 0.4761), (10, 0.5706), (20, 0.6147), (50, 0.6494)])
def test_the_largest_he_snr_for_some_sizes_of_the_candidate_set(k, expected):
    assert largest_snr(k, EPSILON) == pytest.approx(expected, abs=1e-4)


def test_no_distribution_has_a_larger_ratio():
    random = np.random.default_rng(0)
    q = random.dirichlet(np.full(10, 0.3), size=20_000)
    spikes = np.concatenate([[1 - 9 * x, *[x] * 9] for x in np.linspace(0.01, 0.1, 2000)]).reshape(-1, 10)
    q = np.concatenate([q, spikes])
    entropy = -(q * np.log(np.maximum(q, 1e-300))).sum(axis=1)
    ratios = (q.max(axis=1) / entropy)[entropy > EPSILON]
    largest = largest_snr(10, EPSILON)
    assert largest is not None
    assert 0.99 * largest < ratios.max() <= largest


def test_a_bound_that_depends_on_a_missing_threshold_is_not_known():
    assert bounds("he_snr", k=10, epsilon=None) == Bounds(0.0, None)
    assert bounds("mean_entropy", k=10, epsilon=None) == Bounds(0.0, math.log(10))
    assert largest_snr(3, EPSILON) is None  # ln 3 is below epsilon: there are no decisions
    assert largest_snr(2, 0.5) == pytest.approx(0.802 / 0.5, abs=0.01)


def test_the_directions_are_those_of_all_measures_that_a_run_can_have():
    assert DIRECTIONS == HIGHER_IS_BETTER | {CALIBRATED: True}
