"""The tables of a correlation, as cells: for the terminal and for the page."""

from __future__ import annotations

import math
from typing import NamedTuple

from lm_eval_hesnr.results.correlate.correlation import Correlation, Row
from lm_eval_hesnr.results.correlate.differences import NO_TEST
from lm_eval_hesnr.results.correlate.points import INDEPENDENT
from lm_eval_hesnr.results.text_table import interval_cell, number

_MEASURES = [
    "predictor", "r", "95 % interval", "rho", "tau", "pairs", "95 %", "clear", "regret", "s/n", "r of 3",
    "p",
]  # fmt: skip
_DIFFERENCES = [
    "difference of r", "value", "95 % interval", "p (Holm)", "r between", "95 % (Zou)", "p (Williams)",
]  # fmt: skip
_NOISE = [
    "r and what moves it", "r", "trajectories", "tasks", "both", "few checkpoints", "reliability x", "reliability y",
    "if exact",
]  # fmt: skip
_GIVEN = [
    "given the rival and the training run", "partial r", "95 % interval", "split-half control", "95 % interval",
]  # fmt: skip
_PREDICTIONS = ["error of a linear fit (logits)", "without the checkpoint", "without its training run"]


class Table(NamedTuple):
    """A table with its notes."""

    rows: list[list[str]]
    """The first one is the head."""
    notes: list[str]
    n_left: int = 1
    """Columns that are aligned left; the others are numbers."""


def tables(found: Correlation) -> list[Table]:
    """All tables. Without statistics, only that of the checkpoints."""
    if found.no_statistics:
        return [points_table(found)]
    several = (_measures(found), _differences(found), _noise(found), _given(found), _predictions(found))
    return [table for table in several if table.rows or table.notes]


def points_table(found: Correlation) -> Table:
    """One line per checkpoint: its outcome, and the values of all measures."""
    points = found.points
    has_family = points.scores[0].family is not None
    labels = [row.predictor.label for row in found.rows[:-1]]
    rows = [["checkpoint", *(["family"] if has_family else []), "step", "passed", "trials", "rate", *labels]]
    for i, score in enumerate(points.scores):
        order = "" if score.order is None else f"{score.order:g}"
        values = [float(row.predictor.values[i]) for row in found.rows[:-1]]
        cells = [number(value if math.isfinite(value) else None, ".5g") for value in values]
        family = [score.family or ""] if has_family else []
        counts = [str(points.passed[i]), str(points.trials[i]), f"{score.rate:.1%}"]
        rows.append([score.checkpoint, *family, order, *counts, *cells])
    return Table(rows, [], 2 if has_family else 1)


def _measures(found: Correlation) -> Table:
    reasons = [f"{row.predictor.label}: N/A, {row.reason}." for row in found.rows if row.reason]
    return Table([_MEASURES, *map(_measure, found.rows)], [*reasons, _legend(found)])


def _measure(row: Row) -> list[str]:
    r, rho, tau, share, clear = row.pearson, row.spearman, row.tau, row.decisions, row.resolvable
    if r is None or rho is None or tau is None or share is None:
        return [row.predictor.label, *["N/A"] * (len(_MEASURES) - 1)]
    return [
        row.predictor.label,
        f"{r.value:.3f}",
        interval_cell(r.interval, ".3f"),
        f"{rho.value:.2f}",
        f"{tau:.2f}",
        f"{share.accuracy:.2f}",
        interval_cell(share.interval, ".2f"),
        "N/A" if clear is None else f"{clear.accuracy:.2f} of {clear.pairs}",
        "N/A" if row.regret is None else f"{100 * row.regret:.1f}",
        number(row.signal_to_noise, ".1f"),
        number(row.r_smoothed, ".3f"),
        number(row.p_value, ".2g"),
    ]


def _legend(found: Correlation) -> str:
    p = f"no p: {found.no_p_values}" if found.no_p_values else _about_p(found)
    return (
        "r: Pearson, of the measure (ln of a perplexity, signed so that higher is better) and the logit of the pass "
        "rate. pairs: share of pairs of checkpoints in the right order; clear: the same over the pairs whose outcomes "
        "differ clearly. regret: points of pass rate that are lost with the checkpoint that the measure would "
        f"choose. s/n: signal-to-noise. r of 3: with means over 3 checkpoints. {p}."
    )


