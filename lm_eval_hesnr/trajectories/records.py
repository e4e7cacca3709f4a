"""Decoded records of files: JSON, JSON Lines, Parquet, compressed or not, and data sets of the Hugging Face Hub.

A record is one decoded JSON value. A value that cannot be decoded becomes `Bad` with the reason, and the rest is read.
Lines and rows are streamed, so a large file is never completely in memory.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple, cast

import zstandard

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.trajectories.containers import AIDER_NAME, INSPECT_HEADERS, INSPECT_KEYS, aider_chats, inspect_files

SUFFIXES = (".json", ".jsonl", ".ndjson", ".traj", ".parquet", ".eval")
"""File endings read in a folder, also before one of `COMPRESSED`. A file named by itself is always read."""

COMPRESSED = (".gz", ".zst")

MAX_BYTES = 2**29
"""The longest value that is decoded, after decompression. A few kilobytes of .gz can contain gigabytes."""

_PIECE = 2**16

_ONE_VALUE = (b"[", b"{")
"""Possible first lines of a file that is one value on many lines."""

_DAMAGE = (OSError, EOFError, zlib.error, zstandard.ZstdError)
"""Errors that reading a damaged file raises."""

_HUB = re.compile(
    r"(?P<scheme>hf://(?:datasets/)?)?(?P<name>[\w.-]+/[\w.-]+)(?:@(?P<revision>refs/(?:pr|convert)/[\w.-]+|[\w.-]+))?"
    r"(?:/(?P<config>[\w.-]+))?(?::(?P<split>[^/\\\s]+))?"
)


@dataclass(frozen=True, slots=True)
class Bad:
    """Replaces a value or a trajectory that could not be read."""

    reason: str
    """One line."""
    is_unknown_format: bool = False
    """Whether the reason is that no reader knows the format."""


class Record(NamedTuple):
    """One decoded JSON value of a file."""

    place: str
    """Where in the file, such as `line 3`; empty for a file that is one value."""
    value: Any
    """The value, or `Bad`; `Skipped` for a file that is read with another one."""


class HubName(NamedTuple):
    """A data set of the Hub, written `hf://org/name[@revision][/config][:split]` in a list of paths."""

    name: str
    config: str | None
    split: str | None
    revision: str | None = None
    """A branch, a tag or a commit; the newest version if None."""

    @property
    def pinned_name(self) -> str:
        """The name with the revision, for messages."""
        return f"{self.name}@{self.revision}" if self.revision else self.name


def has_known_ending(path: Path) -> bool:
    """Whether a file in a folder may contain trajectories, judged by its ending."""
    return _suffix(path) in SUFFIXES or _uncompressed(path).endswith(AIDER_NAME)


def records(path: Path) -> Iterator[Record]:
    """Yield every record of a file. The file ending decides the format. With an unknown ending, the file is JSON."""
    place = ""
    try:
        if _suffix(path) == ".parquet":
            yield from _parquet(path)
            return
        if path.suffix.lower() == ".eval":
            yield from _eval(path)
            return
        with _opened(path) as stream:
            for record in _READ.get(_suffix(path), _json)(stream):
                place = record.place
                yield record
    except _DAMAGE as error:
        after = f" after {place}" if place else ""
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
        yield Record("", Bad(f"cannot be read{after} ({reason})"))


def hub_name(given: str) -> HubName | None:
    """The Hub data set that a path names, as `hf://...` or as `org/name:split`; None for any other path."""
    match = _HUB.fullmatch(given)
    if not match or not (match["scheme"] or (match["split"] and not match["config"])):
        return None
    return HubName(match["name"], match["config"], match["split"], match["revision"])


def hub_records(hub: HubName) -> Iterator[tuple[str, Record]]:
    """Yield (split, record) for every row of a Hub data set, through the cache of `datasets`.

    Raises:
        InputError: the data set, revision, configuration or split cannot be loaded.
    """
    from datasets import DatasetDict, load_dataset

    try:
        data = load_dataset(hub.name, hub.config, split=hub.split, revision=hub.revision)
    except Exception as error:  # the Hub's client and a data set's own files may raise anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"hf://{hub.pinned_name}: the data set cannot be read ({reason:.300})") from error
    for split, rows in data.items() if isinstance(data, DatasetDict) else [(hub.split or "all", data)]:
        for number, row in enumerate(rows, start=1):
            yield split, Record(f"row {number}", without_nulls(row))


def without_nulls(value: Any) -> Any:
    """A row without its null keys, because a columnar file adds every key of any row to all rows.

    Values that JSON cannot represent, such as times, become text.
    """
    if isinstance(value, dict):
        return {str(key): without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, (list, tuple)):
        return [without_nulls(item) for item in value]
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return value if value is None or isinstance(value, (str, int, float)) else str(value)


def _suffix(path: Path) -> str:
    return Path(_uncompressed(path)).suffix


def _uncompressed(path: Path) -> str:
    """The file's name in small letters, without the ending of a compressed file."""
    name = path.name.lower()
    for ending in COMPRESSED:
        name = name.removesuffix(ending)
    return name


def _opened(path: Path) -> IO[bytes]:
    if path.suffix.lower() == ".gz":
        return cast("IO[bytes]", gzip.open(path))
    if path.suffix.lower() == ".zst":
        unpacked = zstandard.ZstdDecompressor().stream_reader(path.open("rb"), read_across_frames=True, closefd=True)
        return io.BufferedReader(cast("io.RawIOBase", unpacked))
    return path.open("rb")


