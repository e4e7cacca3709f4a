"""Numbers with their nouns."""

from __future__ import annotations


def counted(n: int, noun: str) -> str:
    """The number with its noun: `1 trajectory`, `2 trajectories`, `3 runs`.

    Args:
        n: the number.
        noun: the noun in the singular. Its plural is regular.
    """
    if n == 1:
        return f"{n} {noun}"
    return f"{n} {noun.removesuffix('y')}ies" if noun.endswith("y") else f"{n} {noun}s"
