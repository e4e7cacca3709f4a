"""A bug as a change of rows, and the edit that takes it back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the broken file that the fix replaces, or a row that it inserts."""

    row: int
    """1 for the first row of the broken file. A new row is inserted after this one."""
    text: str
    """The right text."""
    inserts: bool = False


@dataclass(frozen=True, slots=True)
class Bug:
    """A function with a bug."""

    broken: str
    """The whole function with the bug."""
    changes: tuple[Change, ...]
    """The fix, in the order of the rows."""
    kind: str
    """What was changed, for example `operator < to <=`."""
