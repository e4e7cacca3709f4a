import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics.correlation.planning import jackknife_finds
from lm_eval_hesnr.metrics.correlation.two_measures import (
    are_same,
    correlation,
    family_jackknife,
    independent,
    limits,
    williams,
    zou_interval,
)
from tests.metrics.correlation.nulls import NULLS, known, series


@pytest.mark.parametrize(
    ("r_ay", "r_by", "r_ab", "n", "t", "p"),
    [
        (0.3, 0.4, 0.5, 100, -1.0767356378, 0.2842690470),
        (0.95, 0.85, 0.9, 12, 2.1307974702, 0.0619411395),
        (0.8, -0.2, 0.1, 24, 6.1241976952, 0.0000044656),
        (0.5, 0.2, 0.3, 50, 1.9816681429, 0.0533822004),
    ],
)
def test_williams_is_that_of_psych_in_r(r_ay, r_by, r_ab, n, t, p):
    """`psych::r.test(n=n, r12=r_ay, r13=r_by, r23=r_ab)` of psych 2.2.9. The first row is also published: -1.0767 and
    .2843 (Silver, Hittner and May, Applied Psychological Measurement 30, 2006, as cited in the tests of R's cocor)."""
    assert williams(r_ay, r_by, r_ab, n) == pytest.approx(np.array([t, p]), abs=5e-11)


def test_zous_interval_is_that_of_its_paper():
    """Zou 2007, example 2 (p. 409): overlapping correlations .396 and .179, .088 between them, n = 66."""
    assert zou_interval(0.396, 0.179, 0.088, 66) == pytest.approx((-0.093, 0.517), abs=5e-4)


@pytest.mark.parametrize(
    ("r_ay", "r_by", "r_ab", "t", "interval"),
    [(0.1724, 0.1795, 0.5387, -0.1909, (-0.0798, 0.0656)), (-0.1741, 0.2015, 0.3734, -9.0340, (-0.4568, -0.2921))],
)
def test_both_are_those_of_cocor_in_r(r_ay, r_by, r_ab, t, interval):
    """Printed by R's cocor for n = 646, with r to four digits, in a public text book on psychometrics."""
    assert williams(r_ay, r_by, r_ab, 646)[0] == pytest.approx(t, abs=3e-3)
    assert zou_interval(r_ay, r_by, r_ab, 646) == pytest.approx(interval, abs=1.5e-4)


def test_zous_interval_contains_the_true_difference_of_close_measures():
    root = np.linalg.cholesky([[1, 0.9, 0.95], [0.9, 1, 0.85], [0.95, 0.85, 1]])
    a, b, y = np.moveaxis(np.random.default_rng(3).normal(size=(800, 24, 3)) @ root.T, -1, 0)
    rs = zip(correlation(a, y), correlation(b, y), correlation(a, b), strict=True)
    found = [zou_interval(*map(float, three), 24) for three in rs]  # type: ignore[arg-type, call-arg]
    assert 0.93 <= np.mean([low < 0.1 < high for low, high in found]) <= 0.97


def test_correlation_is_that_of_scipy_along_the_last_axis():
    a, b = np.random.default_rng(0).normal(size=(2, 3, 7))
    assert correlation(a, b) == pytest.approx([stats.pearsonr(*rows).statistic for rows in zip(a, b, strict=True)])
    assert np.isnan(correlation(np.ones(4), np.arange(4.0)))


def test_independent_checkpoints_get_both():
    a, b, y = np.random.default_rng(1).normal(size=(3, 20))
    found = known(independent(a, b, y))
    r_ay, r_by, r_ab = (float(correlation(*pair)) for pair in ((a, y), (b, y), (a, b)))
    assert found.difference == pytest.approx(r_ay - r_by)
    assert found.p_value == pytest.approx(williams(r_ay, r_by, r_ab, 20)[1])
    assert found.interval == pytest.approx(zou_interval(r_ay, r_by, r_ab, 20))


def test_a_linear_function_is_the_same_measure():
    a, b = np.random.default_rng(2).normal(size=(2, 9))
    assert are_same(a, 3 - 2 * a)
    assert not are_same(a, a + 0.01 * b)


