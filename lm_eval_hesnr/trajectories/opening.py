"""Opens compressed files to read. Decompression has a limit."""

from __future__ import annotations

import gzip
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

import zstandard

from lm_eval_hesnr.files import open_regular

COMPRESSED: dict[str, Callable[[IO[bytes]], Any]] = {
    ".gz": lambda file: gzip.GzipFile(fileobj=file),
    ".zst": lambda file: zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True),
}
"""Endings of compressed files, with the function that decompresses a stream."""

LARGEST_GROWTH = 1000
ALWAYS_ALLOWED = 2**30
"""A file may decompress to `ALWAYS_ALLOWED` bytes plus `LARGEST_GROWTH` times its size. A bomb is stopped there."""

COST_OF_RECORD = 2**12
"""Each line or row counts as this many more bytes, because a bomb of empty lines costs time and not memory."""


def open_text(path: Path, *, pipe: bool = False) -> IO[bytes]:
    """Like `files.open_regular`, and decompressed if the name ends in one of `COMPRESSED`.

    Raises:
        OSError: as `open_regular`; a read raises it if the file decompresses to more than the limit.
    """
    file = open_regular(path, pipe=pipe)
    unpack = COMPRESSED.get(path.suffix.lower())
    return io.BufferedReader(_Unpacked(unpack(file), file), 2**16) if unpack else file


def decompressed_limit(file: IO[bytes]) -> int:
    """The number of bytes to which a file may decompress."""
    return ALWAYS_ALLOWED + LARGEST_GROWTH * os.fstat(file.fileno()).st_size


def too_much(limit: int) -> OSError:
    """The error for a file that decompresses to more than the limit."""
    return OSError(f"it decompresses to more than {limit >> 20:,} MiB, or to too many lines or rows for its size")


class _Unpacked(io.RawIOBase):
    """A decompressed file, up to its limit. It closes the file."""

    def __init__(self, unpacked: Any, file: IO[bytes]) -> None:
        super().__init__()
        self._unpacked, self._file = unpacked, file
        self._limit = self._left = decompressed_limit(file)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if self._left < 0:
            raise too_much(self._limit)
        n = cast("int", self._unpacked.readinto1(buffer))  # `readinto` would lose what comes before a damage
        self._left -= n + COST_OF_RECORD * bytes(buffer[:n]).count(b"\n")
        return n

    def close(self) -> None:
        self._unpacked.close()
        self._file.close()
        super().close()
