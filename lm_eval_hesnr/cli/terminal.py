"""Printing to a terminal: escapes for control characters, colours of labels, the pager, error lines."""

# ruff: noqa: T201 (printing lives in this package)

from __future__ import annotations

import os
import pydoc
import re
import shutil
import sys
from collections.abc import Iterable

from lm_eval_hesnr.labels import Label

COLOURS = {
    Label.CODE: "32",
    Label.MARKUP: "34",
    Label.COMMENT: "33",
    Label.WHITESPACE: "100",  # a background colour, because blanks do not show a text colour
    Label.DECORATION: "35",
    Label.THOUGHT: "36",
    Label.OBSERVATION: "90",
    Label.SYSTEM: "95",
    Label.TASK: "94",
    Label.OTHER: "31",
}
"""SGR codes of the sixteen colours that every terminal has. Headings are bold and have no colour."""

_STRANGE = re.compile(r"[^\x20-\x7e\n\t]")


def visible(text: str) -> str:
    r"""The text with an escape, such as `\x1b`, for every character that is not printable."""
    return _STRANGE.sub(lambda found: _escaped(found[0]), text)


def _escaped(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def one_line(text: str) -> str:
    """The text in one line: like `visible`, and each line end is an escape too."""
    return visible(text).replace("\n", "\\n")


def print_error(reason: str) -> None:
    """Print one line `error: ...` to stderr."""
    print(f"error: {one_line(reason)}", file=sys.stderr)


def print_lines(lines: Iterable[str], *, paged: bool) -> None:
    """Print to stdout. If `paged`, a text longer than the terminal goes through the user's pager."""
    if paged:
        lines = list(lines)
        if len(lines) >= shutil.get_terminal_size().lines:
            os.environ.setdefault("LESS", "-R")  # without it, less shows escape codes instead of colours
            pydoc.pager("\n".join(lines) + "\n")
            return
    for line in lines:
        print(line)
