"""Decoded records of files: JSON, JSON Lines, Parquet, Markdown and zip, compressed or not.

A record is one decoded JSON value. A value that cannot be decoded becomes `Bad` with the reason, and the rest is read.
Lines and rows are streamed, so a large file is never completely in memory.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

import zstandard

from lm_eval_hesnr.trajectories.containers import AIDER_NAME, inspect_records, markdown_records
from lm_eval_hesnr.trajectories.decoding import Bad, Record
from lm_eval_hesnr.trajectories.json_records import json_records, line_records
from lm_eval_hesnr.trajectories.parquet import parquet_records

SUFFIXES = (".json", ".jsonl", ".ndjson", ".traj", ".parquet", ".eval")
"""File endings read in a folder, also before one of `COMPRESSED`. A file named by itself is always read."""

COMPRESSED = (".gz", ".zst")

_DAMAGE = (OSError, EOFError, zlib.error, zstandard.ZstdError)
"""Errors of reading a damaged file."""

_READ = {".jsonl": line_records, ".ndjson": line_records, ".md": markdown_records}
"""File ending -> function that reads such a file. `json_records` reads all other endings."""


def has_known_ending(path: Path) -> bool:
    """Whether a file in a folder may contain trajectories, judged by its ending."""
    return _suffix(path) in SUFFIXES or _uncompressed(path).endswith(AIDER_NAME)


def records(path: Path) -> Iterator[Record]:
    """Every record of a file in order. The ending decides the format; a file with an unknown ending is read as JSON."""
    place = ""
    try:
        if _suffix(path) == ".parquet":
            yield from parquet_records(path)
            return
        if path.suffix.lower() == ".eval":
            yield from inspect_records(path)
            return
        with _opened(path) as stream:
            for record in _READ.get(_suffix(path), json_records)(stream):
                place = record.place
                yield record
    except _DAMAGE as error:
        after = f" after {place}" if place else ""
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
        yield Record("", Bad(f"cannot be read{after} ({reason})"))


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
