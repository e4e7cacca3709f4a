"""CSV for spreadsheets and pandas (RFC 4180). Names from outside cannot become formulas in a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lm_eval_hesnr.messages.characters import one_line

_FORMULA = re.compile(r"\s*[=+\-@\uff1d\uff0b\uff0d\uff20]|\t")
"""The beginning of a cell that spreadsheets calculate: OWASP's list, with full-width signs."""


def csv_text(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None = None) -> str:
    """The rows as CSV with a header and CRLF line ends. Floats have all their digits; None is an empty cell.

    A text with a line break or a control character has an escape in its place, so each row is one line. A text that a
    spreadsheet would calculate has an apostrophe before it. Numbers never have one.

    Args:
        rows: column to cell.
        columns: the columns in their order. If it is None, all keys of the rows.
    """
    names = dict.fromkeys(key for row in rows for key in row) if columns is None else columns
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([_cell(name) for name in names])
    writer.writerows([_cell(row.get(name)) for name in names] for row in rows)
    return out.getvalue()


def without_apostrophe(cell: str) -> str:
    """The text of a cell that `csv_text` wrote."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell, 1) else cell


def _cell(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = one_line(value)
    return f"'{text}" if _FORMULA.match(text) else text
