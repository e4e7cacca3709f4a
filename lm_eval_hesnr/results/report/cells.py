"""Cells and tables of the page, as text. A number has the digits of `hesnr measure`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lm_eval_hesnr.results.compare.pair import HEADLINE
from lm_eval_hesnr.results.compare.text import COLUMNS
from lm_eval_hesnr.results.report.inputs import ReportRun
from lm_eval_hesnr.results.text_table import interval_cell, number

_FORMS = {**COLUMNS, HEADLINE: ".4f", "calibrated_he_snr": ".4f"}


class Cell(NamedTuple):
    """One cell of a table."""

    text: str
    mark: str = ""
    """A word after the text."""
    is_strong: bool = False
    sort: float | None = None
    """The number that it is sorted by."""
    link: int | None = None
    """The number of the token view that it opens."""


class HtmlTable(NamedTuple):
    """A table. The first cell of each row is its heading."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    can_sort: bool = False


def value_cell(run: ReportRun, name: str, scope: str, *, is_strong: bool = False) -> Cell:
    """A measure of a run in a scope."""
    value = run.run.value(name, scope)
    return Cell(number(value, _FORMS.get(name, ".4f")), is_strong=is_strong, sort=value)


def interval_cell_of(run: ReportRun, name: str, scope: str) -> Cell:
    """The 95 % interval of a measure."""
    summary = run.run.config["summary"].get(scope) or {"intervals": {}}
    return Cell(interval_cell(summary["intervals"].get(name), _FORMS.get(name, ".4f")))


def with_interval(run: ReportRun, name: str, scope: str) -> list[Cell]:
    """A measure and its 95 % interval."""
    return [value_cell(run, name, scope), interval_cell_of(run, name, scope)]


def name_cell(run: ReportRun, mark: str = "") -> Cell:
    """The name of a run, in bold if its mark begins with `take`."""
    return Cell(run.name, mark=mark, is_strong=mark.startswith("take"))


def step_cell(run: ReportRun) -> Cell:
    """The step of a run; empty if it is not known."""
    return Cell("" if run.step is None else str(run.step), sort=run.step)
