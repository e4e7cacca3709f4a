"""Bugs of level 2: a row is missing, two rows are in the wrong order, or two rows have a bug of one token each."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

from lab.micro_swe.bug import Bug, Change
from lab.micro_swe.one_token import one_token_bugs

MOST_PAIRS = 20
"""Pairs of bugs of one token that are tried."""


def larger_bugs(source: str, rng: random.Random) -> Iterator[Bug]:
    """Bugs of all three kinds, in random order."""
    kinds = [_missing_rows(source, rng), _swapped_rows(source, rng), _two_tokens(source, rng)]
    while kinds:
        kind = rng.choice(kinds)
        bug = next(kind, None)
        if bug is None:
            kinds.remove(kind)
        else:
            yield bug


def _missing_rows(source: str, rng: random.Random) -> Iterator[Bug]:
    rows = source.splitlines()
    for i in _shuffled(range(1, len(rows)), rng):
        broken = "\n".join(rows[:i] + rows[i + 1 :]) + "\n"
        yield Bug(broken, (Change(i, rows[i], inserts=True),), "missing row")


def _swapped_rows(source: str, rng: random.Random) -> Iterator[Bug]:
    rows = source.splitlines()
    for i in _shuffled(range(1, len(rows) - 1), rng):
        first, second = rows[i], rows[i + 1]
        broken = "\n".join([*rows[:i], second, first, *rows[i + 2 :]]) + "\n"
        yield Bug(broken, (Change(i + 1, first), Change(i + 2, second)), "rows in the wrong order")


def _two_tokens(source: str, rng: random.Random) -> Iterator[Bug]:
    bugs = list(itertools.islice(one_token_bugs(source, rng), 2 * MOST_PAIRS))
    for first, second in zip(bugs[::2], bugs[1::2], strict=False):
        if first.changes[0].row != second.changes[0].row:
            yield _both(first, second)


def _both(first: Bug, second: Bug) -> Bug:
    row = second.changes[0].row
    rows = first.broken.splitlines()
    rows[row - 1] = second.broken.splitlines()[row - 1]
    changes = sorted((*first.changes, *second.changes), key=lambda change: change.row)
    return Bug("\n".join(rows) + "\n", tuple(changes), f"two tokens: {first.kind}; {second.kind}")


def _shuffled(numbers: range, rng: random.Random) -> list[int]:
    shuffled = list(numbers)
    rng.shuffle(shuffled)
    return shuffled
