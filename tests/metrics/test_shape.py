import math
from typing import Any

import numpy as np
import pytest
from scipy.signal import find_peaks  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics import shape
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.metrics.profile import EntropyProfile

TOP = math.log(10)


def whole(entropy, **options):
    ones = np.ones(len(entropy))
    profile = EntropyProfile.of_tokens(-ones, np.asarray(entropy), ones.astype(int), ones, **{"k": 10} | options)
    bounds, rows = shape.cumulative([profile])
    return shape.shaped(bounds, rows[0])


def by_order(entropy, **options):
    peaks: Any = shape.peaks(whole(entropy, **options))
    return {peak.order: peak for peak in peaks}


def test_computed_by_hand():
    """60 tokens at ln 2, 30 at ln 3, 10 at ln 10."""
    found = by_order(np.repeat([math.log(2), math.log(3), TOP], [60, 30, 10]))
    assert [found[n].mass for n in (1, 2, 3, 4, 5, 10)] == [0, 0.6, 0.3, 0, 0, 0.1]
    assert [found[n].location for n in (2, 3, 10)] == pytest.approx([math.log(2), math.log(3), TOP], abs=1e-12)
    assert [found[n].location for n in (1, 4, 5)] == [None] * 3


@pytest.mark.parametrize("order", [2, 3, 4, 5, 10])
@pytest.mark.parametrize("epsilon", [EPSILON, 1.3])
def test_a_window_is_0_06_nats_on_either_side_to_the_token(order, epsilon):
    middle = math.log(order)
    entropy = [middle - 0.0601, middle - 0.0599, middle + 0.0599, middle + 0.0601, 0.3]
    inside = 2 if order < 10 else 3  # one-sided at ln k; past ln k by rounding still counts
    assert by_order(entropy, epsilon=epsilon)[order].mass == pytest.approx(inside / 5 if order < 10 else 3 / 5)


def test_exact_zeros_belong_to_ln_1():
    found = by_order([0.0] * 50 + [0.0599] * 10 + [0.0601] * 40)[1]
    assert found.mass == 0.6
    assert found.location == 0.0


def test_masses_equal_those_of_the_tokens():
    entropy = np.random.default_rng(0).gamma(2.0, 0.5, 20_000).clip(0, TOP)
    for order, peak in by_order(entropy).items():
        assert peak.mass == pytest.approx((np.abs(entropy - math.log(order)) <= 0.06).mean(), rel=1e-12)


def test_locations_agree_with_scipys_peaks():
    rng = np.random.default_rng(1)
    humps = [rng.normal(middle, 0.03, n) for middle, n in ((0.67, 4000), (1.11, 5000), (1.36, 6000))]
    entropy = np.concatenate([*humps, rng.uniform(0, TOP, 5000)])
    counts, edges = np.histogram(entropy, bins=np.arange(0, TOP, 0.01))
    smooth = np.convolve(counts, np.ones(6) / 6, mode="same")
    places = edges[:-1][find_peaks(smooth, prominence=300)[0]]
    found = by_order(entropy)
    assert [found[n].location for n in (2, 3, 4)] == pytest.approx(places.tolist(), abs=0.015)
    assert [found[n].location for n in (1, 5, 10)] == [None] * 3


@pytest.mark.parametrize("n", [300, 5000])
@pytest.mark.parametrize("kind", ["uniform", "gamma"])
def test_noise_has_no_peaks(kind, n):
    """At most 5 % of 200 seeds at any order. (The clipped tail of the gamma is a real peak at ln 10.)"""
    alarms = dict.fromkeys((1, 2, 3, 4, 5), 0)
    for seed in range(200):
        rng = np.random.default_rng(seed)
        entropy = rng.uniform(0, TOP, n) if kind == "uniform" else rng.gamma(2.0, 0.55, n).clip(0, TOP)
        found = by_order(entropy)
        for order in alarms:
            alarms[order] += found[order].location is not None
    assert max(alarms.values()) <= 10


@pytest.mark.parametrize(("excess", "found"), [(0.03, False), (0.08, True)])
def test_a_peak_of_a_few_percent_is_none_however_many_tokens(excess, found):
    """A million tokens a core: chance is 0.4 %."""
    flat = np.arange(0, TOP, 1e-5)
    bump = np.arange(1.07, 1.13, 1e-5 / excess)
    ones = np.ones(len(flat) + len(bump))
    one = EntropyProfile.of_tokens(-ones, np.concatenate([flat, bump]), ones.astype(int), ones, k=10)
    bounds, rows = shape.cumulative([EntropyProfile(one.edges, 170 * one.sums)])
    assert shape.is_peak(shape.shaped(bounds, rows[0]), 3) is found


def test_the_shift_computed_by_hand():
    entropy = np.repeat([math.log(3), math.log(4), 0.0], [30, 10, 7])
    assert float(shape.ln3_ln4_shift(whole(entropy))) == 0.75


def test_the_shift_needs_four_candidates():
    assert np.isnan(shape.ln3_ln4_shift(whole([math.log(3)] * 9, k=3)))
    assert float(shape.ln3_ln4_shift(whole([math.log(3)] * 9 + [math.log(4)], k=4))) == 0.9


@pytest.mark.parametrize(("k", "orders"), [(1, [1]), (2, [1, 2]), (4, [1, 2, 3, 4]), (1000, [1, 2, 3, 4, 5, 10])])
def test_only_orders_up_to_k_have_a_peak(k, orders):
    assert list(by_order([0.0] * 9 + [math.log(k)], k=k)) == orders


def test_the_shape_does_not_depend_on_epsilon():
    entropy = np.random.default_rng(2).normal(math.log(3), 0.05, 1000)
    assert by_order(entropy, epsilon=EPSILON) == by_order(entropy, epsilon=1.1 + 1e-7)
