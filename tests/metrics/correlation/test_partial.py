import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics.correlation.partial import dummies, left_out_error, partial
from tests.metrics.correlation.nulls import known


def test_with_one_covariate_it_is_the_textbook_formula():
    x, y, z = np.random.default_rng(0).normal(size=(3, 15))
    xy, xz, yz = (stats.pearsonr(*pair).statistic for pair in ((x, y), (x, z), (y, z)))
    found = known(partial(x, y, z[:, None]))
    r = (xy - xz * yz) / np.sqrt((1 - xz**2) * (1 - yz**2))
    assert found.value == pytest.approx(r)
    half = stats.norm.ppf(0.975) / np.sqrt(15 - 1 - 3)
    assert found.interval == pytest.approx(np.tanh([np.arctanh(r) - half, np.arctanh(r) + half]))


def test_the_level_of_families_has_no_effect():
    x, y = np.random.default_rng(1).normal(size=(2, 12))
    families = [f"run {i % 3}" for i in range(12)]
    levels = np.array([10.0 * (i % 3) ** 2 for i in range(12)])
    assert dummies(families).shape == (12, 2)
    assert known(partial(x + levels, y, dummies(families))).value == pytest.approx(
        known(partial(x, y, dummies(families))).value
    )


def test_what_the_covariates_explain_completely_has_no_partial_correlation():
    x, y = np.random.default_rng(2).normal(size=(2, 10))
    assert partial(x, y, (3 * x + 1)[:, None]) is None
    assert partial(x, y, np.random.default_rng(3).normal(size=(10, 7))) is None  # n - k - 3 is 0


def test_two_equally_noisy_readings_each_seem_to_add_to_the_other():
    """Why a partial correlation is printed only next to the split-half control."""
    above = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        ability = random.normal(size=24)
        x, z = ability + 0.2 * random.normal(size=(2, 24))
        y = ability + 0.1 * random.normal(size=24)
        above += known(known(partial(x, y, z[:, None])).interval).low > 0
    assert above > 50


def test_the_left_out_error_is_that_of_the_hat_matrix():
    random = np.random.default_rng(4)
    z, y = random.normal(size=(12, 2)), random.normal(size=12)
    design = np.column_stack([np.ones(12), z])
    hat = design @ np.linalg.inv(design.T @ design) @ design.T
    errors = (y - hat @ y) / (1 - np.diag(hat))
    names = [str(i) for i in range(12)]
    assert known(left_out_error(z, y, names)) == pytest.approx(np.sqrt(np.mean(errors**2)))


def test_a_whole_family_is_left_out():
    y = np.array([1.0, 1.0, 3.0, 3.0])
    assert known(left_out_error(np.empty((4, 0)), y, ["a", "a", "b", "b"])) == pytest.approx(2)
    assert known(left_out_error(np.empty((4, 0)), y, list("abcd"))) == pytest.approx(4 / 3)


def test_a_fit_that_is_not_possible_has_no_error():
    z, y = np.arange(4.0)[:, None], np.arange(4.0)
    assert left_out_error(z, y, ["a", "a", "b", "b"]) is None  # two checkpoints for two coefficients
    assert left_out_error(np.array([0.0, 0, 0, 0, 1])[:, None], np.arange(5.0), list("abcde")) is None
