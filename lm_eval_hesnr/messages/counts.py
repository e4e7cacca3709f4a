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


def listed(parts: Sequence[str], word: str = "and", most: int | None = None) -> str:
    """The parts as a list in a sentence: `a, b and c`.

    Args:
        parts: at least one.
        word: the word before the last one.
        most: of more than `most` + 1 parts, only the first `most` and the number of the others; None for all.
    """
    if most is not None and len(parts) > most + 1:
        parts = [*parts[:most], f"{len(parts) - most} more"]
    return f" {word} ".join([part for part in (", ".join(parts[:-1]), parts[-1]) if part])


def quoted(name: str) -> str:
    """The name, in quotes if it could be read as several names, such as `base, window 2048`."""
    return f'"{name}"' if any(part in name for part in (", ", " and ", " or ", " -> ")) else name
