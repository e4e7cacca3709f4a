from dataclasses import replace

import numpy as np
import pytest

from lm_eval_hesnr.metrics.bootstrap import Interval
from lm_eval_hesnr.metrics.correlation.two_measures import Contrast, family_jackknife, independent
from lm_eval_hesnr.results.compare.verdict import holm
from lm_eval_hesnr.results.correlate.correlation import correlate
from lm_eval_hesnr.results.correlate.differences import NO, NOT_KNOWN, YES, Difference
from lm_eval_hesnr.results.correlate.sentences import headline
from tests.results.correlate.test_correlation import BITS, PPL, Spec, points, result


@pytest.mark.parametrize(
    ("value", "interval", "p_value", "answer"),
    [
        (0.1, (0.02, 0.3), 0.01, YES),
        (-0.1, (-0.3, -0.02), 0.01, NO),
        (0.01, (-0.02, 0.04), 0.4, NO),  # no useful gain
        (0.1, (-0.02, 0.3), 0.1, NOT_KNOWN),
        (0.03, (0.01, 0.049), 0.2, NO),  # clear before Holm, but of no use
        (0.1, (0.02, 0.3), None, NOT_KNOWN),
    ],
)
def test_the_answer_follows_from_p_and_the_interval(value, interval, p_value, answer):
    test = Contrast(value, Interval(*interval), 0.01)
    found = Difference(label="a", rival="b", r=0.9, r_rival=0.8, r_between=0.9, test=test, p_value=p_value)
    assert found.answer == answer


@pytest.mark.parametrize(
    ("family", "test"), [(str, independent), (lambda i: str(i % 4), None)], ids=["independent", "families"]
)
def test_the_test_fits_the_checkpoints_and_holm_covers_all_differences(family, test):
    found = points(16, family=family, noise=0.3)
    he_ppl = Spec("top1_acc", "action")
    compared = result(found, rivals=(PPL, BITS, he_ppl)).differences
    tested = [one for one in compared if one.test is not None]
    assert [one.p_value for one in tested] == holm([one.test.p_value for one in tested if one.test])
    assert {one.comparisons for one in tested} == {len(tested)}
    (he_snr,), (ppl,) = found.predictors([Spec("he_snr", "action")]), found.predictors([PPL])
    expected = (
        independent(he_snr.x, ppl.x, found.y) if test else family_jackknife(he_snr.x, ppl.x, found.y, found.families)
    )
    assert compared[0].test == expected
    assert compared[0].if_independent == independent(he_snr.x, ppl.x, found.y)


@pytest.mark.parametrize(
    ("interval", "p_value", "r", "words"),
    [
        ((0.02, 0.3), 0.01, 0.9, "YES. r is 0.900"),
        ((-0.3, -0.02), 0.01, 0.9, "NO: it predicts worse. r is"),
        ((-0.3, -0.02), 0.09, 0.9, "NO: a gain in r of 0.05 or more (option --gain) does not fit the data. r is"),
        (
            (-0.02, 0.01),
            0.6,
            0.97,
            "NO: both are so near to r = 1 that a gain in r of 0.05 (option --gain) is impossible",
        ),
        (
            (-0.02, 0.3),
            0.1,
            0.9,
            "NOT KNOWN: no gain in r and a gain of 0.05 or more (option --gain) both fit the data.",
        ),
        ((0.02, 0.3), 0.06, 0.9, "NOT KNOWN: the advantage is not clear after so many comparisons. r is"),
    ],
)
def test_the_words_fit_the_numbers(interval, p_value, r, words):
    found = result(points(16, family=str, noise=0.3))
    test = Contrast(sum(interval) / 2, Interval(*interval), 0.01)
    one = replace(found.differences[0], r=r, r_rival=0.96, test=test, p_value=p_value, comparisons=2)
    line, of_test = headline(replace(found, differences=[one]))
    assert line.startswith(f"Does he_snr,action predict the outcome better than ppl,action? {words}")
    assert of_test == (
        "p of each difference comes from Williams' t test. Its interval is that of Zou. p is corrected for 2 "
        "comparisons (Holm)."
    )


def test_the_user_says_which_gain_is_of_use():
    test = Contrast(0.01, Interval(-0.02, 0.04), 0.4)
    one = Difference(label="a", rival="b", r=0.9, r_rival=0.8, r_between=0.9, test=test, p_value=0.4)
    assert [replace(one, gain=gain).answer for gain in (0.03, 0.05)] == [NOT_KNOWN, NO]
    found = points(16, family=str, noise=0.3)
    of_one, _ = correlate(found, found.predictors([Spec("he_snr", "action")]), found.predictors([PPL]), 0.2).differences
    assert of_one.gain == 0.2


def test_a_better_measure_has_a_positive_difference():
    random = np.random.default_rng(0)
    found = result(points(16, family=str, ppl=9 - 2 * np.arange(16) / 16 + random.normal(size=16)))
    assert found.differences[0].r > 0.9 > found.differences[0].r_rival
    assert found.differences[0].answer == YES
