"""The prompt and the right action of a task, as text.

Levels 0 to 2 are a short log of commands. Level 3 is a session with headings, as the embedded model has read many.
"""

from __future__ import annotations

from typing import NamedTuple

from lab.micro_swe.bug import Bug, Change
from lab.micro_swe.sed_command import sed_command


class Turn(NamedTuple):
    """A command and what it prints."""

    command: str
    output: str


class Text(NamedTuple):
    """The parts of a task's text."""

    task: str
    """The instruction; empty in levels 1 and 2."""
    turns: tuple[Turn, ...]
    """What comes before the fix."""
    action: str
    """The fix."""
    stop: str


TASK_OF_SESSION = "The function `{function}` in m.py gives a wrong result. Find the bug and fix it."
_STOP = {0: "\n", 1: "\n", 2: "\n\n", 3: "\n```"}


def text_of(level: int, function: str, bug: Bug, call: str, got: str, result: str) -> Text:
    """The parts of the text of a task."""
    numbered = "".join(
        f"{i:6}\t{row}\n" if level == 3 else f"{i} {row}\n" for i, row in enumerate(bug.broken.splitlines(), 1)
    )
    hint = f" (row {bug.changes[0].row})" if level == 0 else ""
    turns = Turn("cat -n m.py", numbered), Turn("python t.py", f"{call} gave {got}, not {result}{hint}\n")
    action = sed_command(bug.changes) if level == 3 else "\n".join(map(_row, bug.changes))
    task = TASK_OF_SESSION.format(function=function) if level == 3 else ""
    return Text(task, turns, action, _STOP[level])


def prompt(level: int, text: Text) -> str:
    """What a model reads before the action."""
    if level < 3:
        return "".join(f"$ {turn.command}\n{turn.output}" for turn in text.turns) + "$ fix "
    turns = "".join(
        f"### Agent\n```bash\n{turn.command}\n```\n\n### Observation\n<output>\n{turn.output}</output>\n\n"
        for turn in text.turns
    )
    return f"### Task\n{text.task}\n\n{turns}### Agent\n```bash\n"


def _row(change: Change) -> str:
    return f"{change.row}{'+' if change.inserts else ''}|{change.text}"
