"""Which trajectories moved between runs: he_snr of each one, and its effect on the difference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lm_eval_hesnr.metrics.measures import measure, weights
from lm_eval_hesnr.results.compare.compared_run import ComparedRun
from lm_eval_hesnr.results.compare.comparison import Comparison
from lm_eval_hesnr.results.compare.pair import HEADLINE
from lm_eval_hesnr.results.compare.text import left_out_lines
from lm_eval_hesnr.results.text_table import aligned, number, shortened_name


def moved(found: Comparison) -> list[dict[str, Any]]:
    """One row per other run and trajectory, for each run the largest effect first.

    `effect` is what the trajectory adds to the difference of he_snr: the effects of all trajectories add up to it. With
    n decisions of the trajectory, N decisions of the whole run, and the mean m of both runs' he_snr, it is
    (he_snr - m) n / N of the run, minus the same of the baseline. Runs that cannot be compared have no rows.
    """
    rows = []
    for run in found.runs:
        if run is not found.baseline and run.name not in found.left_out:
            by_document = moved_between(found.baseline, run, found.scope)
            rows += sorted(by_document, key=lambda row: -abs(row["effect"] or 0))
    return rows


def moved_between(baseline: ComparedRun, run: ComparedRun, scope: str) -> list[dict[str, Any]]:
    """The rows of `moved` about one run that can be compared with the baseline, in the order of their documents."""
    before, after = baseline.totals[scope], run.totals[scope]
    values = [measure(HEADLINE, rows) for rows in (before, after)]
    decisions = [weights(HEADLINE, rows) for rows in (before, after)]
    middle = sum(measure(HEADLINE, rows.sum(axis=0)) for rows in (before, after)) / 2
    parts = [
        np.where(n > 0, (value - middle) * n / n.sum(), 0.0) for value, n in zip(values, decisions, strict=True)
    ]  # a trajectory without decisions adds nothing
    effects = parts[1] - parts[0]
    return [
        {
            "scope": scope,
            "run": run.name,
            "trajectory": run.ids[i],
            "decisions_before": _known(decisions[0][i]),
            "decisions_after": _known(decisions[1][i]),
            f"{HEADLINE}_before": _known(values[0][i]),
            f"{HEADLINE}_after": _known(values[1][i]),
            "effect": _known(effects[i]),
        }
        for i in range(len(run.ids))
    ]


def moved_lines(found: Comparison, room: int = 48) -> list[str]:
    """The rows of `moved` as text, one table per run. A run that cannot be compared has one line that says why."""
    rows = moved(found)
    lines = []
    for name in dict.fromkeys(row["run"] for row in rows):
        head = ("trajectory", "decisions", "after", HEADLINE, "after", "change", "effect")
        table = [head, *(_cells(row, room) for row in rows if row["run"] == name)]
        about = f"From {found.baseline.name} to {name}, by trajectory, the largest effect on the difference first:"
        lines += ["", about, *aligned(table, right=range(1, len(head)))]
    return [*lines, *left_out_lines(found, "trajectories are not compared")]


def _cells(row: dict[str, Any], room: int) -> Sequence[str]:
    name, (before, after) = row["trajectory"], (row[f"{HEADLINE}_{when}"] for when in ("before", "after"))
    change = None if before is None or after is None else after - before
    decisions = [number(row[f"decisions_{when}"], ".0f") for when in ("before", "after")]
    moves = [number(value, "+.4f") for value in (change, row["effect"])]
    return (shortened_name(name, room), *decisions, number(before), number(after), *moves)


def _known(value: np.floating[Any]) -> float | None:
    return float(value) if math.isfinite(value) else None
