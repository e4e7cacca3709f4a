"""The criteria of `threshold`, in made-up studies in which the answer is known."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from lab.predict.made_up import Size
from lab.predict.verdicts import AGAINST, SUPPORTS, UNDECIDED
from lab.threshold.choice import best_of_resamples, nested
from lab.threshold.grid import PLATEAU
from lab.threshold.made_up import ERROR, made_up
from lab.threshold.rates import rates
from lab.threshold.verdicts import Found, found_in, plateau_verdict, sentence
from lm_eval_hesnr.metrics.bootstrap import Interval
from lm_eval_hesnr.metrics.correlation.two_measures import Contrast, correlation
from lm_eval_hesnr.results.correlate.rows import Swaps

SIX = Size()


@cache
def said(world: str, seed: int = 0, size: Size = SIX) -> Found:
    return found_in(made_up(world, seed, size))


def test_a_plateau_is_one_and_no_adaptive_threshold_is_better():
    found = said("plateau")
    assert found.verdicts == {"plateau": SUPPORTS, "adaptive": AGAINST, "choice": AGAINST}
    assert sentence(found, fast=False) == (
        "From ln 2 to ln 5 the threshold does not matter; no adaptive threshold predicts better than the static one; a "
        "threshold chosen on other trainings has no useful advantage over the default."
    )


def test_thresholds_that_see_less_at_the_ends_of_the_range_are_no_plateau():
    found = said("peak")
    assert found.verdicts["plateau"] == AGAINST
    assert 1.0 < found.argmax < 1.5
    assert found.argmax_interval.low > 0.9
    assert found.argmax_interval.high < 1.6


def test_a_better_threshold_that_is_chosen_on_other_families_predicts_better():
    found = said("low")
    assert found.verdicts["choice"] == SUPPORTS
    assert found.nested is not None
    assert found.argmax_interval.high < 1.0


def test_a_better_adaptive_threshold_is_supported_and_a_worse_one_is_against():
    assert said("adaptive better").verdicts["adaptive"] == SUPPORTS
    assert said("adaptive worse").verdicts["adaptive"] == AGAINST


def test_where_nothing_predicts_there_is_no_plateau_and_the_search_finds_nothing():
    found = [said("nothing", seed) for seed in range(3)]
    assert all(one.verdicts["plateau"] != SUPPORTS for one in found)
    assert sum(min(p for *_, p in one.swaps.by_label.values()) > 0.05 for one in found) >= 2
    assert min(p for *_, p in said("peak").swaps.by_label.values()) <= 0.05


def test_thresholds_that_agree_are_no_plateau_if_the_default_does_not_predict():
    made, found = made_up("plateau", 0), said("plateau")
    label = made.default.predictor.label
    assert plateau_verdict(made, found.plateau, found.ends, found.swaps) == SUPPORTS
    for numbers in ((0.3, 0.06, 0.2), (-0.3, 0.01, 0.01)):
        weak = Swaps({**found.swaps.by_label, label: numbers})
        assert plateau_verdict(made, found.plateau, found.ends, weak) == UNDECIDED


def test_a_threshold_of_the_range_that_is_clearly_better_is_no_plateau_either():
    made, found = made_up("plateau", 0), said("plateau")
    better = Contrast(0.1, Interval(0.06, 0.14), 0.001)
    inside, end = sorted(found.plateau)[1], min(found.plateau)
    for at, p_values, verdict in (
        (inside, found.ends, UNDECIDED),
        (end, {**found.ends, end: 0.2}, UNDECIDED),
        (end, {**found.ends, end: 0.002}, AGAINST),
    ):
        assert plateau_verdict(made, {**found.plateau, at: better}, p_values, found.swaps) == verdict
    assert said("low").verdicts["plateau"] == AGAINST


def test_the_ends_of_the_range_are_ln_2_and_ln_5():
    found = said("plateau")
    assert (min(found.plateau), max(found.plateau)) == PLATEAU
    assert set(found.ends) == set(PLATEAU)


def test_the_p_value_after_the_search_is_never_smaller_than_that_of_one_threshold():
    assert all(after >= alone for _, alone, after in said("nothing").swaps.by_label.values())


def test_an_outcome_that_is_mostly_noise_is_against_nothing():
    assert AGAINST not in said("adaptive worse", 0, Size(tasks=10, seeds=1)).verdicts.values()


def test_an_adaptive_threshold_that_a_checkpoint_lacks_is_not_tested():
    made = made_up("adaptive worse", 0)
    valley = made.adaptive("valley")
    x = valley.predictor.x.copy()
    x[3] = np.nan
    lacking = replace(valley, predictor=replace(valley.predictor, values=x, x=x))
    found = found_in(replace(made, candidates=[lacking if one is valley else one for one in made.candidates]))
    assert [one.reason is None for one in found.adaptive] == [True, False, True]
    assert found.verdicts["adaptive"] == AGAINST
    assert valley.predictor.label not in found.swaps.by_label


def test_a_choice_by_its_success_is_made_on_the_other_families():
    random = np.random.default_rng(0)
    y = random.normal(size=12)
    families = list("aaaabbbbcccc")
    x = np.stack([y + 0.1 * random.normal(size=12), random.normal(size=12)])
    x[1, :4] = y[:4]  # the second one is perfect in family a alone
    found = nested(x, x[1], y, families)
    assert found is not None
    assert found.chosen[0] == 0
    slope, intercept = np.polyfit(x[0, 4:], y[4:], 1)
    assert found.errors[0] == pytest.approx(np.sqrt(np.mean((y[:4] - slope * x[0, :4] - intercept) ** 2)))
    same = nested(x[:1], x[0], y, families)
    assert same is not None
    assert (same.gain, same.interval.low, same.interval.high) == (0, 0, 0)


def test_the_best_of_a_resample_has_the_largest_correlation_of_its_rows():
    random = np.random.default_rng(1)
    x, y, families = random.normal(size=(5, 12)), random.normal(size=(50, 12)), list("aaaabbbbcccc")
    found = best_of_resamples(x, y, families)
    drawn = np.random.default_rng(1234).integers(3, size=(50, 3))
    for i in range(50):
        rows = np.concatenate([np.arange(4 * f, 4 * f + 4) for f in drawn[i]])
        assert found[i] == correlation(x[:, rows], y[i, rows]).argmax()


def test_the_fast_form_has_verdicts_too():
    found = said("plateau", 0, Size(families=4, seeds=2))
    assert set(found.verdicts.values()) <= {SUPPORTS, AGAINST, UNDECIDED}
    assert sentence(found, fast=True).endswith("(fast form).")


def test_the_rates_count_each_draw_once():
    counts, searched = rates("plateau", SIX, ERROR, 2)
    assert [sum(of.values()) for of in counts.values()] == [2, 2, 2]
    assert counts["plateau"] == {SUPPORTS: 2}
    assert searched == 1
    assert rates("plateau", SIX, 1.0, 2)[0]["plateau"] == {UNDECIDED: 2}
