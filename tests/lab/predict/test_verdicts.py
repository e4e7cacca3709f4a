"""The preregistered analysis of made-up studies in which the answer is known."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from lab.predict.after_the_fact import after_the_fact
from lab.predict.equal_loss import equal_loss
from lab.predict.made_up import Size, made_up
from lab.predict.study import Study
from lab.predict.verdicts import (
    AGAINST,
    REVERSED,
    SUPPORTS,
    UNDECIDED,
    Verdict,
    p2,
    p3,
    p4,
    p5,
    p6,
    p6_against,
    together,
    verdicts,
)
from lm_eval_hesnr.metrics.correlation.one_measure import pearson
from lm_eval_hesnr.results.correlate.points import Predictor

DRAWS = 6
MANY = Size(families=8)
"""With eight families, a large advantage is found in nearly every draw; with six, in three of four (PREREG)."""


SIX = Size()


def said(world: str, size: Size = SIX) -> Counter[str]:
    return Counter(together(verdicts(made_up(world, seed, size))) for seed in range(DRAWS))


def test_a_better_he_snr_is_supported():
    found = said("better", MANY)
    assert found[SUPPORTS] >= DRAWS - 1
    assert found[AGAINST] == 0


@pytest.mark.parametrize("world", ["worse", "training time", "entropy only"])
def test_what_speaks_against_he_snr_is_against(world):
    assert said(world) == {AGAINST: DRAWS}


@pytest.mark.parametrize("world", ["no difference", "same reading", "trend only"])
def test_he_snr_is_never_supported_without_an_advantage(world):
    assert said(world)[SUPPORTS] == 0


def test_the_fast_form_is_against_a_worse_he_snr_and_never_supports_it():
    assert said("worse", Size(families=4, seeds=2)) == {AGAINST: DRAWS}


def test_an_outcome_that_is_mostly_noise_is_against_nothing():
    assert AGAINST not in {one.verdict for one in verdicts(made_up("worse", 0, Size(tasks=10, seeds=1)))}
    assert AGAINST in {one.verdict for one in verdicts(made_up("worse", 0))}


def test_the_other_control_of_p6_follows_the_rule_about_noise_too():
    def exchanged(study: Study) -> tuple[np.ndarray, np.ndarray]:
        assert study.ppl.halves is not None
        return study.ppl.halves[1], study.ppl.halves[0]

    noisy = (made_up("worse", seed, Size(tasks=10, seeds=1)) for seed in range(100))
    study = next(one for one in noisy if p6_against(one, exchanged(one)).verdict == AGAINST)
    assert after_the_fact(study, lambda family: study).endswith("and the verdict of P6 is 'undecided'.")


def without_value(one: Predictor) -> Predictor:
    x = one.x.copy()
    x[3] = np.nan
    return replace(one, values=x, x=x)


def test_a_test_that_needs_a_missing_value_is_undecided():
    study = made_up("better", 0, MANY)
    assert {one.verdict for one in verdicts(study)} == {SUPPORTS}
    of_snr = verdicts(replace(study, he_snr=without_value(study.he_snr)))
    assert {one.verdict for one in of_snr} == {UNDECIDED}
    of_ppl = {one.name: one.verdict for one in verdicts(replace(study, ppl=without_value(study.ppl)))}
    assert of_ppl == dict.fromkeys(("P1", "P2", "P4", "P5", "P6"), UNDECIDED) | {"P3": SUPPORTS}
    without_halves = replace(study.ppl, halves=(without_value(study.ppl).x, study.ppl.x))
    assert p6(replace(study, ppl=without_halves)).verdict == UNDECIDED


def test_p2_supports_only_if_the_difference_of_calibrated_he_snr_is_known():
    study = made_up("better", 0, MANY)
    assert p2(study).verdict == SUPPORTS
    assert p2(replace(study, calibrated=without_value(study.calibrated))).verdict == UNDECIDED


def test_an_outcome_that_is_the_same_everywhere_decides_nothing():
    study = made_up("worse", 0)
    study.points.y = np.full_like(study.points.y, -7.0)
    assert {one.verdict for one in verdicts(study)} == {UNDECIDED}


def with_he_snr(study: Study, x: np.ndarray) -> Study:
    return replace(study, he_snr=replace(study.he_snr, values=x, x=x))


def test_one_family_in_which_he_snr_has_the_wrong_sign_is_against():
    study = made_up("better", 0)
    x = study.he_snr.x.copy()
    first = np.array(study.points.families) == "family0"
    x[first] = x[first].mean() + 1e-6 * -study.points.y[first]
    found = p3(with_he_snr(study, x))
    assert p3(study).verdict == SUPPORTS
    assert found.verdict == AGAINST
    assert (found.numbers["lowest_rho"] or 0) <= REVERSED


def test_p3_does_not_support_if_the_outcome_of_one_family_does_not_vary():
    study = made_up("better", 0)
    first = np.array(study.points.families) == "family0"
    study.points.y[first] = study.points.y[first].mean()
    found = p3(study)
    assert (found.numbers["p_value"] or 1) <= 0.05
    assert found.numbers["mean_rho"] is None
    assert found.verdict == UNDECIDED


def test_the_other_half_of_the_runs_can_be_the_control():
    study = made_up("better", 0, MANY)
    assert study.ppl.halves is not None
    first, second = study.ppl.halves
    assert p6_against(study, (first, second)) == p6(study)
    other = p6_against(study, (second, first)).numbers
    assert other["partial"] == p6(study).numbers["partial"]
    assert other["control"] != p6(study).numbers["control"]


def test_he_snr_that_is_the_same_for_all_families_at_each_step_decides_nothing():
    study = made_up("better", 0)
    assert p3(with_he_snr(study, np.tile(np.arange(6.0), 6))).verdict == UNDECIDED


def test_a_measure_has_no_advantage_over_itself():
    study = made_up("better", 1)
    same = with_he_snr(study, study.ppl.x)
    found = p4(same)
    assert found.numbers["share"] == found.numbers["mirrored"]
    assert found.verdict == p5(same).verdict == AGAINST
    assert p6(same).verdict == UNDECIDED


def test_the_two_shares_change_places_with_the_two_measures():
    study = made_up("no difference", 2)
    arguments = study.points.y, study.points.families
    there, back = (
        equal_loss(study.he_snr.x, study.ppl.x, *arguments),
        equal_loss(study.ppl.x, study.he_snr.x, *arguments),
    )
    assert (there.share, there.mirrored) == (back.mirrored, back.share)
    assert there.interval is not None
    assert back.interval is not None
    assert there.interval == pytest.approx((-back.interval.high, -back.interval.low))


def test_shares_of_pairs_worked_by_hand():
    # 20 pairs of different families; the two closest in b are (0, 4) and (1, 5), the two closest in a (2, 6) and (3, 7)
    a = np.array([1.0, 2, 10, 20, 3, 0, 10.1, 20.1])
    b = np.array([5.0, 7, 30, 60, 5.1, 7.1, 90, 99])
    y = np.array([1.0, 2, 3, 4, 5, 6, 7, 0])
    found = equal_loss(a, b, y, list("ssssttuu"))
    assert found.pairs == 2
    assert found.share == 0.5  # a orders (0, 4) as y does, and (1, 5) not
    assert found.mirrored == 0.5  # b orders (2, 6) as y does, and (3, 7) not
    assert found.largest_gap == pytest.approx(0.1)


def test_the_error_for_a_family_comes_from_a_fit_on_the_others():
    study = made_up("better", 3)
    families, x, y = np.array(study.points.families), study.he_snr.x, study.points.y
    squares = []
    for name in set(families):
        slope, intercept = np.polyfit(x[families != name], y[families != name], 1)
        squares += list((y - slope * x - intercept)[families == name] ** 2)
    assert p5(study).numbers["he_snr"] == pytest.approx(np.sqrt(np.mean(squares)))


def test_the_partial_correlation_is_that_within_families_given_perplexity():
    study = made_up("better", 4)
    families = np.array(study.points.families)
    centred = [
        values - np.array([values[families == name].mean() for name in families])
        for values in (study.he_snr.x, study.points.y, study.ppl.x)
    ]
    x, y = (values - centred[2] * (values @ centred[2]) / (centred[2] @ centred[2]) for values in centred[:2])
    assert p6(study).numbers["partial"] == pytest.approx(pearson(x, y).value)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, SUPPORTS),
        ({"P2": UNDECIDED, "P5": UNDECIDED, "P6": AGAINST}, SUPPORTS),
        ({"P4": UNDECIDED}, UNDECIDED),
        ({"P2": AGAINST}, AGAINST),
        ({"P3": AGAINST}, AGAINST),
        ({"P1": UNDECIDED, "P4": AGAINST}, AGAINST),
    ],
)
def test_the_rule_for_all_tests_together(given, expected):
    found = [Verdict(name=name, verdict=given.get(name, SUPPORTS)) for name in ("P1", "P2", "P3", "P4", "P5", "P6")]
    assert together(found) == expected
