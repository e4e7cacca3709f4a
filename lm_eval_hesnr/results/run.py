"""The results of one run, as they are in its results file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class Run(NamedTuple):
    """The results of one run on one of our tasks."""

    name: str
    task: str
    results: Mapping[str, Any]
    """`<measure>,<scope>` to value."""
    config: Mapping[str, Any]
    """The task's configuration, with signature, counts and summary."""

    def value(self, measure: str, scope: str) -> float | None:
        """The value of a measure; None if it has no number."""
        found = self.results.get(f"{measure},{scope}")
        return float(found) if isinstance(found, (int, float)) else None
