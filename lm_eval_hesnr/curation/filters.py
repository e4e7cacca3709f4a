"""Which trajectories are written."""

from __future__ import annotations

from dataclasses import dataclass

from lm_eval_hesnr.trajectories.schema import Trajectory

LEFT_OUT = ("not resolved", "other source", "too long", "duplicate")
"""Reasons of `LeftOut`; they are also columns of the counts."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Replaces a good trajectory that a filter leaves out."""

    reason: str
    """One of `LEFT_OUT`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which trajectories are written. An unfinished output is continued only with the same filters."""

    known_resolved: bool = False
    """Only runs known to have solved their task."""
    sources: tuple[str, ...] = ()
    """Only these formats, named as in the table; all if empty."""
    max_tokens: int | None = None
    """Only trajectories whose transcript has at most this many tokens of `tokenizer`."""
    tokenizer: str | None = None
    """A folder, or a name on the Hub."""
    dedupe: bool = False
    """Only the first run of each instance, in input order, after the other filters."""

    def left_out(self, trajectory: Trajectory) -> LeftOut | None:
        """Why the trajectory is left out, except for `max_tokens` and `dedupe`; None if it is not."""
        if self.known_resolved and trajectory.resolved is not True:
            return LeftOut("not resolved")
        return LeftOut("other source") if self.sources and trajectory.source not in self.sources else None
