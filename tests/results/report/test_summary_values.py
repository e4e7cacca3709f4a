import math

import pytest

from lm_eval_hesnr.results.report.summary_values import finite, histogram, shift, threshold_points


def test_the_bins_of_the_page_have_all_tokens_of_the_file():
    summary = {"histogram": {"edges": "0 0.01 0.05 0.06 0.1 2.30258509", "tokens": "4 1 2 3 5 7"}}
    counts = histogram(summary)
    assert counts is not None
    assert counts[:2] == [7, 8]
    assert (len(counts), counts[46]) == (47, 7)


@pytest.mark.parametrize(
    "found",
    [
        None, 3, {}, {"edges": "0 1", "tokens": "1"}, {"edges": "a", "tokens": "1"}, {"edges": "1e9", "tokens": "1"},
        {"edges": "-1", "tokens": "1"}, {"edges": "1", "tokens": "-1"}, {"edges": "1e999", "tokens": "1"},
        {"edges": "1", "tokens": "0"}, {"edges": "1", "tokens": "1e300"}, {"edges": [1], "tokens": [1]},
        {"edges": "1..2", "tokens": "1"}, {"edges": "", "tokens": ""},
    ],
)  # fmt: skip
def test_a_histogram_of_another_form_is_not_drawn(found):
    assert histogram({"histogram": found}) is None


def test_thresholds_of_another_form_are_left_out():
    given = [{"epsilon": 1.0, "he_snr": 0.1}, {"epsilon": "1"}, 3, {"epsilon": 2.0, "he_snr": math.nan}]
    expected = [{"epsilon": 1.0, "he_snr": 0.1}, {"epsilon": 2.0, "he_snr": None}]
    assert threshold_points({"sweep": given}) == expected
    assert threshold_points({"sweep": "x"}) == []


def test_the_shift_has_its_interval_if_the_file_has_it():
    assert shift({"shape": {"ln3_ln4_shift": 0.3, "ln3_ln4_shift_interval": [0.2, 0.4]}}) == (0.3, (0.2, 0.4))
    assert shift({"shape": {"ln3_ln4_shift": 0.3, "ln3_ln4_shift_interval": "x"}}) == (0.3, None)
    assert shift({"shape": None}) is None


def test_only_finite_numbers_are_numbers():
    assert [finite(value) for value in (1, 0.5, math.inf, math.nan, None, "1", True)] == [1.0, 0.5, *[None] * 5]
