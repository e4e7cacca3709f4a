import math

import numpy as np
import pytest

from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.metrics.profile import EntropyProfile
from lm_eval_hesnr.metrics.thresholds import otsu_threshold, quantile_threshold, threshold, valley_threshold

TOP = math.log(10)


def profile_of(entropy, **options):
    entropy = np.asarray(entropy, float)
    ones = np.ones(len(entropy))
    return EntropyProfile.of_tokens(-ones, entropy, ones.astype(int), ones, **{"k": 10} | options)


def mixture(*parts, seed=0):
    rng = np.random.default_rng(seed)
    return profile_of(np.concatenate([rng.normal(mean, sd, n).clip(0, TOP) for mean, sd, n in parts]))


def test_static_is_given_back():
    assert threshold(profile_of([1.0]), "static", epsilon=EPSILON) == EPSILON


def test_a_quantile_is_within_a_bin_of_numpys():
    entropy = np.random.default_rng(0).uniform(0, 2.3, 50_000)
    got = quantile_threshold(profile_of(entropy), 0.8)
    assert got == pytest.approx(np.quantile(entropy, 0.8), abs=0.011)
    assert got in profile_of(entropy).edges


def test_a_quantile_computed_by_hand():
    """Of ten tokens eight are at 0.105 or below; the grid point above it is 0.11."""
    assert threshold(profile_of([0.0] * 6 + [0.105] * 2 + [1.0] * 2), "quantile", epsilon=EPSILON) == 0.11


@pytest.mark.parametrize("k", [2, 10, 16, 1000])
def test_a_quantile_with_nothing_above_it_finds_nothing(k):
    at_the_end = profile_of([math.log(k)] * 10, k=k)
    assert threshold(at_the_end, "quantile", epsilon=0.5) is None
    assert threshold(at_the_end, "otsu", epsilon=0.5) is None


def test_the_valley_between_two_peaks():
    got = valley_threshold(mixture((math.log(3), 0.05, 20_000), (math.log(4), 0.05, 20_000)))
    assert got == pytest.approx(EPSILON, abs=0.03)


def test_the_valley_is_the_middle_of_an_empty_gap_whatever_epsilon():
    entropy = [math.log(3)] * 100 + [math.log(4)] * 100
    found = [valley_threshold(profile_of(entropy, epsilon=epsilon)) for epsilon in (EPSILON, 1.24 + 1e-7, 1.3)]
    assert found == [pytest.approx(EPSILON, abs=0.011)] * 3
    assert len(set(found)) == 1


@pytest.mark.parametrize(
    "parts",
    [
        [(math.log(3), 0.05, 20_000)],
        [(1.0, 0.6, 100_000)],
        [(0.0, 0.0, 10)],
        [(math.log(3), 0.0, 4), (math.log(4), 0.0, 4)],  # two peaks, but eight tokens tell nothing
    ],
)
def test_no_valley_no_number(parts):
    assert valley_threshold(mixture(*parts)) is None


@pytest.mark.parametrize("n", [300, 5000])
@pytest.mark.parametrize("kind", ["uniform", "gamma", "clustered"])
def test_flat_or_single_humped_noise_has_no_valley(kind, n):
    """At most 5 % of 200 seeds."""
    draw = {
        "uniform": lambda rng: rng.uniform(0, TOP, n),
        "gamma": lambda rng: rng.gamma(2.0, 0.55, n).clip(0, TOP),
        "clustered": lambda rng: (rng.gamma(2.0, 0.55, n) * np.repeat(rng.uniform(0.6, 1.4, 20), n // 20)).clip(0, TOP),
    }[kind]
    alarms = sum(valley_threshold(profile_of(draw(np.random.default_rng(seed)))) is not None for seed in range(200))
    assert alarms <= 10


def test_otsu_splits_two_groups_as_well_as_a_search_over_every_token():
    rng = np.random.default_rng(3)
    entropy = np.concatenate([rng.normal(0.4, 0.1, 500), rng.normal(1.8, 0.15, 300)]).clip(0, 2.3)

    def between(cut):
        low, high = entropy[entropy <= cut], entropy[entropy > cut]
        return len(low) * len(high) * (low.mean() - high.mean()) ** 2

    profile = profile_of(entropy)
    got = otsu_threshold(profile)
    grid = [i / 100 for i in range(31, 200)]
    assert between(got) == pytest.approx(max(map(between, grid)), rel=1e-9)
    assert between(got) == pytest.approx(max(between(cut) for cut in np.sort(entropy)[:-1]), rel=0.001)


def test_otsu_takes_the_middle_of_a_gap():
    assert otsu_threshold(profile_of([0.5] * 3 + [1.5] * 3)) == pytest.approx(1.0, abs=0.011)


@pytest.mark.parametrize("method", ["quantile", "valley", "otsu"])
def test_of_nothing_an_adaptive_threshold_is_no_number(method):
    assert threshold(EntropyProfile.zero(10), method, epsilon=EPSILON) is None


@pytest.mark.parametrize("k", [1, 2, 3])
def test_few_candidates_have_no_valley(k):
    assert threshold(profile_of([0.0, math.log(k)] * 50, k=k), "valley", epsilon=0.5) is None


def test_an_unknown_method_names_the_known():
    with pytest.raises(ValueError, match="known: static, quantile, valley, otsu"):
        threshold(profile_of([1.0]), "knee", epsilon=EPSILON)
