"""The answer in words, and what would have to be true for the tables to mislead."""

from __future__ import annotations

from collections.abc import Iterator

from lm_eval_hesnr.messages.counts import counted, first_names
from lm_eval_hesnr.metrics.correlation.noise_of_axes import LEAST_RELIABILITY
from lm_eval_hesnr.results.compare.comparable import other_context
from lm_eval_hesnr.results.compare.verdict import ALPHA
from lm_eval_hesnr.results.correlate.correlation import Correlation
from lm_eval_hesnr.results.correlate.differences import NO, NO_TEST, YES, Difference
from lm_eval_hesnr.results.correlate.points import FAMILIES, INDEPENDENT, NULL, ONE_RUN


def headline(found: Correlation) -> list[str]:
    """For each measure and each rival the question, and its answer. Then the tests, and equal predictors."""
    lines = []
    for row in found.candidates:
        label = row.predictor.label
        of_measure = [one for one in found.differences if one.label == label]
        if not of_measure:
            rivals = ", ".join(found.rivals)
            reason = row.reason or found.no_differences or found.no_statistics
            lines.append(f"Does {label} predict the outcome better than {rivals}? NOT KNOWN: {reason}.")
        lines += [
            f"Does {label} predict the outcome better than {one.rival}? {_answer(found, one)}"
            for one in of_measure
            if not one.same_as and not row.same_as
        ]
    return [*lines, *_tests(found), *_same(found)]


def _answer(found: Correlation, one: Difference) -> str:
    turned = f" ({' and '.join(one.turned)}: with the other sign)" if one.turned else ""
    rs = "" if one.r is None or one.r_rival is None else f" r is {one.r:.3f} and {one.r_rival:.3f}{turned}."
    if one.test is None or one.p_value is None:
        reason = found.no_differences if one.reason == NO_TEST else one.reason
        return f"NOT KNOWN: {reason or 'the test is not defined for these numbers'}.{rs}"
    low, high = one.test.interval
    numbers = f"{rs} Difference {one.test.difference:+.3f}, 95 % {low:+.3f} to {high:+.3f}, p {_p(one.p_value)}."
    if one.answer == YES:
        return f"YES.{numbers}"
    if one.answer == NO:
        return f"NO: {_why_not(one)}.{numbers}"
    if low > 0:
        return f"NOT KNOWN: the advantage is not clear after so many comparisons.{numbers}"
    return f"NOT KNOWN: no gain in r and a gain of {one.gain:g} or more (option --gain) both fit the data.{numbers}"


def _why_not(one: Difference) -> str:
    if one.p_value is not None and one.p_value < ALPHA:
        return "it predicts worse"
    ceiling = 1 - one.gain
    if one.r is not None and one.r_rival is not None and min(one.r, one.r_rival) > ceiling:
        return f"both are so near to r = 1 that a gain in r of {one.gain:g} (option --gain) is impossible"
    return f"a gain in r of {one.gain:g} or more (option --gain) does not fit the data"


def _p(value: float) -> str:
    return "below 0.0001" if value < 0.0001 else f"= {value:.2g}"


def _tests(found: Correlation) -> Iterator[str]:
    """The tests behind the answers."""
    n_comparisons = max((one.comparisons for one in found.differences), default=0)
    if not n_comparisons:
        return
    holm = f" p is corrected for {n_comparisons} comparisons (Holm)." if n_comparisons > 1 else ""
    if found.points.design == INDEPENDENT:
        yield f"p of each difference comes from Williams' t test. Its interval is that of Zou.{holm}"
    else:
        runs = len(set(found.points.families))
        yield (
            f"p and the interval of each difference come from a jackknife: each of the {runs} training runs is left "
            f"out once.{holm}"
        )


def _same(found: Correlation) -> Iterator[str]:
    for row in found.rows:
        if row.same_as:
            yield (
                f"{row.predictor.label} is the same predictor as {row.same_as} here (one is a linear function of the "
                "other), so it has no row."
            )


