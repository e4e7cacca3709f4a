"""A table in GitHub-flavoured Markdown, for READMEs, and for the summary of a step of GitHub Actions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate

from lm_eval_hesnr.results.export.exported_run import Value
from lm_eval_hesnr.results.export.request import Request
from lm_eval_hesnr.results.export.table import Row, digits, direction, table, title, trajectories
from lm_eval_hesnr.results.export.verdict_lines import verdict_lines
from lm_eval_hesnr.results.text_table import in_markdown

LARGEST_SUMMARY = 1024 * 1024
"""Bytes. GitHub does not show the summary of a step that is longer."""

_ARROWS = {"up": " ↑", "down": " ↓", "": ""}


def as_markdown(request: Request) -> str:
    """The table, and a line that says what the intervals are."""
    return "\n".join([*_head(request), *_rows(request), "", _note(request)]) + "\n"


def as_summary(request: Request, *, largest: int = LARGEST_SUMMARY) -> str:
    """A heading, the verdicts on the runs, and the table. Rows that do not fit are left out and counted.

    Args:
        request: what to export.
        largest: bytes that the summary may have. Empty if not even the head fits.
    """
    rows = list(_rows(request))
    whole = _summary(request, rows, "")
    if len(whole.encode()) <= largest:
        return whole
    room = largest - len(_summary(request, [], _cut(len(rows), len(rows))).encode())
    n_kept = sum(end <= room for end in accumulate(len(row.encode()) + 1 for row in rows))
    return _summary(request, rows[:n_kept], _cut(len(rows) - n_kept, len(rows))) if room >= 0 else ""


def _cut(n_left_out: int, n_rows: int) -> str:
    limit = LARGEST_SUMMARY >> 10
    return f"{n_left_out} of {n_rows} rows are left out: GitHub shows at most {limit} KiB per step.\n\n"


def _summary(request: Request, rows: Sequence[str], cut: str) -> str:
    verdicts = [f"- {in_markdown(line)}" for line in verdict_lines(request)]
    lines = ["### HE-SNR", "", *verdicts, *([""] if verdicts else []), *_head(request), *rows, ""]
    return "\n".join([*lines, f"{cut}{_note(request)}"]) + "\n"


def _head(request: Request) -> list[str]:
    found = table(request)
    titles = [*found.names, *(in_markdown(title(name)) + _ARROWS[direction(name)] for name in found.measures)]
    lines = ["---"] * len(found.names) + ["---:"] * len(found.measures)
    return [f"| {' | '.join(titles)} |", f"|{'|'.join(lines)}|"]


def _rows(request: Request) -> Iterator[str]:
    return map(_row, table(request).rows)


def _row(row: Row) -> str:
    return f"| {' | '.join([*map(in_markdown, row.names), *map(_cell, row.values)])} |"


def _cell(value: Value) -> str:
    if value.value is None:
        return "N/A"
    number = digits(value.value, value.measure)
    if value.low is None or value.high is None:
        return number
    return f"{number} ({digits(value.low, value.measure)} to {digits(value.high, value.measure)})"


def _note(request: Request) -> str:
    has_interval = any(value.low is not None for row in table(request).rows for value in row.values)
    intervals = " In brackets: 95 % intervals, by resampling whole trajectories." if has_interval else ""
    return f"Scope {in_markdown(request.table_scope)}, {trajectories(request)} trajectories.{intervals}"
