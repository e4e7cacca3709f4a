"""What guessing solves: edits of one random token, with the row known or not."""

from __future__ import annotations

import random

from lab.micro_swe.one_token import one_token_bugs
from lab.micro_swe.task import Task


def all_edits(task: Task) -> list[str]:
    """Every action of level 1 that changes one token of the broken file below its first row."""
    bugs = one_token_bugs(task.broken, random.Random(0))
    return [f"{bug.changes[0].row}|{bug.broken.splitlines()[bug.changes[0].row - 1]}" for bug in bugs]


def edits_of_row(task: Task) -> list[str]:
    """Those that change the row with the bug."""
    return [edit for edit in all_edits(task) if edit.startswith(f"{task.bug.changes[0].row}|")]
