"""The tables that say how the page was made: settings and files."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from lm_eval_hesnr.results.report.cells import Cell, HtmlTable, name_cell
from lm_eval_hesnr.results.report.inputs import ReportRun
from lm_eval_hesnr.results.report.subject import Subject


def differing_table(subject: Subject) -> HtmlTable | None:
    """The settings that differ between the runs, one line for each run."""
    settings = [dict(_settings(run)) for run in subject.runs]
    keys = [key for key in _keys(settings) if len({one.get(key) for one in settings}) > 1]
    rows = [
        [name_cell(run), *(Cell(one.get(key, "")) for key in keys)]
        for run, one in zip(subject.runs, settings, strict=True)
    ]
    return HtmlTable("Settings that differ", ["checkpoint", *keys], rows) if keys else None


def shared_table(subject: Subject) -> HtmlTable:
    """The settings that are the same in all runs."""
    settings = [dict(_settings(run)) for run in subject.runs]
    keys = [key for key in _keys(settings) if len({one.get(key) for one in settings}) == 1]
    caption = "Settings of all runs" if len(settings) > 1 else "Settings"
    return HtmlTable(caption, ["setting", "value"], [[Cell(key), Cell(settings[0][key])] for key in keys])


def _keys(settings: Sequence[Mapping[str, str]]) -> list[str]:
    return list(dict.fromkeys(key for one in settings for key in one))


def _settings(run: ReportRun) -> Iterator[tuple[str, str]]:
    """The signature, and the versions of packages that are not in it."""
    signature = run.run.config["signature"]
    for key, value in signature.items():
        yield str(key), _short(value)
    yield from ((name, version) for name, version in run.versions.items() if name not in signature)


def _short(value: Any, room: int = 120) -> str:
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else "N/A"
    try:
        text = "none" if value is None else str(value)
    except RecursionError:
        text = "..."
    return text if len(text) <= room else f"{text[:room]}..."


def inputs_table(subject: Subject) -> HtmlTable:
    """The files that the page is made from."""
    rows = [
        [name_cell(run), Cell(run.date or ""), Cell(str(run.source)), Cell(run.sha256 or "")] for run in subject.runs
    ]
    return HtmlTable("Inputs", ["checkpoint", "date", "file", "SHA-256"], rows)
