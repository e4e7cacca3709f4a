"""Finds the files or the Hub data set that a path names, and groups their records. Each file is read once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain, groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import user_path
from lm_eval_hesnr.trajectories.decoding import Record
from lm_eval_hesnr.trajectories.hub import HubName, hub_name, hub_records
from lm_eval_hesnr.trajectories.listing import files_of_glob, files_under
from lm_eval_hesnr.trajectories.readers import is_event
from lm_eval_hesnr.trajectories.records import SUFFIXES, has_known_ending, records
from lm_eval_hesnr.trajectories.storage import Storage, storages

_PEEK = 5
"""How many files of a folder are read to find out whether the folder contains events."""


class _Files(NamedTuple):
    """Files of one path that are read."""

    paths: list[Path]
    alone: bool


class Inputs(NamedTuple):
    """The files and data sets that some paths name. The folders are listed once, when this object is created."""

    files: list[Path]
    """Every file, of any kind, each once and in order. Data sets of the Hub have no files here."""
    to_read: list[_Files | HubName]
    """One entry for each path. In folders, only files with a known ending are read."""
    left_out: list[Path]
    """Files that the paths name, and that are not read."""


class RecordGroup(NamedTuple):
    """Records of one file, of one folder of events, or of one session in a storage folder."""

    path: Path
    records: Iterator[Record]
    alone: bool
    """Whether the user named this file by itself. Then a report instead of a run is an error."""


def find_inputs(paths: str | Path | Iterable[str | Path], *, leave_out: Iterable[Path] = ()) -> Inputs:
    """List the files of all paths, in sorted order for each folder or glob, without those of `leave_out`.

    Raises:
        InputError: a path does not exist, or it is a folder without a file with a known ending.
    """
    found = Inputs([], [], [])
    not_read = {path.resolve() for path in leave_out}
    listed, read = set(not_read), set(not_read)
    for given in [paths] if isinstance(paths, (str, Path)) else paths:
        if hub := _on_hub(given):
            found.to_read.append(hub)
            continue
        path = user_path(given)
        files = _files_meant(path, given)
        to_read = []
        for file in files:
            resolved = file.resolve()
            if resolved in not_read:
                found.left_out.append(file)
            if resolved not in listed:
                listed.add(resolved)
                found.files.append(file)
            if resolved not in read and (has_known_ending(file) or not path.is_dir()):
                read.add(resolved)
                to_read.append(file)
        found.to_read.append(_Files(to_read, alone=files == [path]))
    return found


def record_groups(inputs: Inputs, *, shuffled: bool = False) -> Iterator[RecordGroup]:
    """All records of the inputs, grouped by file or folder of events, in order.

    With `shuffled`, the rows of Hub data sets come in a fixed random order.
    """
    for part in inputs.to_read:
        if isinstance(part, HubName):
            for split, rows in groupby(hub_records(part, shuffled=shuffled), key=itemgetter(0)):
                path = Path("hf:/datasets", part.pinned_name, split)
                yield RecordGroup(path, (record for _, record in rows), alone=True)
            continue
        stores = storages(part.paths)
        groups: dict[Path, list[Path]] = {}
        for file in part.paths:
            may_be_event = file.name.startswith("event-") and not part.alone
            root = next((folder for folder in file.parents if folder in stores), None) if stores else None
            groups.setdefault(root or (file.parent if may_be_event else file), []).append(file)
        for key, files in groups.items():
            yield from _stored(stores[key], files, part.alone) if key in stores else _events_or_each(files, part.alone)


def _files_meant(path: Path, given: str | Path) -> list[Path]:
    """Every file that one path names, of any kind, in sorted order."""
    if path.is_dir():
        found = files_under(path)
        if not any(map(has_known_ending, found)):
            raise InputError(f"{given}: no {', '.join(SUFFIXES)} file in this folder; name a folder with runs")
    elif path.exists():
        found = [path]
    else:
        found = files_of_glob(path)
        if not found:
            raise InputError(f"{given}: no such file, folder or glob; check the path")
    return found


def _on_hub(given: str | Path) -> HubName | None:
    """The data set that a path names; None if it names files."""
    hub = hub_name(str(given))
    return hub if hub and (str(given).startswith("hf://") or not user_path(given).exists()) else None


def _events_or_each(files: list[Path], alone: bool) -> Iterator[RecordGroup]:
    """One group for all files if they contain one event each, otherwise one group for each file."""
    opened = [records(file, pipe=alone) for file in files]
    if len(files) > 1:
        beginnings = [list(islice(stream, 1)) for stream in opened[:_PEEK]]  # one event may be of an unknown type
        opened[:_PEEK] = map(chain, beginnings, opened[:_PEEK])
        if any(is_event(record.value) for beginning in beginnings for record in beginning):
            yield RecordGroup(files[0], chain.from_iterable(map(_named, files, opened)), alone)
            return
    for file, stream in zip(files, opened, strict=True):
        yield RecordGroup(file, stream, alone)


def _stored(store: Storage, files: list[Path], alone: bool) -> Iterator[RecordGroup]:
    """One group for each session of a storage folder. The files of its messages are read with it."""
    for file in files:
        if store.is_session(file):
            yield RecordGroup(file, store.session(file), alone)
    for file in files:
        if not store.is_session(file):
            reason = store.skipped(file)
            yield RecordGroup(file, iter([Record("", reason)]) if reason else records(file), alone)


def _named(file: Path, found: Iterator[Record]) -> Iterator[Record]:
    """Records whose places begin with the file's name."""
    for record in found:
        yield replace(record, place=f"{file.name} {record.place}".strip())
