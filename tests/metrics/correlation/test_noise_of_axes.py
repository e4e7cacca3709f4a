import numpy as np
import pytest

from lm_eval_hesnr.metrics.bootstrap import RESAMPLES, resampled
from lm_eval_hesnr.metrics.correlation.noise_of_axes import (
    Noise,
    drawn_totals,
    noise_of,
    reliability,
    stderr_of_differences,
)
from lm_eval_hesnr.metrics.correlation.two_measures import correlation
from tests.metrics.correlation.nulls import known


def test_all_checkpoints_get_the_same_trajectories():
    rows = [np.random.default_rng(i).normal(size=(8, 3)) for i in range(2)]
    found = drawn_totals(rows, seed=5)
    for one, drawn in zip(rows, known(found), strict=True):
        assert drawn == pytest.approx(resampled(one, 8, seed=5))
    assert drawn_totals([one[:4] for one in rows], seed=5) is None


def test_what_moves_all_checkpoints_alike_is_no_noise():
    random = np.random.default_rng(0)
    values = random.normal(size=6)
    common = 3 * random.normal(size=(RESAMPLES, 1))
    own = 0.5 * values.std(ddof=1) * random.normal(size=(RESAMPLES, 6))
    assert reliability(values, values + common) == pytest.approx(1)
    assert reliability(values, values + common + own) == pytest.approx(0.75, abs=0.02)
    assert reliability(values, values + 100 * own) == 0


def test_each_axis_adds_its_own_noise():
    random = np.random.default_rng(1)
    y = random.normal(size=12)
    x = y + 0.3 * random.normal(size=12)
    drawn_x, drawn_y = (values + 0.1 * random.normal(size=(RESAMPLES, 12)) for values in (x, y))
    found = noise_of(x, y, drawn_x, drawn_y)
    r = float(correlation(x, y))
    z = np.arctanh(correlation(drawn_x, np.tile(y, (RESAMPLES, 1))))
    assert found.of_x == pytest.approx(z.std(ddof=1) * (1 - r**2))
    assert known(found.of_both) > max(known(found.of_x), known(found.of_y))
    assert found.of_checkpoints == pytest.approx((1 - r**2) / 3)
    assert found.ceiling == pytest.approx(np.sqrt(known(found.reliability_x) * known(found.reliability_y)))


def test_what_is_not_known_is_missing():
    x, y = np.arange(5.0), np.array([1.0, 0, 2, 3, 5])
    found = noise_of(x, y, None, None)
    assert found == Noise(None, None, None, found.of_checkpoints, None, None)
    assert found.ceiling is None
    assert noise_of(x, y, np.full((RESAMPLES, 5), np.nan), None).of_x is None


def test_the_error_of_a_difference_leaves_out_what_is_common():
    random = np.random.default_rng(2)
    common = random.normal(size=(4000, 1))
    drawn = np.concatenate([common, common, random.normal(size=(4000, 1))], axis=1)
    found = stderr_of_differences(drawn)
    assert found[0, 1] == pytest.approx(0, abs=1e-6)
    assert found[0, 2] == pytest.approx(np.sqrt(2), rel=0.05)
