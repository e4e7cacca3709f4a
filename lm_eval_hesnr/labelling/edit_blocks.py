"""SEARCH/REPLACE blocks: edits that Aider, Cline and Roo write as text."""

from __future__ import annotations

import re
from collections.abc import Iterator

_EDIT_MARK = re.compile(
    r"^(?:(?P<search>[<-]{5,9} SEARCH>?[ \t]*\n(?::(?:start|end)_line:[^\n]*\n)*(?:-{5,9}[ \t]*\n)?)"
    r"|(?P<middle>={5,9}[ \t]*(?:\n|\Z))|(?P<replace>[>+]{5,9} REPLACE>?[ \t]*$))",
    re.MULTILINE,
)
"""The marks of a SEARCH/REPLACE block, as Aider, Cline and Roo write them. Roo adds line numbers after SEARCH."""


def has_edit_blocks(text: str) -> bool:
    """Whether a text contains SEARCH/REPLACE blocks."""
    return " SEARCH" in text and next(edit_block_sides(text), None) is not None


def edit_block_sides(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of the text that each block searches, and of the text that replaces it."""
    search = middle = None
    for mark in _EDIT_MARK.finditer(text):
        if mark["search"]:
            search, middle = mark, None
        elif mark["middle"] and search and not middle:
            middle = mark
        elif mark["replace"] and search and middle:
            yield search.end(), middle.start()
            yield middle.end(), mark.start()
            search = middle = None
