"""The table of a sweep: for the terminal, as Markdown, and as CSV with every measure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lm_eval_hesnr.files import replace_file, writing
from lm_eval_hesnr.messages.characters import one_line
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER
from lm_eval_hesnr.results.csv_text import csv_text
from lm_eval_hesnr.results.run import Run
from lm_eval_hesnr.results.sweep.out_folder import OutFolder
from lm_eval_hesnr.results.sweep.rows import (
    Row,
    first_scope,
    runs_in,
    signal_to_noise_of,
    smoothed_values,
    tasks_in,
)
from lm_eval_hesnr.results.sweep.state import State
from lm_eval_hesnr.results.text_table import aligned, in_markdown, interval_cell, number

COLUMNS = ("checkpoint", "step", "he_snr", "95 % interval", "he_ppl", "ppl", "decisions")
_RIGHT = (1, 2, 4, 5, 6)


def cells(row: Row, run: Run | None) -> list[str]:
    """One line of the table: the numbers of the first scope, or the status of a checkpoint without numbers."""
    step = "" if row.checkpoint.step is None else str(row.checkpoint.step)
    name = one_line(row.checkpoint.name)
    scope = first_scope(run) if run else None
    if run is None or scope is None:
        return [name, step, "N/A" if row.status == "done" else row.status, "", "", "", ""]
    return [
        name,
        step,
        number(run.value("he_snr", scope)),
        interval_of(run, "he_snr", scope),
        number(run.value("he_ppl", scope)),
        number(run.value("ppl", scope)),
        number(run.value("decisions", scope), ".0f"),
    ]


def interval_of(run: Run, measure: str, scope: str) -> str:
    """The 95 % interval in words, or N/A."""
    return interval_cell(run.config["summary"][scope]["intervals"].get(measure))


def headline(out: OutFolder, state: State) -> str:
    """The first measure of a checkpoint that is done, such as `he_snr 0.1020 (0.0990 to 0.1050)`; empty without one."""
    parts = []
    for run in runs_in(out, state):
        scope = first_scope(run)
        if scope is not None:
            value, interval = number(run.value("he_snr", scope)), interval_of(run, "he_snr", scope)
            parts.append(f"he_snr {value}" + (f" ({interval})" if interval != "N/A" else ""))
    return ", ".join(parts)


def text_table(rows: Sequence[Row]) -> list[str]:
    """The table for a terminal, one for each of our tasks, in the order of the steps."""
    lines: list[str] = []
    for heading, body in _tables(rows):
        lines += [heading, *aligned([COLUMNS, *body], right=_RIGHT), ""]
    return lines[:-1]


def markdown_table(rows: Sequence[Row]) -> str:
    """The same tables as Markdown."""
    rule = ["---", *["---:"] * (len(COLUMNS) - 1)]
    lines: list[str] = []
    for heading, body in _tables(rows):
        lines += [in_markdown(heading), ""]
        lines += [f"| {' | '.join(line)} |" for line in (COLUMNS, rule, *([*map(in_markdown, one)] for one in body))]
        lines.append("")
    return "\n".join(lines)


def _tables(rows: Sequence[Row]) -> Iterator[tuple[str, list[list[str]]]]:
    """A heading and the lines of each task."""
    for task in tasks_in(rows) or [""]:
        found = [(row, next((run for run in row.runs if run.task == task), None)) for row in rows]
        scopes = list(dict.fromkeys(scope for _, run in found if run and (scope := first_scope(run))))
        yield f"{task}, scope {', '.join(scopes)}" if task else "no results yet", [cells(*one) for one in found]


def csv_table(rows: Sequence[Row]) -> str:
    """Every measure of every scope: one line per checkpoint, task and scope. Numbers as Python writes them."""
    smooth = {
        (task, name, scope): smoothed_values(rows, task, name, scope)
        for task in tasks_in(rows)
        for name in HIGHER_IS_BETTER
        for scope in dict.fromkeys(scope for row in rows for run in row.runs for scope in run.config["summary"])
    }
    lines: list[tuple[object, ...]] = []
    for row in rows:
        one = row.checkpoint
        head = (one.name, one.step, row.tokens_seen, row.status)
        if not row.runs:
            lines.append(head)
        for run in row.runs:
            for scope, summary in run.config["summary"].items():
                numbers: list[float | None] = []
                for name in HIGHER_IS_BETTER:
                    low, high = summary["intervals"].get(name) or (None, None)
                    mean = smooth[run.task, name, scope].get(one.name)
                    numbers += [run.value(name, scope), run.value(f"{name}_stderr", scope), low, high, mean]
                lines.append((*head, run.task, scope, summary["documents"], *numbers))
    measures = (column for name in HIGHER_IS_BETTER for column in (name, *(f"{name}_{end}" for end in _ENDS)))
    columns = (*_HEAD, *measures)
    return csv_text([dict(zip(columns, line, strict=False)) for line in lines], columns)


_HEAD = ("checkpoint", "step", "tokens_seen", "status", "task", "scope", "trajectories")
_ENDS = ("stderr", "low", "high", "smoothed")


def write_tables(out: OutFolder, rows: Sequence[Row]) -> None:
    """Write table.csv and table.md in OUT.

    Raises:
        InputError: they cannot be written.
    """
    for name, text in (("table.csv", csv_table(rows)), ("table.md", markdown_table(rows))):
        with writing(out.path / name):
            replace_file(out.path / name, text)


def noise_lines(rows: Sequence[Row]) -> Iterator[str]:
    """One line per task: the signal-to-noise of the measures that are better in one direction."""
    for task in tasks_in(rows):
        scope = next(first_scope(run) for row in rows for run in row.runs if run.task == task)
        found = {
            name: signal_to_noise_of(rows, task, name, scope)
            for name, better in HIGHER_IS_BETTER.items()
            if better is not None and scope is not None
        }
        if any(value is not None for value in found.values()):
            shown = ", ".join(f"{name} {'N/A' if value is None else f'{value:.1f}'}" for name, value in found.items())
            yield f"signal-to-noise between checkpoints ({task}, scope {scope}): {shown}"
