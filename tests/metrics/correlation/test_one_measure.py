import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics.correlation.one_measure import fisher_interval, is_constant, kendall, pearson, spearman
from lm_eval_hesnr.metrics.correlation.two_measures import correlation


def normal_pairs(rho, n, seed):
    return np.linalg.cholesky([[1, rho], [rho, 1]]) @ np.random.default_rng(seed).normal(size=(2, n))


def test_the_coefficients_are_those_of_scipy():
    x, y = normal_pairs(0.7, 15, 0)
    low, high = stats.pearsonr(x, y).confidence_interval()
    assert pearson(x, y) == (pytest.approx(stats.pearsonr(x, y).statistic), (pytest.approx(low), pytest.approx(high)))
    assert spearman(x, y).value == pytest.approx(stats.spearmanr(x, y).statistic)
    assert kendall(x, y) == pytest.approx(stats.kendalltau(x, y).statistic)


def test_the_interval_of_pearson_is_that_of_fisher():
    x, y = normal_pairs(0.7, 15, 1)
    found = pearson(x, y)
    assert found.interval == pytest.approx(fisher_interval(found.value, 1 / np.sqrt(12)))


def test_the_interval_of_spearman_is_that_of_a_published_example():
    """The example of `ci.spear` in R's statpsych, after Bonett and Wright 2000; it uses the same standard error."""
    y = np.array([21, 4, 9, 12, 35, 18, 10, 22, 24, 1, 6, 8, 13, 16, 19])
    x = np.array([67, 28, 30, 28, 52, 40, 25, 37, 44, 10, 14, 20, 28, 40, 51])
    found = spearman(x, y)
    assert found.value == pytest.approx(0.8699639, abs=5e-8)
    assert found.interval == pytest.approx((0.5840951, 0.9638297), abs=5e-8)


@pytest.mark.parametrize("n", [12, 24])
def test_fishers_interval_contains_the_true_value_in_93_to_97_percent_of_cases(n):
    root = np.linalg.cholesky([[1, 0.9], [0.9, 1]])
    x, y = np.moveaxis(np.random.default_rng(n).normal(size=(4000, n, 2)) @ root.T, -1, 0)
    z, half = np.arctanh(correlation(x, y)), stats.norm.ppf(0.975) / np.sqrt(n - 3)  # as the test above shows
    assert 0.93 <= np.mean((np.tanh(z - half) < 0.9) & (np.tanh(z + half) > 0.9)) <= 0.97


def test_a_perfect_correlation_has_no_width():
    x = np.arange(6.0)
    assert pearson(x, 2 * x + 1).interval == pytest.approx((1, 1))
    assert spearman(x, x).interval == pytest.approx((1, 1))


@pytest.mark.parametrize(
    ("values", "constant"), [([3.0, 3.0, 3.0], True), ([0.1 + 0.2, 0.3, 0.3], True), ([1.0, 1.0, 1.001], False)]
)
def test_a_constant_is_constant_to_rounding(values, constant):
    assert is_constant(np.array(values)) is constant
