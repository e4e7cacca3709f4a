"""Counts of what was read and written."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.skipped import Skipped
from lm_eval_hesnr.trajectories.without_action import UnreadCalls


@dataclass(slots=True)
class Tally:
    """Counts of what was read and written. Tallies can be added."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(format, column) -> number. The columns files, read, resolved, unresolved and unknown count what was read.
    The columns written, steps, unparsed (actions) and each label's name (characters) count what was written. The others
    are `LEFT_OUT`.
    """
    bad: list[str] = field(default_factory=list)
    """One line for each bad file or record: file, place and reason."""
    unknown_formats: int = 0
    """Number of lines in `bad` whose reason is that no reader knows the format."""
    unknown_records: Counter[str] = field(default_factory=Counter)
    """Skipped records inside the sessions that were read, by type."""
    n_results: int = 0
    """Number of good and bad trajectories read."""
    instances: set[str] = field(default_factory=set)
    """Keys (`instance_key`) of the instances written, for `--dedupe`; otherwise empty."""
    unknown_tools: Counter[str] = field(default_factory=Counter)
    """Unknown tool name, or unknown `tool.argument` -> number of calls written."""
    unread_calls: list[UnreadCalls] = field(default_factory=list)
    """The trajectories written without an action, or with text that looks like a call."""
    files: list[Path] = field(default_factory=list)
    """Every file of the inputs, of any kind, in order; empty for data sets of the Hub."""
    met: dict[Path, bool | Skipped] = field(default_factory=dict)
    """Opened file -> True if it contains a trajectory, False if it contains only bad ones, `Skipped` if it was skipped.
    The event files of one folder count as their first file."""

    is_replaced: bool = False
    """Whether OUT was in one of the inputs, and was replaced without being read."""

    def total(self, column: str) -> int:
        """The sum of a column over all formats."""
        return sum(n for (_, name), n in self.counts.items() if name == column)

    def add(self, other: Tally) -> None:
        """Add the other's counts."""
        self.counts.update(other.counts)
        self.bad += other.bad
        self.unknown_formats += other.unknown_formats
        self.unknown_records.update(other.unknown_records)
        self.n_results += other.n_results
        self.instances |= other.instances
        self.unknown_tools.update(other.unknown_tools)
        self.unread_calls += other.unread_calls

    def to_note(self) -> dict[str, Any]:
        """The tally as JSON for the log of an unfinished output. The next call finds `files` and `met` again."""
        counts = [[source, column, n] for (source, column), n in self.counts.items()]
        return {
            "counts": counts,
            "bad": self.bad,
            "unknown_formats": self.unknown_formats,
            "unknown_records": self.unknown_records,
            "results": self.n_results,
            "instances": sorted(self.instances),
            "unknown_tools": self.unknown_tools,
            "unread_calls": self.unread_calls,
        }

    @classmethod
    def from_note(cls, note: dict[str, Any]) -> Tally:
        """The tally that `to_note` wrote.

        Raises:
            AttributeError, LookupError, TypeError, ValueError: it is not such a note.
        """
        counts = Counter({(_text(source), _text(column)): _whole(n) for source, column, n in note["counts"]})
        calls = [(_text(place), bool(has), tuple(map(_text, marks))) for place, has, marks in note["unread_calls"]]
        return cls(
            counts=counts,
            bad=list(map(_text, note["bad"])),
            unknown_formats=_whole(note["unknown_formats"]),
            unknown_records=_counter(note["unknown_records"]),
            n_results=_whole(note["results"]),
            instances=set(map(_text, note["instances"])),
            unknown_tools=_counter(note["unknown_tools"]),
            unread_calls=[UnreadCalls(*call) for call in calls],
        )


def _counter(value: Any) -> Counter[str]:
    return Counter({_text(name): _whole(n) for name, n in value.items()})


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {type(value).__name__}")
    return value


def _whole(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError(f"expected a whole number, found {value!r:.20}")
    return value
