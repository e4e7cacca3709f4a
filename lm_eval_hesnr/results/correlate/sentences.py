"""The answer in words, and what would have to be true for the tables to mislead."""

from __future__ import annotations

from collections.abc import Iterator

from lm_eval_hesnr.messages.counts import counted, first_names
from lm_eval_hesnr.metrics.correlation.noise_of_axes import LEAST_RELIABILITY
from lm_eval_hesnr.results.compare.comparable import other_context
from lm_eval_hesnr.results.compare.verdict import ALPHA
from lm_eval_hesnr.results.correlate.correlation import Correlation
from lm_eval_hesnr.results.correlate.differences import NO, NO_TEST, USEFUL_GAIN, YES, Difference
from lm_eval_hesnr.results.correlate.points import FAMILIES, INDEPENDENT, NULL, ONE_RUN

_STRONG_TREND = 0.8
"""From this |r| of the null predictor on, it is named in the cautions."""


def headline(found: Correlation) -> list[str]:
    """For each measure and each rival the question, and its answer."""
    lines = []
    for row in found.candidates:
        label = row.predictor.label
        of_measure = [one for one in found.differences if one.label == label]
        if not of_measure:
            rivals = ", ".join(found.rivals)
            reason = row.reason or found.no_differences or found.no_statistics
            lines.append(f"Does {label} predict the outcome better than {rivals}? NOT KNOWN: {reason}.")
        for one in of_measure:
            if one.same_as:
                line = (
                    f"{one.rival} is the same predictor as {one.same_as} here: one is a linear function of the other."
                )
            else:
                line = f"Does {label} predict the outcome better than {one.rival}? {_answer(found, one)}"
            lines.append(line)
    return list(dict.fromkeys(lines))


def _answer(found: Correlation, one: Difference) -> str:
    rs = "" if one.r is None or one.r_rival is None else f" r is {one.r:.3f} and {one.r_rival:.3f}."
    if one.test is None or one.p_value is None:
        reason = found.no_differences if one.reason == NO_TEST else one.reason
        return f"NOT KNOWN: {reason or 'the test is not defined for these numbers'}.{rs}"
    low, high = one.test.interval
    numbers = f"{rs} Difference {one.test.difference:+.3f}, 95 % {low:+.3f} to {high:+.3f}, p = {_p(one.p_value)}"
    numbers += f" after Holm over {one.comparisons} comparisons." if one.comparisons > 1 else "."
    if one.answer == YES:
        return f"YES.{numbers}"
    if one.answer == NO:
        is_worse = one.p_value < ALPHA
        why = "it predicts worse" if is_worse else f"a gain of {USEFUL_GAIN} or more is not compatible with the data"
        return f"NO: {why}.{numbers}"
    if low > 0:
        return f"NOT KNOWN: the advantage is not clear after so many comparisons.{numbers}"
    return f"NOT KNOWN: the data fit with no gain, and with a gain above {USEFUL_GAIN}.{numbers}"


def _p(value: float) -> str:
    return "below 0.0001" if value < 0.0001 else f"{value:.2g}"


def cautions(found: Correlation) -> list[str]:
    """What would have to be true for the tables to mislead, one sentence or two for each."""
    return [*_about_design(found), *_about_outcome(found), *_about_measures(found), *_always(found)]


def _about_design(found: Correlation) -> Iterator[str]:
    points = found.points
    n = len(points.names)
    if points.design == ONE_RUN:
        known = "All checkpoints are of one training run" if points.scores[0].family else (
            "No column says which checkpoints belong to the same training run (--group), so they count as one run"
        )  # fmt: skip
        yield (
            f"{known}. Then every quantity that changes steadily in training correlates with the outcome: two series "
            "that share nothing but that both improve with log(step) have a median |r| of .97 with 12 checkpoints. So "
            "there is no p-value, and a high r is no evidence. Several training runs are needed."
        )
    elif points.design != INDEPENDENT:
        yield (
            f"The {n} checkpoints come from {len(set(points.families))} training runs. Checkpoints of the same run are "
            "alike, so the intervals of r, which take them as independent, are too narrow. "
            + (
                "The answers above and the p-values are not affected: they treat each training run as one unit."
                if points.design == FAMILIES
                else "So few training runs show nothing about others."
            )
        )
    else:
        yield (
            f"The test takes the {n} checkpoints as independent trainings. If some of them share a training run, its "
            "interval is too narrow: name the runs in the column of --group."
        )


def _about_outcome(found: Correlation) -> Iterator[str]:
    reliabilities = [row.noise.reliability_y for row in found.rows if row.noise is not None]
    if reliabilities and reliabilities[0] is not None and reliabilities[0] < LEAST_RELIABILITY:
        rates = [score.rate for score in found.points.scores]
        yield (
            f"WARNING: the outcome is partly or mostly noise: its reliability is {reliabilities[0]:.2f}, and "
            f"{LEAST_RELIABILITY} is the least for a useful table. Even an exact measure would have an r of about "
            f"{reliabilities[0] ** 0.5:.2f}. The pass rates are only {min(rates):.1%} to {max(rates):.1%}, from "
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
                f"WARNING: {row.predictor.label} has a reliability of only {noise:.2f} on these trajectories, so its r "
                "is too low. More trajectories are needed."
            )
        if not row.predictor.has_direction and row.reason is None:
            yield f"{row.predictor.label} has no better direction, so the sign of its r means nothing."
        if opposite := [family for family, r in row.within.items() if r < 0 and row.pearson and row.pearson.value > 0]:
            yield (
                f"{row.predictor.label}: r is above 0 over all checkpoints, but below 0 inside {first_names(opposite)}."
                " It may tell training runs apart, and not the checkpoints of one run."
            )
    null = found.row(NULL)
    if null.reason is not None and found.no_statistics is None:
        yield f"{NULL} is missing ({null.reason}), so nothing shows what training time alone would predict."
    elif null.pearson is not None and abs(null.pearson.value) >= _STRONG_TREND:
        yield (
            f"{NULL} alone has r = {null.pearson.value:.3f}. Most of each r here may come from training time, which "
            "everybody knows without a measure. What counts is a difference from that row."
        )
    if context := _context(found):
        yield context


def _context(found: Correlation) -> str | None:
    first = found.points.runs[0]
    for run in found.points.runs:
        for scope in first.totals:
            if scope in run.totals and (differing := other_context(first, run, scope)):
                return f"The runs were scored with different contexts: {differing}. That alone can move a measure."
    return None


def _always(found: Correlation) -> Iterator[str]:
    if found.points.design == FAMILIES:
        yield (
            "The training runs were chosen by somebody. If all of them differ in the same respect, such as their data, "
            "the answer is about that respect only."
        )
    yield (
        "If the measure, its scope, its epsilon or the checkpoints were chosen after somebody saw these outcomes, the "
        "p-values are too small and the answers too sure. The table cannot see that."
    )