@pytest.mark.parametrize("n", [8, 12, 36])
def test_williams_rejects_a_true_null_of_independent_checkpoints_in_five_percent(n):
    root = np.linalg.cholesky([[1, 0.95, 0.9], [0.95, 1, 0.9], [0.9, 0.9, 1]])
    a, b, y = np.moveaxis(np.random.default_rng(n).normal(size=(4000, n, 3)) @ root.T, -1, 0)
    p = williams(correlation(a, y), correlation(b, y), correlation(a, b), n)[1]
    assert np.mean(p < 0.05) <= 0.06


def test_williams_is_wrong_for_random_walks():
    """Why it is not used for checkpoints of the same training run."""
    a, b, y = (series(np.random.default_rng(i), "walk + trend", 2000, 1, 24)[:, 0] for i in range(3))
    p = williams(correlation(a, y), correlation(b, y), correlation(a, b), 24)[1]
    assert np.mean(p < 0.05) > 0.3


@pytest.mark.parametrize("kind", NULLS)
@pytest.mark.parametrize(("families", "steps"), [(4, 6), (6, 6)])
def test_the_jackknife_over_families_keeps_its_level(kind, families, steps):
    a, b, y = (series(np.random.default_rng(i), kind, 4000, families, steps) for i in range(3))
    assert jackknife_finds(a, b, y).mean() + jackknife_finds(b, a, y).mean() <= 0.06


def test_thejackknife_finds_what_the_simulation_finds():
    a, b, y = (series(np.random.default_rng(i), "trend", 60, 5, 4) for i in range(3))
    names = [str(f) for f in range(5) for _ in range(4)]
    tests = [known(family_jackknife(a[i].ravel(), b[i].ravel(), y[i].ravel(), names)) for i in range(60)]
    assert [test.p_value < 0.05 and test.difference > 0 for test in tests] == jackknife_finds(a, b, y).tolist()


def test_the_jackknife_is_the_textbook_one():
    a, b, y = np.random.default_rng(8).normal(size=(3, 15))
    names = np.array([str(i % 5) for i in range(15)])
    z = np.arctanh([[correlation(x[names != name], y[names != name]) for name in "01234"] for x in (a, b)])
    z_a, z_b = np.arctanh([correlation(x, y) for x in (a, b)])
    deviations = z - [[z_a], [z_b]]
    covariance = 4 / 5 * deviations @ deviations.T
    se_a, se_b = np.sqrt(np.diag(covariance))
    t = stats.t.ppf(0.975, 4)
    expected = limits(z_a, z_b, t * se_a, t * se_b, covariance[0, 1] / (se_a * se_b))
    assert known(family_jackknife(a, b, y, names.tolist())).interval == pytest.approx(tuple(map(float, expected)))


def test_the_interval_of_the_jackknife_contains_the_true_difference():
    root = np.linalg.cholesky([[1, 0.9, 0.95], [0.9, 1, 0.85], [0.95, 0.85, 1]])
    random = np.random.default_rng(4)
    inside = 0
    for _ in range(150):
        levels = np.repeat(random.normal(size=(6, 3)), 4, axis=0)
        a, b, y = ((levels + random.normal(size=(24, 3))) @ root.T).T
        low, high = known(family_jackknife(a, b, y, [str(i // 4) for i in range(24)])).interval
        inside += low < 0.1 < high
    assert 0.9 <= inside / 150 <= 0.99


def test_the_interval_of_the_jackknife_excludes_zero_exactly_with_a_small_p_value():
    for seed in range(30):
        random = np.random.default_rng(seed)
        y = random.normal(size=20)
        a, b = y + 0.3 * random.normal(size=20), y + 0.7 * random.normal(size=20)
        test = known(family_jackknife(a, b, y, [str(i % 5) for i in range(20)]))
        assert test.difference == pytest.approx(float(correlation(a, y) - correlation(b, y)))
        assert (test.p_value < 0.05) is not (test.interval.low <= 0 <= test.interval.high)


def test_the_names_and_the_order_of_families_change_nothing():
    a, b, y = np.random.default_rng(5).normal(size=(3, 20))
    names = [str(i % 4) for i in range(20)]
    order = np.random.default_rng(6).permutation(20)
    permuted = known(family_jackknife(a[order], b[order], y[order], [f"run {names[i]}" for i in order]))
    expected = known(family_jackknife(a, b, y, names))
    assert permuted.p_value == pytest.approx(expected.p_value)
    assert permuted.interval == pytest.approx(expected.interval)
