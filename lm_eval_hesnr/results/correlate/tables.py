"""The tables of a correlation, as cells: for the terminal and for the page. Columns without any number are left out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from lm_eval_hesnr.results.correlate import legends
from lm_eval_hesnr.results.correlate.correlation import Correlation, Given, Row
from lm_eval_hesnr.results.correlate.points import INDEPENDENT, ONE_RUN
from lm_eval_hesnr.results.text_table import interval_cell, number

_NOT_KNOWN = "N/A"


class Table(NamedTuple):
    """A table with its notes."""

    rows: list[list[str]]
    """The first one is the head."""
    notes: list[str]
    n_left: int = 1
    """Columns that are aligned left; the others are numbers."""


def tables(found: Correlation) -> list[Table]:
    """All tables that say something. Without statistics, only that of the checkpoints."""
    if found.no_statistics:
        return [points_table(found)]
    every = [_measures(found), _noise(found)]
    if not found.points.no_test:
        every.append(_given(found))
    if found.points.design != ONE_RUN:
        every.append(_predictions(found))
    return [table._replace(rows=_known_columns(table.rows)) for table in every if len(table.rows) > 1]


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


def _known_columns(rows: Sequence[Sequence[str]]) -> list[list[str]]:
    kept = [column for column in zip(*rows, strict=True) if set(column[1:]) != {_NOT_KNOWN}]
    return [list(row) for row in zip(*kept, strict=True)]


def _measures(found: Correlation) -> Table:
    interval = legends.interval_head(found)
    head = ["predictor", "r", interval, "rho", "pairs", interval, "clear", "regret", "p"]
    known = [row for row in found.rows if row.reason is None and not row.same_as]
    return Table([head, *map(_measure, known)], legends.of_measures(found))


def _measure(row: Row) -> list[str]:
    r, rho, share, clear = row.pearson, row.spearman, row.decisions, row.resolvable
    return [
        row.predictor.label,
        number(r and r.value, ".3f"),
        interval_cell(r and r.interval, ".3f"),
        number(rho and rho.value, ".2f"),
        number(share and share.accuracy, ".2f"),
        interval_cell(share and share.interval, ".2f"),
        number(clear and clear.accuracy, ".2f"),
        number(None if row.regret is None else 100 * row.regret, ".1f"),
        number(row.p_value, ".2g"),
    ]


def _noise(found: Correlation) -> Table:
    rows = [["noise of r", "r", "other trajectories", "other tasks", "both", "reliability"]]
    for row in found.rows[:-1]:  # training time has no noise
        noise = row.noise
        if noise is None or row.pearson is None or row.same_as:
            continue
        errors = (noise.of_x, noise.of_y, noise.of_both)
        rows.append([
            row.predictor.label,
            f"{row.pearson.value:.3f}",
            *(_NOT_KNOWN if one is None else f"±{one:.3f}" for one in errors),
            number(noise.reliability_x, ".2f"),
        ])  # fmt: skip
    return Table(rows, legends.of_noise(found))


def _given(found: Correlation) -> Table:
    head = "given the rival" if found.points.design == INDEPENDENT else "given the rival and the training run"
    known = [one for one in found.given if one.measure is not None and one.control is not None]
    interval = legends.interval_head(found)
    rows = [[head, "partial r", interval, "control", interval], *map(_given_row, known)]
    return Table(rows, legends.of_given(known))


def _given_row(one: Given) -> list[str]:
    of_measure, control = one.measure, one.control
    return [
        f"{one.label} given {one.rival}",
        number(of_measure and of_measure.value, ".3f"),
        interval_cell(of_measure and of_measure.interval, ".3f"),
        number(control and control.value, ".3f"),
        interval_cell(control and control.interval, ".3f"),
    ]


def _predictions(found: Correlation) -> Table:
    head = ["error of a prediction (logits)", "checkpoint left out", "training run left out"]
    rows = [[one.label, number(one.checkpoint, ".3f"), number(one.family, ".3f")] for one in found.predictions]
    return Table([head, *rows], legends.of_predictions(found))
