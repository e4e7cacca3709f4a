"""What a path means: files, folders, globs and Hub data sets; and the same as sources of records, each file once."""

from __future__ import annotations

import glob
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.trajectories.readers import is_event
from lm_eval_hesnr.trajectories.records import (
    SUFFIXES,
    HubName,
    Record,
    hub_name,
    hub_records,
    is_container,
    records,
)


class Source(NamedTuple):
    """Records that belong to one file, or to one folder of events."""

    path: Path
    records: Iterator[Record]
    alone: bool
    """Whether it was named by itself: then a report in its place is an error."""


def files_meant(given: str | Path) -> list[Path]:
    """Every file that one path means, of any kind, in sorted order; none for a data set of the Hub.

    Raises:
        InputError: there is no such path, or it is a folder without a file of a known kind.
    """
    path = Path(given).expanduser()
    if _on_hub(given):
        return []
    if path.is_dir():
        found = [p for p in sorted(path.rglob("*")) if p.is_file()]
        if not any(map(is_container, found)):
            raise InputError(f"{given}: no {', '.join(SUFFIXES)} file in this folder; point at the runs themselves")
    elif path.exists():
        found = [path]
    else:
        found = [Path(p) for p in sorted(glob.glob(str(path), recursive=True)) if Path(p).is_file()]  # noqa: PTH207 (absolute patterns)
        if not found:
            raise InputError(f"{given}: no such file, folder or glob; check the path")
    return found


def sources(given: str | Path, seen: set[Path]) -> Iterator[Source]:
    """The sources of one path, each file once; in a folder, files of known kinds. Raises what `files_meant` does."""
    if hub := _on_hub(given):
        for split, rows in groupby(hub_records(hub), key=itemgetter(0)):
            yield Source(Path("hf:/datasets", hub.name, split), (record for _, record in rows), alone=True)
        return
    path = Path(given).expanduser()
    found = files_meant(given)
    if path.is_dir():
        found = [file for file in found if is_container(file)]
    alone = found == [path]
    groups: dict[Path, list[Path]] = {}
    for file in found:
        if (resolved := file.resolve()) not in seen:
            seen.add(resolved)
            of_events = file.name.startswith("event-") and not alone
            groups.setdefault(file.parent if of_events else file, []).append(file)
    for files in groups.values():
        yield from _events_or_each(files, alone)


def _on_hub(given: str | Path) -> HubName | None:
    """The data set that a path means; None where it means files."""
    hub = hub_name(str(given))
    return hub if hub and (str(given).startswith("hf://") or not Path(given).expanduser().exists()) else None


def _events_or_each(files: list[Path], alone: bool) -> Iterator[Source]:
    """One source for files that hold an event each, else a source for every file."""
    if len(files) > 1:
        first = next(records(files[0]), None)
        if first is not None and is_event(first.value):
            joined = (Record(f"{file.name} {r.place}".strip(), r.value) for file in files for r in records(file))
            yield Source(files[0], joined, alone)
            return
    for file in files:
        yield Source(file, records(file), alone)
