"""Patches, in unified diff or `*** Begin Patch` format, split into hunks and lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from lm_eval_hesnr.labelling.languages import language_of_path

_FILE_HEADERS = ("*** Add File:", "*** Update File:", "*** Delete File:", "*** Move to:")
_HUNK_HEADER = re.compile(r"^@@ ", re.MULTILINE)
_OTHER_HEADERS = ("diff --git ", "diff -", "index ", "Index: ", "*** ", "\\ No newline")


class HunkLine(NamedTuple):
    """A line of one side of a hunk, without its sign."""

    start: int
    """Position of the text in the patch."""
    text: str
    """Includes the line end."""
    changed: bool
    """True for an added or removed line, False for a context line."""


@dataclass(slots=True)
class HunkSide:
    """The lines of a hunk as they are before the patch is applied, or afterwards."""

    language: str | None
    lines: list[HunkLine] = field(default_factory=list)


def is_patch(text: str) -> bool:
    """Whether a text is a patch: it starts with `*** Begin Patch`, or it contains a hunk."""
    return text.lstrip().startswith("*** Begin Patch") or _HUNK_HEADER.search(text) is not None


def hunk_sides(patch: str) -> Iterator[HunkSide]:
    """The old and the new side of every hunk. A side without changed lines is left out.

    The line counts in `@@ -1,2 +1,3 @@` are ignored, because models get them wrong. A hunk ends at the next header.
    """
    language: str | None = None
    old, new = HunkSide(None), HunkSide(None)
    lines = [f"{line}\n" for line in patch.split("\n")]
    lines[-1] = lines[-1][:-1]
    position = 0
    in_hunk = False
    for i, line in enumerate(lines):
        start, position = position, position + len(line)
        path = _path_in_header(line, lines[i + 1] if i + 1 < len(lines) else "", lines[i - 1] if i else "")
        if path is not None or line.startswith(("@@", *_OTHER_HEADERS)):
            yield from _changed_sides(old, new)
            if path:
                language = language_of_path(path)
            in_hunk = line.startswith(("@@", "*** ", "\\"))
            old, new = HunkSide(language), HunkSide(language)
        elif in_hunk:
            sign, text = line[:1], line[1:]
            if sign != "+":
                old.lines.append(HunkLine(start + 1, text, sign == "-"))
            if sign != "-":
                new.lines.append(HunkLine(start + 1, text, sign == "+"))
    yield from _changed_sides(old, new)


def _changed_sides(old: HunkSide, new: HunkSide) -> Iterator[HunkSide]:
    """The sides that have a changed line."""
    for side in (old, new):
        if any(line.changed for line in side.lines):
            yield side


def _path_in_header(line: str, following: str, before: str) -> str | None:
    """The file that a header line names: empty for /dev/null, None if the line does not name a file."""
    for mark in _FILE_HEADERS:
        if line.startswith(mark):
            return line[len(mark) :].strip()
    is_old = line.startswith("--- ") and following.startswith("+++ ")
    is_new = line.startswith("+++ ") and before.startswith("--- ")
    if is_old or is_new:
        name = line[4:].split("\t")[0].strip()
        return "" if name == "/dev/null" else name
    return None
