"""Aider's chat history, `.aider.chat.history.md` in the project's folder. Each chat in the file is a run.

`records` splits the file at the lines `# aider chat started at ...` and returns each chat as an object. In a chat:

- lines with `#### ` are the user's words: `task`, or `other` for a command of Aider such as `/add`;
- lines with `>` are Aider's output: `other`, or `observation` if they report the result of a reply's edits;
- everything else is the model's reply. Its edits are actions, see `aider_edits`. A shell command is an action only if
  Aider's output says that it ran. Otherwise it is advice.

Aider ends the lines that it writes itself with two blanks. So they differ from a quotation or a heading in a reply. If
an editor removed the blanks, every line with these marks is read as Aider's.

An edit ran if `Applied edit to` its file follows. The history does not contain the system prompt, the files that the
model was shown, the output of commands, or the outcome. Reasoning that Aider showed is part of the reply. Chats
without a reply are skipped.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lm_eval_hesnr.trajectories.readers.aider_edits import (
    Edit,
    edits_in,
    is_replace_line,
    is_search_line,
    shell_commands_in,
)
from lm_eval_hesnr.trajectories.readers.common import NoReplyError
from lm_eval_hesnr.trajectories.readers.found_calls import Found, split_at_calls
from lm_eval_hesnr.trajectories.readers.segments import call, shown
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory

FORMAT = "Aider chat history"

_MODEL = re.compile(r"^> (?:Main model|Models?): ([^\s,]+)", re.MULTILINE)
_EDIT_FORMAT = re.compile(
    r"^> (?:Main model|Models?|Editor model): .*?with (?:the )?([\w-]+) edit format", re.MULTILINE
)
_VERSION = re.compile(r"^> Aider v?(\d\S*)", re.MULTILINE)
_ASKING = ("/ask", "/code", "/architect", "/context")
"""Commands whose text goes to the model."""
_FAILED = ("did not conform to the edit format", "failed to match", "Malformed edits", "Unable to write file")
_PARTLY = "applied successfully"
_APPLIED, _SKIPPED = (re.compile(rf"{mark} to (?=(\S*))") for mark in ("Applied edit", "Skipping edits"))


class _Block(NamedTuple):
    """Neighbouring lines of one author: `user`, `aider` or `model`."""

    author: str
    lines: list[str]

    @property
    def text(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)


def detect(data: Any) -> bool:
    """Whether the value is a chat as `records` makes it from the file."""
    return isinstance(data, dict) and data.keys() == {"aider_chat", "started"}


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one chat. Raises NoReplyError if the model wrote nothing."""
    text, started = data["aider_chat"], data["started"]
    if not isinstance(text, str) or not isinstance(started, str):
        raise ValueError(f"'aider_chat' and 'started' should be text, found {text!r:.40} and {started!r:.40}")
    blocks = list(_blocks(text.split("\n")))
    if all(block.author != "model" for block in blocks):
        raise NoReplyError
    head = "\n".join(block.text for block in blocks if block.author == "aider")
    model, version = _MODEL.search(head), _VERSION.search(head)
    formats = _EDIT_FORMAT.findall(head)
    return Trajectory(
        id=f"{path.parent.name} {started}".strip() or path.name,
        source="aider",
        resolved=None,
        model=model[1] if model else None,
        segments=tuple(_segments(blocks, formats[-1] if formats else "diff")),
        meta={"agent_version": version[1]} if version else {},
    )


def _blocks(lines: list[str]) -> Iterator[_Block]:
    """Yield the blocks of a chat without the blank lines around them. A blank line ends a block of the user."""
    own = [line.endswith("  ") for line in lines if line.startswith((">", "#### "))]
    has_marks = 2 * sum(own) >= len(own)
    block = _Block("aider", [])
    for author, line in _authors(lines, has_marks):
        if author != block.author or (author == "user" and not line.strip()):
            yield from _trimmed(block)
            block = _Block(author, [])
        if block.lines or line.strip():
            block.lines.append(line)
    yield from _trimmed(block)


def _trimmed(block: _Block) -> Iterator[_Block]:
    while block.lines and not block.lines[-1].strip():
        block.lines.pop()
    if block.lines:
        yield block


