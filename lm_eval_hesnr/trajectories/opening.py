"""Opens files to read: regular files and, if the user named it by itself, a pipe. Decompression has a limit."""

from __future__ import annotations

import gzip
import io
import os
import select
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, cast

import zstandard

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

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFDIR: "a folder",
}


def open_file(path: Path, *, pipe: bool = False) -> IO[bytes]:
    """Open a regular file to read bytes. It never waits, except for a pipe to which a program writes.

    Args:
        path: a file; links to files are followed.
        pipe: accept a pipe too, such as `/dev/stdin` or a shell's `<(command)`.

    Raises:
        OSError: the file cannot be opened, or it is a folder, a device, a socket or a pipe.
    """
    _check(path.stat(), pipe)  # to open a device may change it
    raw = _Raw(path, opener=_open_without_waiting)
    try:
        _check(os.fstat(raw.fileno()), pipe)  # another file may have the name now
    except OSError:
        raw.close()
        raise
    return io.BufferedReader(raw)


def open_text(path: Path, *, pipe: bool = False) -> IO[bytes]:
    """Like `open_file`, and decompressed if the name ends in one of `COMPRESSED`.

    Raises:
        OSError: as `open_file`; a read raises it if the file decompresses to more than the limit.
    """
    file = open_file(path, pipe=pipe)
    unpack = COMPRESSED.get(path.suffix.lower())
    return io.BufferedReader(_Unpacked(unpack(file), file), 2**16) if unpack else file


def decompressed_limit(file: IO[bytes]) -> int:
    """The number of bytes to which a file may decompress."""
    return ALWAYS_ALLOWED + LARGEST_GROWTH * os.fstat(file.fileno()).st_size


def too_much(limit: int) -> OSError:
    """The error for a file that decompresses to more than the limit."""
    return OSError(f"it decompresses to more than {limit >> 20:,} MiB, or to too many lines or rows for its size")


def _open_without_waiting(path: str, flags: int) -> int:
    """Open a file. Without this flag, a pipe would wait until a program opens its other end."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # Windows does not have the flag


def _check(status: os.stat_result, pipe: bool) -> None:
    kind = stat.S_IFMT(status.st_mode)
    if kind != stat.S_IFREG and not (pipe and kind == stat.S_IFIFO):
        raise OSError(f"{_KINDS.get(kind, 'something else')}, not a regular file")


class _Raw(io.FileIO):
    """A file that is read without waiting. A pipe ends if no program has its other end open."""

    def readinto(self, buffer: Any) -> int | None:
        while (n := super().readinto(buffer)) is None:  # a program has the other end open, and has not written yet
            select.select([self], [], [])
        return n


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
