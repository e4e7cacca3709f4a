"""The table of checkpoints that the text formats share: one row per run, one column per measure of one scope."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lm_eval_hesnr.metrics.bounds import DIRECTIONS
from lm_eval_hesnr.results.export.exported_run import ExportedRun, Value
from lm_eval_hesnr.results.export.request import Request

TITLES = {"he_snr": "HE-SNR", "he_ppl": "HE-PPL", "ppl": "PPL"}
"""Names of measures as the paper writes them. All other measures have their own name."""


class Row(NamedTuple):
    """One run: the cells that name it, and its values in the order of the measures."""

    names: tuple[str, ...]
    values: tuple[Value, ...]


class Table(NamedTuple):
    """The head and the rows of a table."""

    names: tuple[str, ...]
    """Titles of the columns that name a run: the checkpoint, and the task and the step where they tell runs apart."""
    measures: tuple[str, ...]
    rows: tuple[Row, ...]


def table(request: Request) -> Table:
    """The rows of all runs."""
    shown = list(_name_columns(request.runs))
    rows = (
        Row(
            tuple(cells[i] for _, cells in shown),
            tuple(run.value(measure, request.table_scope) for measure in request.table_measures),
        )
        for i, run in enumerate(request.runs)
    )
    return Table(tuple(title for title, _ in shown), request.table_measures, tuple(rows))


def title(measure: str) -> str:
    """The title of a measure's column, without its arrow."""
    return TITLES.get(measure, measure)


def direction(measure: str) -> str:
    """`up` or `down`: whether higher or lower values are better; empty for a diagnostic."""
    return {True: "up", False: "down", None: ""}[DIRECTIONS[measure]]


def digits(number: float, measure: str) -> str:
    """A number with four decimals, a number of tokens with none."""
    return f"{number:.0f}" if measure == "decisions" else f"{number:.4f}"


def trajectories(request: Request) -> str:
    """The number of trajectories of the runs, such as `28`; the smallest and the largest where they differ."""
    counts = [run.trajectories(request.table_scope) for run in request.runs]
    return f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"


def _name_columns(runs: Sequence[ExportedRun]) -> Iterator[tuple[str, list[str]]]:
    yield "checkpoint", [run.checkpoint for run in runs]
    if len({run.task for run in runs}) > 1:
        yield "task", [run.task for run in runs]
    if any(run.step is not None for run in runs):
        yield "step", ["" if run.step is None else str(run.step) for run in runs]
