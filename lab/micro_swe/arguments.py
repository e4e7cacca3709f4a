"""Random arguments of each kind. One in six is a case at the edge, such as an empty list."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

Random = random.Random
_EDGES = 1 / 6


def _ints(rng: Random, least: int, low: int = -9, high: int = 9) -> list[int]:
    return [rng.randint(low, high) for _ in range(rng.randint(least, 7))]


def _word(rng: Random, letters: str = "abcexyzo") -> str:
    return "".join(rng.choice(letters) for _ in range(rng.randint(1, 6)))


def _text(rng: Random) -> str:
    return " ".join(_word(rng) for _ in range(rng.randint(0, 4)))


def _mixed(rng: Random) -> str:
    return "".join(rng.choice("abcXYZ019 -_.,") for _ in range(rng.randint(0, 10)))


def _runs(rng: Random) -> str:
    return "".join(rng.choice("abc") * rng.randint(1, 3) for _ in range(rng.randint(0, 4)))


def _counts(rng: Random) -> dict[str, int]:
    return {rng.choice(_KEYS): rng.randint(-3, 9) for _ in range(rng.randint(0, 5))}


def _pairs(rng: Random) -> list[list[Any]]:
    return [[rng.choice(_KEYS[:4]), rng.randint(-3, 9)] for _ in range(rng.randint(0, 6))]


def _spans(rng: Random) -> list[list[int]]:
    return [sorted([rng.randint(0, 12), rng.randint(0, 12)]) for _ in range(rng.randint(0, 4))]


def _grid(rng: Random, least: int = 0) -> list[list[int]]:
    width = rng.randint(max(least, 1), 3)
    return [[rng.randint(-4, 9) for _ in range(width)] for _ in range(rng.randint(least, 4))]


def _square(rng: Random) -> list[list[int]]:
    width = rng.randint(1, 3)
    return [[rng.randint(-4, 9) for _ in range(width)] for _ in range(width)]


def _sorted(rng: Random) -> list[int]:
    return sorted(_ints(rng, 0, -5, 12))


_KEYS = ["ann", "bob", "cat", "dan", "eve", "a", "x"]

_KINDS: dict[str, tuple[Callable[[Random], Any], list[Any]]] = {
    "ints": (lambda rng: _ints(rng, 0), [[], [0], [4, 4, 4]]),
    "ints1": (lambda rng: _ints(rng, 1), [[0], [3, 3], [-2, -5]]),
    "few": (lambda rng: _ints(rng, 0, 0, 3), [[], [0, 0], [1, 1, 1]]),
    "naturals": (lambda rng: _ints(rng, 0, 0, 30), [[], [0], [10, 10]]),
    "sorted": (_sorted, [[], [5], [1, 1, 1]]),
    "small": (lambda rng: rng.randint(-6, 9), [0, 1]),
    "size": (lambda rng: rng.randint(1, 4), [1]),
    "natural": (lambda rng: rng.randint(0, 120), [0, 1, 10, 100]),
    "large": (lambda rng: rng.randint(1, 3000), [1, 60, 1000]),
    "to30": (lambda rng: rng.randint(0, 30), [0, 1, 2]),
    "text": (_text, ["", "a", "xx xx"]),
    "mixed": (_mixed, ["", "A1", "  "]),
    "runs": (_runs, ["", "a", "aab"]),
    "word": (_word, ["a", "aa"]),
    "words": (lambda rng: [_word(rng) for _ in range(rng.randint(0, 5))], [[], ["a"], ["bo", "bo"]]),
    "char": (lambda rng: rng.choice("abcexyzo "), ["a"]),
    "digits": (lambda rng: "".join(rng.choice("0123456789") for _ in range(rng.randint(1, 6))), ["0", "99"]),
    "bits": (lambda rng: "".join(rng.choice("01") for _ in range(rng.randint(1, 7))), ["0", "111"]),
    "brackets": (lambda rng: "".join(rng.choice("(()) a") for _ in range(rng.randint(0, 8))), ["", "()", ")("]),
    "moves": (lambda rng: "".join(rng.choice("LRUD") for _ in range(rng.randint(0, 7))), ["", "LR"]),
    "csv": (
        lambda rng: ",".join(_word(rng) if rng.random() < 0.8 else "" for _ in range(rng.randint(0, 5))),
        ["", ","],
    ),
    "settings": (
        lambda rng: ";".join(f"{_word(rng, 'abc')}={rng.randint(0, 9)}" for _ in range(rng.randint(0, 4))),
        ["", "a=1"],
    ),
    "counts": (_counts, [{}, {"a": 0}]),
    "pairs": (_pairs, [[], [["a", 0], ["a", 3]]]),
    "spans": (_spans, [[], [[2, 5], [5, 7]]]),
    "grid": (_grid, [[], [[0]]]),
    "grid1": (lambda rng: _grid(rng, 1), [[[0]], [[1, 2]]]),
    "square": (_square, [[[0]], [[1, 0], [0, 1]]]),
    "flags": (lambda rng: [rng.random() < 0.5 for _ in range(rng.randint(0, 7))], [[], [True], [False, False]]),
}

KINDS = frozenset(_KINDS)
"""The names of all kinds."""


def argument(kind: str, rng: Random) -> Any:
    """A random JSON value of this kind."""
    make, edges = _KINDS[kind]
    return rng.choice(edges) if rng.random() < _EDGES else make(rng)
