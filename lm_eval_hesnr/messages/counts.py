"""Numbers with their nouns, and lists that are cut."""

from __future__ import annotations

from collections.abc import Sequence

_MOST_NAMED = 3


def counted(n: int, noun: str) -> str:
    """The number with its noun: `1 trajectory`, `2 trajectories`, `3 runs`.

    Args:
        n: the number.
        noun: the noun in the singular. Its plural is regular.
    """
    if n == 1:
        return f"{n} {noun}"
    return f"{n} {noun.removesuffix('y')}ies" if noun.endswith("y") else f"{n} {noun}s"


def first_names(names: Sequence[str]) -> str:
    """The first three names, separated by commas, with dots if there are more."""
    return ", ".join(names[:_MOST_NAMED]) + (", ..." if len(names) > _MOST_NAMED else "")
