"""A CSV file with a header, and checks of its cells. A message names the file, the line and the column."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import read_regular
from lm_eval_hesnr.messages.near import did_you_mean
from lm_eval_hesnr.results.csv_text import without_apostrophe

_LARGEST_FILE = 2**24
"""Bytes. The cells of one line are in memory at once, and each takes about 60 bytes."""
_MOST_ROWS, _MOST_COLUMNS = 100_000, 1000
LARGEST_NUMBER = 10**15
"""The largest number in a cell, and of trials."""
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,15})?([eE]\+?[0-9]{1,2})?")
_LONGEST_SHOWN = 60


class Row(NamedTuple):
    """One row of a CSV file."""

    path: Path
    line: int
    """The number of its first line in the file, from 1."""
    cells: dict[str, str]
    """Column to cell, without blanks around it."""

    def text(self, column: str) -> str:
        """The cell of a column that must not be empty."""
        if not self.cells.get(column):
            raise self.wrong(column, "a text")
        return self.cells[column]

    def whole(self, column: str, least: int) -> int:
        """A cell that must be a whole number of at least `least`."""
        cell = self.cells[column]
        if not re.fullmatch("[0-9]{1,15}", cell) or int(cell) < least:
            raise self.wrong(column, f"a whole number of at least {least}")
        return int(cell)

    def positive(self, column: str) -> float | None:
        """A cell that must be a number above 0, or empty: None."""
        cell = self.cells.get(column, "")
        if not cell:
            return None
        value = float(cell) if _NUMBER.fullmatch(cell) else 0.0
        if not 0 < value <= LARGEST_NUMBER:
            raise self.wrong(column, "a number above 0, or an empty cell")
        return value

    def wrong(self, column: str, expected: str) -> InputError:
        """The error about a cell."""
        cell = self.cells.get(column, "")
        found = repr(cell if len(cell) <= _LONGEST_SHOWN else f"{cell[:_LONGEST_SHOWN]}...") if cell else "nothing"
        return InputError(f"{self.path}, line {self.line}, {column}: expected {expected}, found {found}")


def read_csv(path: Path, needed: Sequence[str]) -> tuple[list[str], list[Row]]:
    """The columns and the rows of a CSV file.

    Args:
        path: the file, in UTF-8.
        needed: columns that it must have.

    Raises:
        InputError: it cannot be read, a column is missing or there twice, or a row has another number of cells.
    """
    try:
        content = read_regular(path, at_most=_LARGEST_FILE).decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; give a CSV file with one row per checkpoint") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not text in UTF-8; save it as CSV in UTF-8") from error
    reader = csv.reader(io.StringIO(content, newline=""), strict=True)
    rows: list[Row] = []
    columns: list[str] = []
    line = 1
    try:
        for cells in reader:
            begin, line = line, reader.line_num + 1
            stripped = [without_apostrophe(cell.strip()) for cell in cells]
            if not any(stripped):
                continue
            if not columns:
                columns = _checked_columns(path, stripped, needed)
            elif len(cells) != len(columns):
                raise InputError(
                    f"{path}, line {begin}: expected {len(columns)} cells ({', '.join(columns)}), found {len(cells)}"
                )
            elif len(rows) == _MOST_ROWS:
                raise InputError(f"{path}: has more than {_MOST_ROWS} rows; give one row per checkpoint and seed")
            else:
                rows.append(Row(path, begin, dict(zip(columns, stripped, strict=True))))
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: is not CSV ({error}); save it as CSV again") from error
    if not rows:
        raise InputError(
            f"{path}: has no rows; expected a header ({', '.join(needed)}, ...) and one row per checkpoint"
        )
    return columns, rows


def _checked_columns(path: Path, columns: list[str], needed: Sequence[str]) -> list[str]:
    if len(columns) > _MOST_COLUMNS:
        raise InputError(f"{path}, line 1: has {len(columns)} columns; expected at most {_MOST_COLUMNS}")
    for column in columns:
        if columns.count(column) > 1:
            raise InputError(f"{path}, line 1: has two columns {column!r:.60}; rename or remove one of them")
    for column in needed:
        if column not in columns and columns[0].startswith(("{", "[")):
            raise InputError(
                f"{path}: is JSON, expected CSV; give SCORES.csv first ({', '.join(needed)}, ...), then results files"
            )
        if column not in columns:
            hint = did_you_mean(column, [one for one in columns if one not in needed])
            raise InputError(
                f"{path}, line 1: has no column {column}; {hint}it has {', '.join(columns)[:200]}; give a header line"
            )
    return columns
