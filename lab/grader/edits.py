"""Applies an action to a file. Runs only in a child with limits, as the text of an action may be anything.

An action in the dialect "rows" is one or several lines `ROW|text`, which replace a row, or `ROW+|text`, which insert a
row after it. All rows are those of the file before the action.
"""

from __future__ import annotations

import re

from lab.grader.grade import Dialect
from lab.grader.no_edit import NoEditError
from lab.grader.sed import apply_sed

LONGEST_ACTION = 2000
MOST_LINES = 4
_OTHER_ENDS = re.compile("[\r\v\f\x1c-\x1e\x85\u2028\u2029]")
"""Ends of lines for `str.splitlines` or for Python: with them, one row would be several."""
_LINE = re.compile(r"\s{0,4}(?P<row>\d{1,3})(?P<insert>\+?)\|(?P<text>.*)", re.ASCII)


def edited(source: str, action: str, dialect: Dialect) -> str:
    """The text of the file after the action.

    Raises:
        NoEditError: the action is not an edit of this file.
    """
    if len(action) > LONGEST_ACTION:
        raise NoEditError("too long")
    if _OTHER_ENDS.search(action):
        raise NoEditError("another end of a line than a line feed")
    return apply_rows(source, action) if dialect == "rows" else apply_sed(source, action)


def apply_rows(source: str, action: str) -> str:
    """The text of the file after an action in the dialect "rows".

    Raises:
        NoEditError: a line is not an edit, there are none or too many, a row is not in the file, or is replaced twice.
    """
    rows = source.splitlines()
    lines = action.strip("\n").split("\n")
    if len(lines) > MOST_LINES:
        raise NoEditError("too many lines")
    replaced: dict[int, str] = {}
    inserted: dict[int, list[str]] = {}
    for line in lines:
        match = _LINE.fullmatch(line)
        row = int(match["row"]) if match else 0
        if not match or not 1 <= row <= len(rows) or (not match["insert"] and row in replaced):
            raise NoEditError(line)
        if match["insert"]:
            inserted.setdefault(row, []).append(match["text"])
        else:
            replaced[row] = match["text"]
    after: list[str] = []
    for i, text in enumerate(rows, 1):
        after += [replaced.get(i, text), *inserted.get(i, [])]
    return "\n".join(after) + "\n"
