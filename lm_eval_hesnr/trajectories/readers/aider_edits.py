"""Edits and shell commands in a reply of Aider, in the edit formats of its models.

diff, diff-fenced    SEARCH/REPLACE blocks, usually in a fence; the file's name is on the line above or below the
fence's opening. A block without a name edits the file of the previous block.
udiff                unified diffs in ```diff fences
patch                text between `*** Begin Patch` and `*** End Patch`
whole                the complete file in a fence, with the file's name on the line above
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_SEARCH = re.compile(r"<{5,9} (?:SEARCH|ORIGINAL|HEAD)>?\s*\Z")
_DIVIDER = re.compile(r"={5,9}\s*\Z")
_REPLACE = re.compile(r">{5,9} (?:REPLACE|UPDATED)\s*\Z")
_FENCE = re.compile(r"(`{3,5})([^`\n]*)\Z")
_PATH = re.compile(r"[^\s./]*[./]\S*[^\s.]|\w*file", re.IGNORECASE)
"""The first repeat ends at the first dot or slash, which keeps the time linear."""
_PATCH_MARKS = ("*** Begin Patch\n", "\n*** End Patch")
_SHELLS = frozenset(["bash", "sh", "shell", "cmd", "batch", "powershell", "ps1", "zsh", "fish", "ksh", "csh", "tcsh"])
"""Languages of fences that Aider offers to run."""


class Edit(NamedTuple):
    """An edit at [start, end) of a reply, with the marks around it; or a shell command, which has no path."""

    start: int
    end: int
    tool: str
    arguments: dict[str, Any]

    @property
    def path(self) -> str:
        """The file's name; empty if the reply does not contain it."""
        return str(self.arguments.get("path", ""))


class _Line(NamedTuple):
    start: int
    text: str


def edits_in(reply: str, edit_format: str) -> list[Edit]:
    """Return the edits of a reply, in order."""
    if edit_format == "patch":
        return list(_patches(reply))
    lines = _lines(reply)
    if "udiff" in edit_format:
        return [
            Edit(start, end, "apply_patch", {"patch": inside})
            for _, start, end, language, inside in _fences(reply, lines)
            if language == "diff"
        ]
    blocks = list(_blocks(reply, lines))
    return blocks if blocks or "whole" not in edit_format else list(_whole_files(reply, lines))


def shell_commands_in(reply: str) -> list[Edit]:
    """Return the fences of a reply that Aider offers to run."""
    return [
        Edit(start, end, "bash", {"command": inside.strip()})
        for _, start, end, language, inside in _fences(reply, _lines(reply))
        if language in _SHELLS and inside.strip()
    ]


def is_search_line(line: str) -> bool:
    """Whether a line opens a SEARCH/REPLACE block."""
    return _SEARCH.match(line) is not None


def is_replace_line(line: str) -> bool:
    """Whether a line closes a SEARCH/REPLACE block."""
    return _REPLACE.match(line) is not None


def _lines(text: str) -> list[_Line]:
    lines, start = [], 0
    for line in text.split("\n"):
        lines.append(_Line(start, line))
        start += len(line) + 1
    return lines


def _patches(text: str) -> Iterator[Edit]:
    opening, closing = _PATCH_MARKS
    start = text.find(opening)
    while start >= 0 and (stop := text.find(closing, start)) >= 0:
        end = stop + len(closing)
        yield Edit(start, end, "apply_patch", {"patch": text[start:end]})
        start = text.find(opening, end)


def _blocks(text: str, lines: list[_Line]) -> Iterator[Edit]:
    """Yield the SEARCH/REPLACE blocks. One that does not close is left out, as Aider refuses it."""
    path = ""
    after = 0  # the line after the last block
    in_fence = False
    search = divider = None
    for i, line in enumerate(lines):
        if _SEARCH.match(line.text):
            search, divider = i, None
        elif search is not None and divider is None and _DIVIDER.match(line.text):
            divider = i
        elif search is not None and divider is not None and _REPLACE.match(line.text):
            first, named, fenced = _beginning(lines, search, after)
            path, in_fence, after = named or path, in_fence or fenced, i + 1
            if in_fence and after < len(lines) and _FENCE.match(lines[after].text):
                after, in_fence = after + 1, False
            old = text[lines[search + 1].start : max(lines[search + 1].start, lines[divider].start)]
            new = text[lines[divider + 1].start : lines[i].start]
            texts = {"old_str": old, "new_str": new}
            arguments = {"path": path, **texts} if named else {**texts, **({"path": path} if path else {})}
            yield Edit(lines[first].start, _end(lines[after - 1]), "edit", arguments)
            search = divider = None


def _beginning(lines: list[_Line], search: int, after: int) -> tuple[int, str, bool]:
    """(first line of a block with its fence and file name, the file's name or "", whether a fence opens there)."""
    first, path, fenced = search, "", False
    while first > after:
        above = lines[first - 1].text
        if not fenced and _FENCE.match(above):
            fenced = True
        elif path or not (path := _path_in(above)):
            break
        first -= 1
    return first, path, fenced


def _path_in(line: str) -> str:
    """The file's name on a line of its own, without Markdown around it; empty if the line is something else."""
    name = line.strip().rstrip(":").lstrip("#").strip().strip("`").strip("*").strip()
    return name if _PATH.fullmatch(name) else ""


def _whole_files(text: str, lines: list[_Line]) -> Iterator[Edit]:
    for i, start, end, _, inside in _fences(text, lines):
        path = _path_in(lines[i - 1].text) if i else ""
        if path:
            yield Edit(min(start, lines[i - 1].start), end, "write_file", {"path": path, "content": inside})


def _fences(text: str, lines: list[_Line]) -> Iterator[tuple[int, int, int, str, str]]:
    """Yield each closed fence: the number of its first line, start, end, language and content."""
    opened: tuple[int, str, str] | None = None
    for i, line in enumerate(lines):
        match = _FENCE.match(line.text)
        if match is None:
            continue
        if opened is None:
            opened = i, match[1], match[2].strip()
        elif match[1] == opened[1] and not match[2].strip():
            content = text[lines[opened[0] + 1].start : max(lines[opened[0] + 1].start, line.start - 1)]
            yield opened[0], lines[opened[0]].start, _end(line), opened[2], content
            opened = None


def _end(line: _Line) -> int:
    return line.start + len(line.text)
