import math

import numpy as np
import pytest

from lm_eval_hesnr.metrics.noise import noise, scaled, signal_to_noise, smoothed


def test_the_noise_is_that_of_the_values_without_their_trend():
    random = np.random.default_rng(0)
    values = random.normal(0, 0.3, 4000) + np.arange(4000) * 5.0
    assert noise(values) == pytest.approx(0.3, rel=0.05)


def test_the_noise_of_a_worked_example():
    # differences 1, 3, 2: their standard deviation is 1
    assert noise(np.array([0.0, 1.0, 4.0, 6.0])) == pytest.approx(1 / math.sqrt(2))


def test_only_the_last_values_are_used_but_at_least_four():
    values = np.array([100.0, 0.0, 1.0, 4.0, 6.0])
    assert noise(values, last=2) == noise(values, last=4) == pytest.approx(1 / math.sqrt(2))
    assert (noise(values) or 0) > 10


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0, 3.0], [1.0, math.nan, 2.0, 3.0], [1.0, math.inf, 2.0, 3.0]])
def test_too_few_or_missing_values_have_no_noise(values):
    assert noise(np.array(values)) is None
    assert signal_to_noise([np.array(values)]) is None


def test_the_signal_of_one_run_is_the_range_of_its_values():
    assert signal_to_noise([np.array([0.0, 1.0, 4.0, 6.0])]) == pytest.approx(6 * math.sqrt(2))


def test_the_signal_of_several_runs_is_the_range_of_their_last_values():
    a, b = np.array([0.0, 1.0, 4.0, 6.0]), np.array([0.0, 3.0, 4.0, 6.0, 9.0])
    level = math.sqrt(((noise(a) or 0) ** 2 + (noise(b) or 0) ** 2) / 2)
    assert signal_to_noise([a, b]) == pytest.approx(3 / level)
    assert signal_to_noise([a, np.array([8.0])]) == pytest.approx(2 / (noise(a) or 0))


def test_values_on_a_line_have_no_ratio():
    assert noise(np.arange(5.0)) == 0
    assert signal_to_noise([np.arange(5.0)]) is None


def test_perplexities_are_compared_on_the_scale_of_their_logarithm():
    assert scaled("ppl", [1.0, math.e, None]).tolist()[:2] == [0.0, 1.0]
    assert math.isnan(scaled("he_ppl", [None])[0])
    assert scaled("he_snr", [0.1, 0.2]).tolist() == [0.1, 0.2]


def test_smoothing_is_over_the_value_and_the_two_before():
    found = smoothed(np.array([1.0, 2.0, 6.0, math.nan, 1.0, 1.0, 4.0]))
    np.testing.assert_allclose(found, [math.nan, math.nan, 3.0, math.nan, math.nan, math.nan, 2.0])
    assert np.isnan(smoothed(np.array([1.0, 2.0]))).all()