def _authors(lines: list[str], has_marks: bool) -> Iterator[tuple[str, str]]:
    """Yield each line with its author. `has_marks`: Aider's own lines end with two blanks."""
    end = -1  # the last line of an edit, or of an output of several lines
    author = "aider"
    for i, line in enumerate(lines):
        if i <= end:
            yield author, line
            continue
        is_own = line.endswith("  ") or not has_marks
        if line.startswith("#### ") and is_own:
            author = "user"
        elif line.startswith(">") and not is_replace_line(line) and is_own:
            author = "aider"
        elif line.startswith("> ") and author != "model" and i and lines[i - 1].strip() and (stop := _output(lines, i)):
            author, end = "aider", stop
        else:
            author = author if not line.strip() else "model"
            end = _block_end(lines, i) if is_search_line(line) else end
        yield author, line


def _output(lines: list[str], begin: int) -> int:
    """The last line of an output of several lines: only this line ends with two blanks. 0 if there is no such line."""
    for i in range(begin + 1, len(lines)):
        if lines[i].startswith((">", "#### ")):
            return 0
        if lines[i].endswith("  "):
            return i
    return 0


def _block_end(lines: list[str], begin: int) -> int:
    """The last line of a SEARCH/REPLACE block; `begin` if it does not close."""
    for i in range(begin + 1, len(lines)):
        if is_search_line(lines[i]):
            break
        if is_replace_line(lines[i]):
            return i
    return begin


def _segments(blocks: list[_Block], edit_format: str) -> Iterator[Segment]:
    awaited = False  # the last reply has edits or commands
    for i, block in enumerate(blocks):
        if block.author == "model":
            report = blocks[i + 1].text if i + 1 < len(blocks) and blocks[i + 1].author == "aider" else ""
            segments = list(_reply(block.text, report, edit_format))
            awaited = any(segment.calls for segment in segments)
            yield from segments
        elif block.author == "user":
            awaited = False
            yield from _user(block)
        else:
            yield from shown("observation" if awaited else "other", block.text)
            awaited = False


def _user(block: _Block) -> Iterator[Segment]:
    text = "\n".join(line.removeprefix("#### ").removesuffix("  ") for line in block.lines)
    is_command = text.startswith(("/", "!")) and text.split(maxsplit=1)[0] not in _ASKING
    yield from shown("other" if is_command else "task", text)


def _reply(text: str, report: str, edit_format: str) -> Iterator[Segment]:
    """Yield the thoughts and actions of a reply. `report` is Aider's output after it."""
    ran = {line.strip() for line in report.replace("> Running ", "\n> Running ").split("\n")}
    outcome = _Outcome(report)
    found = [(edit, outcome.of(edit)) for edit in edits_in(text, edit_format)]
    found += [(command, True) for command in shell_commands_in(text) if _ran(command, ran)]
    calls: list[Found] = []
    for edit, executed in sorted(found, key=lambda item: item[0].start):
        if not calls or edit.start >= calls[-1].end:
            calls.append(Found(edit.start, edit.end, (call(edit.tool, edit.arguments, executed),)))
    yield from split_at_calls(text, calls)


class _Outcome:
    """What Aider's output says about the edits of a reply. The output is searched once, not for each edit."""

    def __init__(self, report: str) -> None:
        self._applied, self._skipped = (sorted(marked.findall(report)) for marked in (_APPLIED, _SKIPPED))
        self._failed = any(mark in report for mark in _FAILED) and _PARTLY not in report
        self._any_applied = "Applied edit to" in report

    def of(self, edit: Edit) -> bool | None:
        """Whether an edit was applied. A path has no blanks, and text of the output may follow it directly."""
        if edit.path and _is_beginning(edit.path, self._applied):
            return True
        if (edit.path and _is_beginning(edit.path, self._skipped)) or self._failed:
            return False
        return True if not edit.path and self._any_applied else None


def _is_beginning(path: str, names: list[str]) -> bool:
    """Whether one of the sorted names begins with a path."""
    at = bisect_left(names, path)
    return at < len(names) and names[at].startswith(path)


def _ran(command: Edit, ran: set[str]) -> bool:
    """Whether Aider ran the first line of a command that is not a comment."""
    lines = (line.strip() for line in command.arguments["command"].split("\n"))
    return any(f"> Running {line}" in ran for line in lines if line and not line.startswith("#"))
