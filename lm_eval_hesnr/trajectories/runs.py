"""From records to runs: which records belong together, and which reader reads them.

The format of each record is detected once, here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import Any, NamedTuple

from lm_eval_hesnr.trajectories.decoding import NO_MEMORY, Bad, Record, RunSize
from lm_eval_hesnr.trajectories.json_values import list_of
from lm_eval_hesnr.trajectories.readers import (
    READERS,
    Reader,
    is_beginning,
    is_event,
    is_event_of,
    reader_of,
    separate_runs,
)
from lm_eval_hesnr.trajectories.readers.patch import predictions
from lm_eval_hesnr.trajectories.unknown import listed_counts, record_type

UNREADABLE = (ArithmeticError, AttributeError, LookupError, MemoryError, RecursionError, TypeError, ValueError)
"""Errors that a reader may raise for a file that does not follow its format. The file is bad, not the program."""

_PEEK = 5
"""How many records decide whether a file contains events. One record may be broken or of an unknown type."""

_SAMPLE = 200
"""About how many records of a long list are tried, to find the readers that may know it."""


class FoundRun(NamedTuple):
    """One record, or the events of one run as a list, with its reader."""

    place: str
    """Where in the file, such as `line 3`; empty if the file is one value."""
    value: Any
    """The value, or `Bad`."""
    reader: Reader | None
    """None if no reader knows the format."""
    read_up_to: str = ""
    """The place of the last event before a broken one; empty if all events were read."""
    skipped: Counter[str] | None = None
    """Number of the records among the events that this reader does not know, by type; None if it knows all."""


def unreadable(error: Exception) -> Bad:
    """The reason why a reader failed. A ValueError contains the reason; a reader raises no other error on purpose."""
    if isinstance(error, RecursionError):
        return Bad("a value is nested too deeply")
    if isinstance(error, MemoryError):
        return Bad(NO_MEMORY)
    return Bad(str(error) if isinstance(error, ValueError) else f"does not follow its format ({error!r})")


def runs_in(records: Iterator[Record], *, alone: bool) -> Iterator[FoundRun | None]:
    """Yield the runs of one group of records, with None for a run that only repeats the beginning of its neighbour.

    Events of one run become one list. The rows of a list become one run each. `alone` means that the user named the
    file by itself. Such a file may also contain predictions.
    """
    head = list(islice(records, _PEEK))
    records = chain(head, records)
    if _is_session(head):
        found: Iterator[FoundRun | None] = _gathered(records)
    else:
        found = _without_beginnings(run for record in records for run in _elements(record, alone))
    for run in found:
        yield from _separated(run) if run else [None]


def _is_session(head: list[Record]) -> bool:
    """Whether the first records are events of one run, judged by the numbers of events and of runs among them."""
    events = [_is_event(record.value) for record in head]
    others = [record for record, event in zip(head, events, strict=True) if not event] if any(events) else []
    return sum(events) > 0 and sum(events) >= sum(_detected("", record.value).reader is not None for record in others)


def _is_event(value: Any, reader: Reader | None = None) -> bool:
    """Whether a value is an event of this reader's format, or of any format."""
    try:
        return is_event_of(reader, value) if reader else is_event(value)
    except UNREADABLE:  # the reason is reported when the record is read
        return False


def _gathered(records: Iterator[Record]) -> Iterator[FoundRun]:
    """All events as one run. Nothing is read after a broken event, because the model saw text that is lost there."""
    events: list[Record] = []
    size = RunSize()
    read_up_to = ""
    for record in records:
        if excess := size.excess(record):
            record = replace(record, value=excess)
        if isinstance(record.value, Bad):
            read_up_to = events[-1].place if events else ""
            extent = f"read up to {read_up_to}" if events else "nothing is read, because no event comes before it"
            yield FoundRun(record.place, Bad(f"{record.value.reason}; {extent}"), None)
            break
        events.append(record)
    if events:
        whole = _detected("", [record.value for record in events])
        whole = whole if whole.reader else _session(whole)
        if whole.reader or isinstance(whole.value, Bad):
            yield whole._replace(read_up_to=read_up_to)
        else:
            yield from (FoundRun(record.place, record.value, None) for record in events)


