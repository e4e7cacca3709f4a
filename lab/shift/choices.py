"""Generated choices whose true entropy is known: a name, drawn from a pool of 2, 3, 4 or 10 equally likely names.

A line is `pick KEY = NAME`. Each key has a pool that never changes, and every name of it is equally likely. So a model
that has learned the pools has exactly ln n at the name of a pool of n. All keys and names are single tokens.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from lab.shift.plan import POOLS

KEYS_PER_SIZE = 16
LINES = 32
"""Of one text. It fits into the context."""
TEXTS = 25
"""Texts that are read after fine-tuning: 800 choices."""
HEAD = "### Agent\n"
"""What stands before the text in fine-tuning, as in the transcript of a run."""


class Choices(NamedTuple):
    """All pools."""

    pools: Mapping[str, Sequence[str]]
    """Key to names."""

    def text(self, rng: random.Random) -> str:
        """`LINES` lines with random keys."""
        keys = [rng.choice(list(self.pools)) for _ in range(LINES)]
        return "".join(f"pick {key} = {rng.choice(self.pools[key])}\n" for key in keys)


def choices(words: Sequence[str], seed: int) -> Choices:
    """The pools.

    Args:
        words: that are a single token after a space; at least 400.
        seed: of keys and pools.
    """
    rng = random.Random(seed)
    keys = rng.sample(sorted(words), KEYS_PER_SIZE * len(POOLS))
    rest = sorted(set(words) - set(keys))
    return Choices({key: rng.sample(rest, POOLS[i % len(POOLS)]) for i, key in enumerate(keys)})


def single_words(n_tokens: int, decoded: Callable[[int], str]) -> list[str]:
    """The lowercase words of at least four letters that are a single token after a space, in order.

    Args:
        n_tokens: size of the vocabulary.
        decoded: from a token's id to its text.
    """
    texts = {decoded(i) for i in range(n_tokens)}
    return sorted(t[1:] for t in texts if len(t) > 4 and t[0] == " " and t[1:].isascii() and t[1:].islower()
                  and t[1:].isalpha())  # fmt: skip