def _about_p(found: Correlation) -> str:
    known = [(row.max_p_value, row.predictor.label) for row in found.rows if row.max_p_value is not None]
    after = ""
    if len(known) > 1:
        p_value, label = min(known)
        after = f"; {p_value:.2g} for {label} if it was chosen as the best of these measures (max-T)"
    of = (
        "permutations of the checkpoints"
        if found.points.design == INDEPENDENT
        else "ways to swap the training runs' outcomes"
    )
    least = f"the least possible p is {1 / (found.ways or 1):.2g}"
    return f"p: one-sided, from {found.ways} {of}; {least}{after}"


def _differences(found: Correlation) -> Table:
    if not found.differences:
        return Table([], [f"No measures are compared: {found.no_differences}."])
    rows = [_DIFFERENCES]
    for one in found.differences:
        if one.same_as:
            continue
        difference = None if one.r is None or one.r_rival is None else one.r - one.r_rival
        test, other = one.test, one.if_independent
        shows_p = other is not None and test is not None
        rows.append([
            f"{one.label} minus {one.rival}",
            number(difference, "+.3f"),
            interval_cell(test and test.interval, "+.3f"),
            number(one.p_value, ".2g"),
            number(one.r_between, ".3f"),
            interval_cell(other and other.interval, "+.3f"),
            number(other.p_value if shows_p and other else None, ".2g"),
        ])  # fmt: skip
    note = (
        "Zou's interval and Williams' test take the checkpoints as independent, and are those of the first columns."
        if found.points.design == INDEPENDENT
        else "The last two columns take the checkpoints as independent, which checkpoints of one training run are not: "
        "Zou's interval is too narrow, and Williams' p too small. The first columns treat a training run as one unit."
    )
    untested = [one for one in found.differences if one.reason not in (None, NO_TEST) and not one.same_as]
    reasons = [f"{one.label} minus {one.rival}: no test, {one.reason}." for one in untested]
    return Table(rows, [*([f"No test: {found.no_differences}."] if found.no_differences else []), *reasons, note])


def _noise(found: Correlation) -> Table:
    rows = [_NOISE]
    for row in found.rows:
        noise = row.noise
        if noise is None or row.pearson is None or row.same_as:
            continue
        exact = None if not noise.ceiling else min(1.0, abs(row.pearson.value) / noise.ceiling)
        errors = [noise.of_x, noise.of_y, noise.of_both, noise.of_checkpoints]
        rows.append([
            row.predictor.label,
            f"{row.pearson.value:.3f}",
            *("N/A" if one is None else f"±{one:.3f}" for one in errors),
            number(noise.reliability_x, ".2f"),
            number(noise.reliability_y, ".2f"),
            "N/A" if exact is None else f"{math.copysign(exact, row.pearson.value):.2f}",
        ])  # fmt: skip
    note = (
        "± is one standard error of r, if the trajectories, the tasks with their attempts and seeds, or the "
        "checkpoints had been others. if exact: r divided by the root of both reliabilities, at most 1."
    )
    return Table(rows, [note])


def _given(found: Correlation) -> Table:
    known = [one for one in found.given if one.measure is not None]
    if not known:
        return Table([], [])
    rows = [_GIVEN]
    for one in known:
        of_measure, control = one.measure, one.control
        rows.append([
            f"{one.label} given {one.rival}",
            number(of_measure and of_measure.value, ".3f"),
            interval_cell(of_measure and of_measure.interval, ".3f"),
            number(control and control.value, ".3f"),
            interval_cell(control and control.interval, ".3f"),
        ])  # fmt: skip
    note = (
        "A partial r above 0 is not evidence: two noisy readings of the same ability have one too. The control is the "
        "partial r of the rival over every second trajectory, given the rival over the others. Only a partial r "
        "clearly above the control says something."
    )
    return Table(rows, [note])


def _predictions(found: Correlation) -> Table:
    rows = [[one.label, number(one.checkpoint, ".3f"), number(one.family, ".3f")] for one in found.predictions]
    return Table([_PREDICTIONS, *rows] if rows else [], [])
