"""Decoded records of files: JSON, JSON Lines, Parquet, Markdown and zip, compressed or not.

A record is one decoded JSON value. A value that cannot be decoded becomes `Bad` with the reason, and the rest is read.
Lines and rows are streamed, so a large file is never completely in memory.
"""

from __future__ import annotations

import io
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import zstandard

from lm_eval_hesnr.files import open_regular
from lm_eval_hesnr.trajectories.containers import AIDER_NAME, inspect_records, markdown_records
from lm_eval_hesnr.trajectories.decoding import NO_MEMORY, Bad, Record
from lm_eval_hesnr.trajectories.json_records import json_records, line_records
from lm_eval_hesnr.trajectories.opening import COMPRESSED, open_text
from lm_eval_hesnr.trajectories.parquet import parquet_records

SUFFIXES = (".json", ".jsonl", ".ndjson", ".traj", ".parquet", ".eval")
"""File endings read in a folder, also before one of `COMPRESSED`. A file named by itself is always read."""

_DAMAGE = (OSError, EOFError, zlib.error, zstandard.ZstdError)
"""Errors of reading a damaged file."""

_READ = {
    ".jsonl": line_records,
    ".ndjson": line_records,
    ".md": markdown_records,
    ".parquet": parquet_records,
    ".eval": inspect_records,
}
"""File ending -> function that reads such a file. `json_records` reads all other endings."""

_NEVER_COMPRESSED = (".parquet", ".eval")


def has_known_ending(path: Path) -> bool:
    """Whether a file in a folder may contain trajectories, judged by its ending."""
    return _suffix(path) in SUFFIXES or _uncompressed(path).endswith(AIDER_NAME)


def records(path: Path, *, pipe: bool = False) -> Iterator[Record]:
    """Every record of a file in order. The ending decides the format; a file with an unknown ending is read as JSON.

    Args:
        path: the file.
        pipe: read it also if it is a pipe.
    """
    place = ""
    try:
        with _opened(path, pipe) as stream:
            if _is_empty_pipe(stream):
                yield Record("", Bad("an empty pipe: no program writes to it"))
                return
            for record in _READ.get(_suffix(path), json_records)(stream):
                place = record.place
                yield record
    except _DAMAGE as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
        yield Record("", Bad(f"cannot be read{_after(place)} ({reason})"))
    except MemoryError:
        yield Record("", Bad(f"{NO_MEMORY}{_after(place)}"))


def _opened(path: Path, pipe: bool) -> IO[bytes]:
    never_compressed = path.suffix.lower() in _NEVER_COMPRESSED
    return open_regular(path, pipe=pipe) if never_compressed else open_text(path, pipe=pipe)


def _is_empty_pipe(stream: IO[bytes]) -> bool:
    if not isinstance(stream, io.BufferedReader) or not isinstance(stream.raw, io.FileIO):
        return False
    return stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode) and not stream.peek(1)


def _after(place: str) -> str:
    return f" after {place}" if place else ""


def _suffix(path: Path) -> str:
    return Path(_uncompressed(path)).suffix


def _uncompressed(path: Path) -> str:
    """The file's name in small letters, without the ending of a compressed file."""
    name = path.name.lower()
    for ending in COMPRESSED:
        name = name.removesuffix(ending)
    return name