def _session(whole: FoundRun) -> FoundRun:
    """Find a reader for a list of events that no reader detects, because some events are of unknown types.

    The first reader that knows at least half of the events reads them, as special formats stand before general ones.
    If there is no such reader, the one that knows most events reads them. `Bad` if half of the records are events of
    a format but do not contain a run. If no reader detects its own events, the run is returned unchanged.
    A reader is tried on all records only if it knows one record of the sample.
    """
    lines = list_of(whole.value)
    sample = lines[:_PEEK] + lines[_PEEK :: 1 + len(lines) // _SAMPLE]
    found: list[FoundRun] = []
    without_run = whole
    for reader in (reader for reader in READERS if any(_is_event(line, reader) for line in sample)):
        known = [_is_event(line, reader) for line in lines]
        own = [line for line, is_own in zip(lines, known, strict=True) if is_own]
        others = (line for line, is_own in zip(lines, known, strict=True) if not is_own)
        if own and len(own) < len(lines) and _detects(reader, own):
            found.append(FoundRun(whole.place, own, reader, skipped=Counter(map(record_type, others))))
        elif 2 * len(own) >= len(lines) > 0 and without_run is whole:
            types = listed_counts(Counter(map(record_type, lines)))
            reason = f"{len(lines)} records like those of a {reader.FORMAT}, but no run in them; types: {types}"
            without_run = whole._replace(value=Bad(reason))
    if not found:
        return without_run
    most = max(found, key=lambda run: len(run.value))
    return next((run for run in found if 2 * len(run.value) >= len(lines)), most)


def _separated(run: FoundRun) -> list[FoundRun]:
    """The runs in one value: a session, and its sub-agents."""
    try:
        parts = separate_runs(run.reader, run.value) if run.reader else []
    except UNREADABLE:  # the reason is reported when the run is read
        parts = []
    if not parts:
        return [run]
    first, *others = parts
    return [run._replace(value=first), *(run._replace(value=part, skipped=None) for part in others)]


def _elements(record: Record, alone: bool) -> Iterator[FoundRun]:
    """The elements of a list that is not a run but contains runs; any other record unchanged."""
    whole = _detected(record.place, record.value)
    rows = (predictions(record.value) if alone else []) or record.value
    if not isinstance(rows, list) or (whole.reader and not predictions(rows)):
        yield whole
        return
    if any(map(_is_event, rows[:_PEEK])) and (session := _session(whole)) is not whole:
        yield session
        return
    elements = (_detected(f"{record.place} item {n}".strip(), row) for n, row in enumerate(rows, start=1))
    head = list(islice(elements, _PEEK))
    yield from chain(head, elements) if any(run.reader for run in head) else [whole]


def _detects(reader: Reader, value: Any) -> bool:
    """Whether the reader detects its format."""
    try:
        return reader.detect(value)
    except UNREADABLE:
        return False


def _detected(place: str, value: Any) -> FoundRun:
    """The record with its reader."""
    try:
        return FoundRun(place, value, None if isinstance(value, Bad) else reader_of(value))
    except UNREADABLE as error:
        return FoundRun(place, unreadable(error), None)


def _without_beginnings(runs: Iterator[FoundRun]) -> Iterator[FoundRun | None]:
    """The runs, with None for each run that is the beginning of its neighbour."""
    held: FoundRun | None = None
    for run in runs:
        if held is None:
            held = run
        elif _begins(held, run):
            yield None
            held = run
        elif _begins(run, held):
            yield None
        else:
            yield held
            held = run
    if held is not None:
        yield held


def _begins(earlier: FoundRun, later: FoundRun) -> bool:
    """Whether the earlier run is the beginning of the later one."""
    if earlier.reader is None or earlier.reader is not later.reader:
        return False
    try:
        return is_beginning(earlier.reader, earlier.value, later.value)
    except UNREADABLE:  # the reason is reported when the record is read
        return False
