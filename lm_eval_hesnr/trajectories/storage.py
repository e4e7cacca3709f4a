"""OpenCode's storage: a folder in which each session, each message and each part of a message is a file.

    session/<project>/<session>.json    message/<session>/<message>.json    part/<message>/<part>.json

In the oldest layout, the folder is `storage/session/` itself, with `info/<session>.json` and
`part/<session>/<message>/<part>.json`. Parts may also lie directly in `part/` and name their message. A session is read
as a stream of events: its info, then its messages with their parts, in the order of the file names.

Each session, and the parts of each message, are read once. A second session or message with the same id is refused:
with n of each, the run would have n * n * n parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from itertools import chain, islice
from pathlib import Path

from lm_eval_hesnr.trajectories.decoding import Bad, Record, RunSize
from lm_eval_hesnr.trajectories.json_values import dict_of
from lm_eval_hesnr.trajectories.records import records
from lm_eval_hesnr.trajectories.skipped import NOTES, STORED, Skipped

_NOTES = ("project", "session_diff", "session_share", "share", "todo")
"""Folders of a storage with notes about its sessions."""
_LONGEST_NAME = 255
"""Number of characters of the longest file name, from which an id may be made."""
_PLAIN_NAME = re.compile(r"[\w-][\w.-]{0,199}", re.ASCII)


class Storage:
    """One storage folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._read: set[str] = set()
        """Names of the message folders of sessions that were read."""
        self._given: dict[Path, Path] = {}
        """Each folder that was read, without links -> the file of the session or message that it was read for."""
        self._broken_parts: set[Path] = set()
        """Files directly in `part/` that cannot be read. Nothing shows which message they belong to."""

    def is_session(self, file: Path) -> bool:
        """Whether a file is the info of a session."""
        return file.parent.parent == self.root / "session" or file.parent == self.root / "info"

    def session(self, file: Path) -> Iterator[Record]:
        """The events of the session in `file`, until one of its files cannot be read."""
        info = _value(file)
        folder = _name(info)
        self._read.add(folder)
        if before := self._read_before(self.root / "message" / folder, file):
            yield replace(info, value=Bad(f"a second session with the id {folder}; the first is {before.name}"))
            return
        yield info if isinstance(info.value, Bad) else replace(info, value={"info": info.value})
        for path in sorted((self.root / "message" / folder).glob("*.json")):
            message = _value(path)
            if isinstance(message.value, Bad):
                yield message
                return
            yield self._with_parts(path, message, folder)

    def skipped(self, file: Path) -> Skipped | None:
        """Why a file of the folder is not read by itself. None if it is read, as a message without a session is."""
        folder = file.relative_to(self.root).parts[0]
        if folder in _NOTES:
            return Skipped(NOTES)
        if folder == "message":
            is_stored = file.parent.name in self._read
        else:
            is_stored = folder == "part" and file not in self._broken_parts
        return Skipped(STORED) if is_stored else None

    def _read_before(self, place: Path, file: Path) -> Path | None:
        """The file that this folder was read for, if that was not `file`."""
        before = self._given.setdefault(place.resolve() if place.is_dir() else place, file)  # a link may lead to itself
        return None if before == file else before

    def _with_parts(self, file: Path, message: Record, session: str) -> Record:
        """A message with its parts; `Bad` if a part is broken, or if they are too large together."""
        size = RunSize()
        parts: list[Record] = []
        for part in chain([message], self._parts(file, _name(message), session)):
            bad = part.value if isinstance(part.value, Bad) else size.excess(part)
            if bad:
                return replace(part, value=bad)
            parts.append(part)
        whole = {"info": message.value, "parts": [part.value for part in parts[1:]]}
        return replace(message, value=whole, n_bytes=sum(part.n_bytes for part in parts))

    def _parts(self, file: Path, message: str, session: str) -> Iterator[Record]:
        """The parts of one message in order, each read when it is asked for."""
        folders = (self.root / "part" / message, self.root / "part" / session / message)
        listed = [(folder, sorted(folder.glob("*.json"))) for folder in folders]
        flat = self.root / "part" / f"{message} (flat)", self._flat_parts.get(message, [])
        for place, paths in (one for one in (*listed, flat) if one[1]):
            if before := self._read_before(place, file):
                yield Record(file.name, Bad(f"a second message with the id {message}; the first is {before.name}"))
                return
            yield from map(_value, paths)

    @cached_property
    def _flat_parts(self) -> dict[str, list[Path]]:
        """Message id -> the files of its parts that lie directly in `part/`."""
        found: dict[str, list[Path]] = {}
        for path in sorted((self.root / "part").glob("*.json")):
            part = _value(path)
            if isinstance(part.value, Bad):
                self._broken_parts.add(path)
            else:
                found.setdefault(str(part.value.get("messageID"))[:_LONGEST_NAME], []).append(path)
        return found


def storages(files: Iterable[Path]) -> dict[Path, Storage]:
    """The storage folders whose sessions are among `files`, by path."""
    sessions = {file.parent for file in files if file.parent.parent.name == "session"}
    roots = {folder.parent.parent for folder in sessions} | {f.parent for f in sessions if f.name == "info"}
    return {root: Storage(root) for root in roots if (root / "message").is_dir()}


def _value(file: Path) -> Record:
    """The one value of a file, with the file's name as its place."""
    found = list(islice(records(file), 2)) or [Record("", Bad("the file is empty"))]
    value = found[0].value if len(found) == 1 else Bad("more than one value in the file")
    if not isinstance(value, (dict, Bad)):
        value = Bad(f"expected an object, found {type(value).__name__}")
    return Record(f"{file.name} {found[0].place}".strip(), value, found[0].n_bytes)


def _name(record: Record) -> str:
    """The id in a session or message, which is also a folder name; the file's name if there is no usable id."""
    found = dict_of(record.value).get("id")
    if isinstance(found, str) and _PLAIN_NAME.fullmatch(found):
        return found
    return record.place.split(" ")[0].removesuffix(".json")