def cautions(found: Correlation) -> list[str]:
    """What would have to be true for the tables to mislead, and what is known about it here."""
    return [*_about_design(found), *_about_outcome(found), *_about_measures(found), *_always(found)]


def _about_design(found: Correlation) -> Iterator[str]:
    points = found.points
    if points.design == ONE_RUN:
        known = "All checkpoints are of one training run" if points.scores[0].family else (
            "No column says which checkpoints belong to the same training run (--group), so they count as one run"
        )  # fmt: skip
        yield (
            f"It misleads if you read a high r as evidence. {known}. There, all that changes steadily in training has "
            "a high r: two series that share nothing but that both improve with log(step) have a median |r| of .97 "
            "with 12 checkpoints. Several training runs are needed."
        )
    elif points.design == INDEPENDENT:
        yield (
            f"It misleads if some of the {len(points.names)} checkpoints share a training run: the test takes them as "
            "independent trainings. If they do, name the runs in the column of --group."
        )
    elif points.design == FAMILIES:
        yield (
            "It misleads if the training runs differ in only one respect, such as their data: the answer is about that "
            f"respect only. Somebody chose these {len(set(points.families))} runs."
        )
    else:
        yield (
            "It misleads if you read it as a statement about other training runs. There are only "
            f"{len(set(points.families))} here."
        )


def _about_outcome(found: Correlation) -> Iterator[str]:
    reliabilities = [row.noise.reliability_y for row in found.rows if row.noise is not None]
    if reliabilities and reliabilities[0] is not None and reliabilities[0] < LEAST_RELIABILITY:
        rates = [score.rate for score in found.points.scores]
        yield (
            "WARNING: it misleads if you read a low r as a bad measure. The outcome is partly or mostly noise: its "
            f"reliability is {reliabilities[0]:.2f}, and {LEAST_RELIABILITY} is needed. An exact measure would have r "
            f"= {reliabilities[0] ** 0.5:.2f}. The pass rates are only {min(rates):.1%} to {max(rates):.1%}, from "
            f"{counted(int(found.points.trials.min()), 'trial')} each. More tasks or attempts, or checkpoints that "
            "differ more, are needed."
        )


def _about_measures(found: Correlation) -> Iterator[str]:
    for row in found.rows:
        if row.same_as:
            continue
        noise = row.noise.reliability_x if row.noise else None
        if noise is not None and noise < LEAST_RELIABILITY:
            yield (
                "WARNING: it misleads if you read a low r as a bad measure. The reliability of "
                f"{row.predictor.label} is only {noise:.2f} on these trajectories, so its r is too low. More "
                "trajectories are needed."
            )
        if not row.predictor.has_direction and row.reason is None:
            yield f"It misleads if you read the sign of r of {row.predictor.label}: it has no better direction."
        if opposite := [family for family, r in row.within.items() if r < 0 and row.pearson and row.pearson.value > 0]:
            yield (
                f"It misleads if you compare checkpoints of one training run by {row.predictor.label}: its r is above "
                f"0 over all checkpoints, but below 0 inside {first_names(opposite)}."
            )
    null = found.row(NULL)
    if null.reason is not None and found.no_statistics is None:
        yield (
            "It misleads if training time alone predicts as well as the measures. Nobody can see that here: "
            f"{NULL} is missing ({null.reason})."
        )
    elif null.pearson is not None:
        yield (
            f"It misleads if you read an r without that of training time: {NULL} has r = {null.pearson.value:.3f} "
            "here, and nobody needs a measure for it."
        )
    if context := _context(found):
        yield context


def _context(found: Correlation) -> str | None:
    first = found.points.runs[0]
    for run in found.points.runs:
        for scope in first.totals:
            if scope in run.totals and (differing := other_context(first, run, scope)):
                return f"It misleads if the context moves a measure. It differs between the runs: {differing}."
    return None


def _always(found: Correlation) -> Iterator[str]:
    too = "r is too high" if found.no_p_values and found.no_differences else "p is too small and the answer too sure"
    yield (
        "It misleads if somebody chose the measure, its scope, its epsilon or the checkpoints after a look at these "
        f"outcomes. Then {too}. This page cannot see that."
    )
