"""What guessing solves: edits of one random token, with the row known or not."""

from __future__ import annotations

import itertools
import random

from lab.micro_swe.one_token import one_token_bugs
from lab.micro_swe.task import Task


def random_edit(task: Task, rng: random.Random) -> str:
    """An action of level 1 that changes one token of the broken file, below its first row."""
    bug = next(one_token_bugs(task.broken, rng))
    row = bug.changes[0].row
    return f"{row}|{bug.broken.splitlines()[row - 1]}"


def random_edit_of_row(task: Task, rng: random.Random) -> str | None:
    """The same in the row that has the bug; None if no token of it can be changed."""
    edits = list(itertools.chain(one_token_bugs(task.broken, rng)))
    right = task.bug.changes[0].row
    rows = [bug.broken.splitlines()[right - 1] for bug in edits if bug.changes[0].row == right]
    return f"{right}|{rng.choice(rows)}" if rows else None


def all_edits(task: Task) -> list[str]:
    """Every such action."""
    edits = one_token_bugs(task.broken, random.Random(0))
    return [f"{bug.changes[0].row}|{bug.broken.splitlines()[bug.changes[0].row - 1]}" for bug in edits]
