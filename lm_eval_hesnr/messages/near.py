"""The name that a user probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(name: object, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name that is most similar to `name`, whatever the case; None if none is similar.

    Args:
        name: what the user wrote. Only text can be similar to a name.
        known: the names that exist.
        cutoff: the least similarity, from 0 to 1.
    """
    if not isinstance(name, str):
        return None
    by_lower = {one.lower(): one for one in known}
    found = difflib.get_close_matches(name.lower()[:_LONGEST], by_lower, n=1, cutoff=cutoff)
    return by_lower[found[0]] if found else None


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """The question `did you mean 'x'? ` with a blank at its end; empty if no known name is similar."""
    near = nearest(name, known)
    return f"did you mean {near!r}? " if near else ""


_LONGEST = 100
"""Characters of a name that are compared, because the time grows with the square of the length."""