def _json(stream: IO[bytes]) -> Iterator[Record]:
    """A file that is one value, or has one value per line."""
    raw = _read(stream).removeprefix(b"\xef\xbb\xbf")
    if len(raw) > MAX_BYTES:
        yield Record("", Bad(f"one value of more than {MAX_BYTES >> 20} MiB; use JSON Lines"))
        return
    value, error = _decoded(raw)
    if _has_extra_data(error) and raw[: raw.find(b"\n") + 1].strip() not in _ONE_VALUE:
        yield from _lines(io.BytesIO(raw))
        return
    place = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
    yield Record(place, value)


def _lines(stream: IO[bytes]) -> Iterator[Record]:
    """One value per line. A file that is one value on many lines, in spite of its ending, is read as one value."""
    number = 0
    while line := stream.readline(MAX_BYTES):
        number += 1
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
            if line.strip() in _ONE_VALUE:
                yield from _json(_Prepended(line, stream))
                return
        if len(line) == MAX_BYTES and not line.endswith(b"\n"):
            while (rest := stream.readline(MAX_BYTES)) and not rest.endswith(b"\n"):
                pass
            yield Record(f"line {number}", Bad(f"a line of more than {MAX_BYTES >> 20} MiB"))
        elif line.strip():
            value, error = _decoded(line.rstrip(b"\r\n"))
            for one in (_objects(line) if _has_extra_data(error) else []) or (value,):
                yield Record(f"line {number}", one)


def _has_extra_data(error: Exception | None) -> bool:
    """Whether decoding failed because another value follows the first one."""
    return isinstance(error, json.JSONDecodeError) and error.msg == "Extra data"


def _objects(line: bytes) -> list[Any]:
    """The objects of a line in which the line ends between objects are missing; empty for any other line."""
    text, decoder = line.decode("utf-8").strip(), json.JSONDecoder()
    found, end = [], 0
    try:
        while end < len(text):
            value, end = decoder.raw_decode(text, end)
            found.append(value)
    except (ValueError, RecursionError):
        return []
    return found if all(isinstance(value, dict) for value in found) else []


def _markdown(stream: IO[bytes]) -> Iterator[Record]:
    """The chats of Aider's history."""
    raw = _read(stream)
    if len(raw) > MAX_BYTES:
        yield Record("", Bad(f"more than {MAX_BYTES >> 20} MiB of Markdown; split the file between two chats"))
        return
    try:
        text = raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        yield Record("", Bad(f"not UTF-8 text (byte {error.start}: {error.reason})"))
        return
    found = False
    for line, chat in aider_chats(text):
        found = True
        yield Record(f"line {line}", chat)
    if not found:
        yield Record("", Bad("Markdown without a line '# aider chat started at'; only histories of Aider are read"))


def _eval(path: Path) -> Iterator[Record]:
    """The samples of an Inspect log, which is a zip."""
    evaluation = None
    for name, content in inspect_files(path, _read):
        if isinstance(content, str):
            value: Any = Bad(content)
        elif len(content) > MAX_BYTES:
            value = Bad(f"a sample of more than {MAX_BYTES >> 20} MiB")
        else:
            value = _decoded(content)[0]
        if name in INSPECT_HEADERS:
            evaluation = value.get("eval") if isinstance(value, dict) else None
        else:
            sample = dict(zip(INSPECT_KEYS, (evaluation, value), strict=True))
            yield Record(name, value if isinstance(value, Bad) else sample)


class _Prepended(io.BytesIO):
    """A line that was already read, and the rest of its stream."""

    def __init__(self, line: bytes, stream: IO[bytes]) -> None:
        super().__init__(line + _read(stream))


def _read(stream: IO[bytes]) -> bytes:
    """The rest of a stream, up to about `MAX_BYTES`. A plain `read(n)` would allocate n bytes at once."""
    pieces, size = [], 0
    while size <= MAX_BYTES and (piece := stream.read(_PIECE)):
        pieces.append(piece)
        size += len(piece)
    return b"".join(pieces)


def _decoded(raw: bytes) -> tuple[Any, Exception | None]:
    """The value of a piece of JSON and None, or `Bad` and the error."""
    try:
        return json.loads(raw.decode("utf-8")), None
    except UnicodeDecodeError as error:
        return Bad(f"not UTF-8 text (byte {error.start}: {error.reason})"), error
    except json.JSONDecodeError as error:
        cut = "Unterminated" in error.msg or error.pos >= len(error.doc.rstrip()) - 1
        reason = f"not valid JSON ({error.msg}, column {error.colno})" + ("; the file seems cut off" if cut else "")
        return Bad(reason), error
    except RecursionError as error:
        return Bad("JSON nested too deeply"), error
    except ValueError as error:  # a number with thousands of digits
        return Bad(f"not valid JSON ({error})"), error


_READ = {".jsonl": _lines, ".ndjson": _lines, ".md": _markdown}
"""By the ending: how to read a file that is not one JSON value."""


def _parquet(path: Path) -> Iterator[Record]:
    """Every row, read a few at a time."""
    import pyarrow
    import pyarrow.parquet

    number = 0
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=8):
                for row in batch.to_pylist():
                    number += 1
                    yield Record(f"row {number}", without_nulls(row))
    except (pyarrow.ArrowException, OverflowError, UnicodeDecodeError) as error:
        after = f" after row {number}" if number else ""
        yield Record("", Bad(f"not valid Parquet{after} ({str(error).splitlines()[0]:.200})"))
