"""Reports records that no reader knows: one line for each file, and counts by type inside a known session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of

META_KEY = "unknown_records"
"""The key of `Trajectory.meta` with the number of skipped records by type."""

_KEYS_SHOWN = 12
_KEYS_KEPT = 1000
"""Bounds the memory: each record may have other keys."""
_TYPES_SHOWN = 12
_LONGEST_NAME = 40


class UnknownRecords:
    """The records of one file that no reader knows, described in one line."""

    def __init__(self) -> None:
        self.n = 0
        """Number of these records."""
        self.first_place = ""
        """Where the first one is."""
        self._first: Any = None
        self._nouns: set[str] = set()
        self._keys: dict[str, None] = {}  # in the order of their first record

    def __bool__(self) -> bool:
        return self.n > 0

    def add(self, place: str, value: Any) -> None:
        """Count a record."""
        if not self.n:
            self.first_place, self._first = place, value
        self.n += 1
        self._nouns.add(noun_of(place))
        if len(self._keys) < _KEYS_KEPT:
            self._keys.update(dict.fromkeys(dict_of(value)))

    def reason(self, n_records: int) -> str:
        """What was found, given the number of all records of the file."""
        if self.n == 1 and {"results", "configs"} <= set(dict_of(self._first)):
            return "is a results file of lm_eval, not trajectories; hesnr measure, diagnose and report read it"
        if self.n == 1:
            return f"no known trajectory format ({shape(self._first)})"
        noun = self._nouns.pop() if len(self._nouns) == 1 else "record"
        seen = f"keys seen: {_listed(self._keys, _KEYS_SHOWN)}" if self._keys else f"the first is {shape(self._first)}"
        if self.n == n_records:
            return f"{n_records} {noun}s, none of a known format; {seen}"
        return f"{self.n} of {n_records} {noun}s have no known format, the first at {self.first_place}; {seen}"


def noun_of(place: str) -> str:
    """The noun for the records at a place such as `line 3` or `line 3 item 2`: line, row, item; otherwise record."""
    words = place.split()
    return words[-2] if len(words) > 1 and words[-1].isdigit() else "record"


def shape(data: Any) -> str:
    """A short description of a value."""
    if isinstance(data, dict):
        return f"an object with keys {', '.join(map(repr, list(data)[:5]))}" if data else "an empty object"
    if isinstance(data, list):
        return f"a list of {len(data)}" + (
            f", the first {shape(data[0])}" if data and not isinstance(data[0], list) else ""
        )
    return f"a bare {type(data).__name__}"


def record_type(value: Any, key: str = "type") -> str:
    """The name under which a skipped record is counted: the text under `key`, if there is one."""
    name = dict_of(value).get(key)
    return name[:_LONGEST_NAME] if isinstance(name, str) and name else f"no {key}"


def counts_in(meta: dict[str, Any]) -> Counter[str]:
    """The counts under `META_KEY`. A file may contain any value there, so only whole numbers are used."""
    counts = dict_of(meta.get(META_KEY))
    whole = {str(name): n for name, n in counts.items() if isinstance(n, int) and not isinstance(n, bool)}
    return +Counter(whole)  # without those below 1


def counts_line(counts: Counter[str]) -> str:
    """One line with the most frequent types; empty if nothing was skipped."""
    named = _listed(map(_counted, _by_count(counts)), _TYPES_SHOWN)
    return f"unknown records inside sessions: {named}" if counts else ""


def _counted(entry: tuple[str, int]) -> str:
    """How many records of one name, in words: `4 without a type`, `2 of role judge`, `3 of type hint`."""
    name, n = entry
    name = {"None": "no type", "role None": "no role"}.get(name, name)
    if name.startswith("no "):
        return f"{n} without a {name.removeprefix('no ')}"
    return f"{n} of {name}" if name.startswith("role ") else f"{n} of type {name}"


def _by_count(counts: Counter[str]) -> list[tuple[str, int]]:
    """The names with their numbers, the most frequent first."""
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def listed_counts(counts: Counter[str]) -> str:
    """The most frequent names with their numbers, as part of a line."""
    return _listed([f"{name} ({n})" for name, n in _by_count(counts)], _TYPES_SHOWN)


def _listed(names: Iterable[str], limit: int) -> str:
    """The first names. Control characters from the file become blanks."""
    names = list(names)
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    shown = ", ".join(name[: 2 * _LONGEST_NAME] for name in names[:limit])
    return "".join(c if c.isprintable() else " " for c in shown) + more
