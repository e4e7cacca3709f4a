r"""Edits that try to get out, to use up the machine, or that are no edits at all."""

from __future__ import annotations

import random
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.grader.grade import Case, Dialect

PAYLOADS = Path(__file__).with_name("hostile_rows.txt")
_SIGNS = "()[]{}'\"\\|:;,.+-*/%<>=! \t\r\f\0\x1b\u202e\u00a0\ud800é１_abcdefxs019"


@dataclass(frozen=True, slots=True)
class Host:
    """A small task to attack."""

    broken: str
    function: str
    tests: tuple[Case, ...]
    dialect: Dialect


_SOURCES = [
    ("def f(xs):\n    total = 1\n    for x in xs:\n        total += x\n    return total\n", "[[1, 2, 3]]"),
    ("def f(xs):\n    total = []\n    while xs:\n        total.append(xs.pop())\n    return xs\n", "[[1, 2]]"),
    ("def f(xs):\n    total = {}\n    for x in xs:\n        total[x] = 2\n    return total\n", '[["a", "b"]]'),
]
_RESULTS = ["0", "[]"] * 12
"""Equal calls with different results: nothing solves them."""


def hostile_edits(n: int, seed: int) -> Iterator[tuple[Host, str]]:
    """`n` tasks with hostile actions: each row of `hostile_rows.txt` in each host, shuffled, then broken ones."""
    rng = random.Random(seed)
    rows = [row for row in PAYLOADS.read_text(encoding="utf-8").split("\n") if row and not row.startswith("#")]
    every = [(host, _action(row, host, rng)) for row in rows for host in _hosts(rng)]
    rng.shuffle(every)
    yield from every[:n]
    for _ in range(n - len(every)):
        host, action = rng.choice(every)
        yield host, _damaged(action, rng)


def _hosts(rng: random.Random) -> Iterator[Host]:
    """Each host, in a random dialect."""
    dialects: list[Dialect] = ["rows", "sed"]
    for source, arguments in _SOURCES:
        yield Host(source, "f", tuple(Case(arguments, result) for result in _RESULTS), rng.choice(dialects))


def _action(row: str, host: Host, rng: random.Random) -> str:
    """An action that puts the row in the place of the second row, or of the fourth, which is in a loop."""
    if row.startswith("! "):
        return row.removeprefix("! ")
    i, indentation = rng.choice([(2, 4), (4, 8)])
    text = " " * indentation + row
    return f"{i}|{text}" if host.dialect == "rows" else "sed -i " + shlex.quote(f"{i}c\\{text}") + " m.py"


def _damaged(action: str, rng: random.Random) -> str:
    """The action with some signs replaced, dropped or added."""
    for _ in range(rng.randint(1, 6)):
        i = rng.randrange(len(action) + 1)
        end = i + rng.choice([0, 0, 1, 5])
        action = action[:i] + rng.choice(_SIGNS) * rng.choice([1, 1, 1, 3, 300]) + action[end:]
    return action
