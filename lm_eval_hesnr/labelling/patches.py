"""Patches: unified diffs and the `*** Begin Patch` form, as the changed lines of each hunk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from lm_eval_hesnr.labelling.languages import language_of_path

_FILE = ("*** Add File:", "*** Update File:", "*** Delete File:", "*** Move to:")
_HUNK = re.compile(r"^@@ ", re.MULTILINE)
_HEADERS = ("diff --git ", "diff -", "index ", "Index: ", "*** ", "\\ No newline")


class Line(NamedTuple):
    """A line of one side of a hunk, its sign taken off."""

    start: int
    """Where its text begins in the patch."""
    text: str
    """With the line's end."""
    changed: bool
    """Whether this side added or removed it; else it is context."""


@dataclass(slots=True)
class Side:
    """A hunk as it reads before the patch, or after it."""

    language: str | None
    lines: list[Line] = field(default_factory=list)


def is_patch(text: str) -> bool:
    """Whether a text is a patch: it begins as one does, or holds a hunk."""
    return text.lstrip().startswith("*** Begin Patch") or _HUNK.search(text) is not None


def sides(patch: str) -> Iterator[Side]:
    """Both sides of every hunk that change something; what is in neither is headers and context.

    The counts of `@@ -1,2 +1,3 @@` are not trusted, as models get them wrong: a hunk goes on until the next header.
    """
    language: str | None = None
    old, new = Side(None), Side(None)
    lines = [f"{line}\n" for line in patch.split("\n")]
    lines[-1] = lines[-1][:-1]
    position = 0
    in_hunk = False
    for i, line in enumerate(lines):
        start, position = position, position + len(line)
        path = _path(line, lines[i + 1] if i + 1 < len(lines) else "", lines[i - 1] if i else "")
        if path is not None or line.startswith(("@@", *_HEADERS)):
            yield from _changed(old, new)
            if path:
                language = language_of_path(path)
            in_hunk = line.startswith(("@@", "*** ", "\\"))
            old, new = Side(language), Side(language)
        elif in_hunk:
            sign, text = line[:1], line[1:]
            if sign != "+":
                old.lines.append(Line(start + 1, text, sign == "-"))
            if sign != "-":
                new.lines.append(Line(start + 1, text, sign == "+"))
    yield from _changed(old, new)


def _changed(old: Side, new: Side) -> Iterator[Side]:
    for side in (old, new):
        if any(line.changed for line in side.lines):
            yield side


def _path(line: str, following: str, before: str) -> str | None:
    """The file that a header line names; empty for /dev/null; None for a line that is no such header."""
    for mark in _FILE:
        if line.startswith(mark):
            return line[len(mark) :].strip()
    is_old = line.startswith("--- ") and following.startswith("+++ ")
    is_new = line.startswith("+++ ") and before.startswith("--- ")
    if is_old or is_new:
        name = line[4:].split("\t")[0].strip()
        return "" if name == "/dev/null" else name
    return None
