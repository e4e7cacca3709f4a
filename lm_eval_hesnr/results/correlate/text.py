"""A correlation as text: the answers, the tables, and what would have to be true for them to mislead."""

from __future__ import annotations

import math
import textwrap

from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.results.compare.text import WIDTH
from lm_eval_hesnr.results.correlate.correlation import Correlation, Row
from lm_eval_hesnr.results.correlate.points import INDEPENDENT, Points
from lm_eval_hesnr.results.correlate.sentences import cautions, headline
from lm_eval_hesnr.results.text_table import aligned, interval_cell, number


def correlation_lines(found: Correlation) -> list[str]:
    """The whole page."""
    lines = [*_wrapped(_about(found.points)), ""]
    for sentence in headline(found):
        lines += _wrapped(sentence, "  ")
    if found.no_statistics:
        lines += ["", *points_table(found), ""]
    else:
        for table in (_measures(found), _differences(found), _noise(found), _given(found), _predictions(found)):
            lines += ["", *table] if table else []
        lines.append("")
    lines.append("What would have to be true for this page to mislead:")
    for sentence in cautions(found):
        lines += _wrapped(f"- {sentence}", "  ")
    return lines


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _about(points: Points) -> str:
    rates = [score.rate for score in points.scores]
    runs = len(set(points.families))
    of_runs = "" if points.scores[0].family is None else f" of {counted(runs, 'training run')}"
    trials = sorted({int(n) for n in points.trials})
    n_trials = str(trials[0]) if len(trials) == 1 else f"{trials[0]} to {trials[-1]}"
    seeds = max(len(score.passed) for score in points.scores)
    of_seeds = f" (up to {seeds} seeds)" if seeds > 1 else ""
    by_task = " by task" if all(score.by_task is not None for score in points.scores) else ""
    n_documents = len(points.runs[0].ids)
    trajectories = f"{counted(n_documents, 'trajectory')}"
    return (
        f"{counted(len(points.names), 'checkpoint')}{of_runs}; outcome: {min(rates):.1%} to {max(rates):.1%} of "
        f"{n_trials} trials passed{of_seeds}{by_task}; measures over {trajectories}."
    )


def points_table(found: Correlation) -> list[str]:
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
        rows.append(
            [
                score.checkpoint,
                *family,
                order,
                str(points.passed[i]),
                str(points.trials[i]),
                f"{score.rate:.1%}",
                *cells,
            ]
        )
    return aligned(rows, right=range(2 if has_family else 1, len(rows[0])))


def _measures(found: Correlation) -> list[str]:
    head = [
        "predictor",
        "r",
        "95 % interval",
        "rho",
        "tau",
        "decisions",
        "95 % interval",
        "clear",
        "regret",
        "s/n",
        "r of 3",
        "p",
    ]
    rows = [head, *(_measure(row) for row in found.rows)]
    lines = aligned(rows, right=range(1, len(head)))
    reasons = [f"{row.predictor.label}: N/A, {row.reason}." for row in found.rows if row.reason]
    return [*lines, *(line for one in [*reasons, _legend(found)] for line in _wrapped(one))]


def _measure(row: Row) -> list[str]:
    r, rho, tau, share, clear = row.pearson, row.spearman, row.kendall, row.decisions, row.resolvable
    if r is None or rho is None or tau is None or share is None:
        return [row.predictor.label, *["N/A"] * 11]
    return [
        row.predictor.label,
        f"{r.value:.3f}",
        interval_cell(r.interval, ".3f"),
        f"{rho.value:.3f}",
        f"{tau.tau:.3f}",
        f"{share.accuracy:.3f}",
        interval_cell(share.interval, ".3f"),
        "N/A" if clear is None else f"{clear.accuracy:.3f} of {clear.pairs}",
        "N/A" if row.regret is None else f"{100 * row.regret:.1f}",
        number(row.signal_to_noise, ".1f"),
        number(row.r_smoothed, ".3f"),
        number(row.p_value, ".2g"),
    ]


def _legend(found: Correlation) -> str:
    p = f"no p: {found.no_p_values}" if found.no_p_values else _about_p(found)
    return (
        "r: Pearson, of the measure (ln of a perplexity, signed so that higher is better) and the logit of the pass "
        "rate. decisions: share of pairs of checkpoints in the right order; clear: the same over the pairs whose "
        "outcomes differ clearly. regret: points of pass rate that are lost with the checkpoint that the measure would "
        f"choose. s/n: signal-to-noise. r of 3: with means over 3 checkpoints. {p}."
    )


def _about_p(found: Correlation) -> str:
    best = min(
        (row for row in found.rows if row.max_p_value is not None), key=lambda row: row.max_p_value or 1.0, default=None
    )
    after = (
        ""
        if best is None or best.max_p_value is None
        else f"; {best.max_p_value:.2g} for {best.predictor.label} if it was chosen as the best of all measures (max-T)"
    )
    how = "checkpoints" if found.points.design == INDEPENDENT else "the training runs' outcomes, at the same steps"
    return f"p: one-sided, from {found.ways} permutations of {how}; the least possible p is {1 / (found.ways or 1):.2g}{after}"


def _differences(found: Correlation) -> list[str]:
    if not found.differences:
        return [] if not found.no_differences else _wrapped(f"No measures are compared: {found.no_differences}.")
    head = ["difference of r", "value", "95 % interval", "p (Holm)", "r between", "95 % (Zou)", "p (Williams)"]
    rows = [head]
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
    lines = aligned(rows, right=range(1, len(head)))
    note = (
        "Zou's interval and Williams' test take the checkpoints as independent, and are those of the first columns."
        if found.points.design == INDEPENDENT
        else "The last two columns take the checkpoints as independent, which checkpoints of one training run are not: "
        "Zou's interval is too narrow, and Williams' p too small. The first columns treat each training run as one unit."
    )
    reasons = [
        f"{one.label} minus {one.rival}: no test, {one.reason}."
        for one in found.differences
        if one.reason and not one.same_as
    ]
    return [*lines, *(line for one in [*reasons, note] for line in _wrapped(one))]


def _noise(found: Correlation) -> list[str]:
    head = [
        "r and what moves it",
        "r",
        "trajectories",
        "tasks",
        "both",
        "few checkpoints",
        "reliability x",
        "reliability y",
        "if exact",
    ]
    rows = [head]
    for row in found.rows:
        noise = row.noise
        if noise is None or row.pearson is None:
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
        "± is one standard error of r, if the trajectories, the tasks with their attempts and seeds, or the checkpoints "
        "had been others. if exact: r divided by the root of both reliabilities, at most 1; it has no interval."
    )
    return [*aligned(rows, right=range(1, len(head))), *_wrapped(note)]


def _given(found: Correlation) -> list[str]:
    known = [one for one in found.given if one.measure is not None]
    if not known:
        return []
    head = ["given the rival and the training run", "partial r", "95 % interval", "split-half control", "95 % interval"]
    rows = [head]
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
        "partial r of the rival over every second trajectory, given the rival over the others. Only a partial r clearly "
        "above the control says something."
    )
    return [*aligned(rows, right=range(1, len(head))), *_wrapped(note)]


def _predictions(found: Correlation) -> list[str]:
    if not found.predictions:
        return []
    rows = [["error of a linear fit (logits)", "without the checkpoint", "without its training run"]]
    rows += [[one.label, number(one.checkpoint, ".3f"), number(one.family, ".3f")] for one in found.predictions]
    return aligned(rows, right=(1, 2))
