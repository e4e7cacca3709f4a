"""An output file that is written in blocks and can be continued after a stop."""

from __future__ import annotations

import glob
import json
import os
import re
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import zstandard

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import create_file, writing
from lm_eval_hesnr.files.own_files import is_at, lock_file, open_own_file, remove_open

_FORMAT = "hesnr curate: log of an unfinished output"
_VERSION = 2
_MAX_HEADER = 2**14
"""Bytes that are read of a first line. A foreign file may be one long line."""
_MAX_LINE = 2**26
"""Bytes of a line about a block. The paths and reasons of 1,000 bad records have less."""


class _Block(NamedTuple):
    """A complete block of the data, as the log describes it."""

    end: int
    """Length of the data after the block."""
    note: dict[str, Any]


class ResumableFile:
    """Writes a log, OUT.part.log, and a data file. `finish` renames the data file to OUT.

    The first line of the log says what it is, and names the data file: OUT, 32 random digits, `.part`. So only files
    that this class made are continued or removed. The log is locked as long as this object is open.

    The second line is the signature. Every further line describes one block: the length of the data after the block,
    and a note of the caller. Data after the last complete block is removed. In a .zst file, each block is one frame.
    If the disk cannot be written, every method raises `InputError` with the file or the folder.
    """

    def __init__(self, out: Path, signature: str) -> None:
        """Continue the unfinished output, or start again if its signature differs.

        Raises:
            InputError: another process is writing this output, or a file with the name of the log or of the data is
                not ours. That file is unchanged.
        """
        self._out, self._log_path = out, log_of(out)
        self._block: list[bytes] = []
        self.block_bytes = 0
        """Length of the block that is being written, before compression."""
        with writing(out.parent):
            out.parent.mkdir(parents=True, exist_ok=True)
            is_new = self._open_log()
            try:
                self._open_data(signature.encode() + b"\n")
            except BaseException:
                if is_new:
                    remove_open(self._log, self._log_path)
                self._log.close()
                raise

    def _open_log(self) -> bool:
        """Open and lock the log, and read or write its first line; whether the log is new."""
        try:
            self._log = create_file(self._log_path)
            is_new = True
        except FileExistsError:
            self._log = open_own_file(self._log_path)
            is_new = False
        try:
            # waiting is safe in a new log: a process that finds it empty closes it at once
            if not lock_file(self._log, self._log_path, wait=is_new):
                raise InputError(f"{self._out}: another hesnr curate is writing it; wait, or give another name")
            if is_new:
                self._write_header()
            self._log.seek(0)
            self._header = self._log.readline(_MAX_HEADER)
            self._data_path = self._named_data()
        except BaseException:
            self._log.close()
            raise
        return is_new

    def _write_header(self) -> None:
        name = f"{self._out.name}.{uuid.uuid4().hex}.part"
        try:
            self._write_log(json.dumps({"format": _FORMAT, "version": _VERSION, "data": name}))
            os.fsync(self._log.fileno())
        except OSError:  # without this line, the next call would refuse the file
            self._log_path.unlink()
            raise

    def _named_data(self) -> Path:
        """The path of the data, as the first line of the log names it."""
        if not self._header:
            raise InputError(f"{self._log_path}: is empty; delete it, if no other hesnr curate has just been started")
        with suppress(ValueError, TypeError, KeyError, RecursionError):
            header = json.loads(self._header)
            is_ours = (header["format"], header["version"]) == (_FORMAT, _VERSION)
            if is_ours and _data_name(self._out).fullmatch(header["data"]):
                return self._out.with_name(header["data"])
        raise InputError(
            f"{self._log_path}: is not a log of this version of hesnr curate for {self._out.name}; move or delete it, "
            "or give another name"
        )

    def _open_data(self, signature: bytes) -> None:
        """Open the data, and remove what is not part of a complete block, from the data and from the log."""
        try:
            self._data = open_own_file(self._data_path)
        except FileNotFoundError:
            self._data = create_file(self._data_path)
        is_same = self._log.readline(len(signature)) == signature
        blocks, log_bytes = self._complete_blocks() if is_same else ([], 0)
        self.notes = [block.note for block in blocks]
        """The caller's notes on the blocks that an earlier call wrote."""
        self._has_blocks = bool(blocks)
        self._n_bytes = blocks[-1].end if blocks else 0
        self._data.truncate(self._n_bytes)
        self._data.seek(0, os.SEEK_END)
        self._log.seek(len(self._header) + (len(signature) + log_bytes if is_same else 0))
        self._log.truncate()
        if not is_same:
            self._write_log(signature.decode().removesuffix("\n"))

    def _complete_blocks(self) -> tuple[list[_Block], int]:
        """The blocks that are complete in the log and in the data, and the length of their lines."""
        blocks: list[_Block] = []
        log_bytes, end = 0, 0
        on_disk = os.fstat(self._data.fileno()).st_size
        while line := self._log.readline(_MAX_LINE):
            block = _block_of(line)
            if block is None or not end <= block.end <= on_disk:
                break
            blocks.append(block)
            log_bytes, end = log_bytes + len(line), block.end
        return blocks, log_bytes

    def __enter__(self) -> ResumableFile:
        return self

    def __exit__(self, *error: object) -> None:
        if not self._has_blocks:  # nothing to continue
            with suppress(OSError):
                self._remove()
        for file in (self._data, self._log):
            with suppress(OSError):  # the next call removes an incomplete block
                file.close()

    def _remove(self) -> None:
        """Remove the data and the log, and then unlock the log."""
        remove_open(self._data, self._data_path)
        remove_open(self._log, self._log_path)

    def write(self, line: bytes) -> None:
        """Add a line to the block."""
        self._block.append(line)
        self.block_bytes += len(line)

    def end_block(self, note: dict[str, Any]) -> None:
        """Write the block to the disk, and then its line in the log."""
        block = b"".join(self._block)
        if block and self._out.suffix == ".zst":
            block = zstandard.ZstdCompressor().compress(block)
        with writing(self._out.parent):
            self._data.write(block)
            self._data.flush()
            os.fsync(self._data.fileno())
            self._n_bytes += len(block)
            self._write_log(json.dumps({"bytes": self._n_bytes, "note": note}))
        self._block, self.block_bytes, self._has_blocks = [], 0, True

    def _write_log(self, line: str) -> None:
        self._log.write(line.encode() + b"\n")
        self._log.flush()

    def finish(self) -> None:
        """Give the output its final name, if it is not empty, and remove the log.

        Raises:
            InputError: another program changed the data meanwhile, or the disk cannot be written.
        """
        with writing(self._out.parent):
            if not self._n_bytes:
                self._remove()
                return
            if not is_at(self._data, self._data_path) or os.fstat(self._data.fileno()).st_size != self._n_bytes:
                raise InputError(f"{self._data_path}: another program changed or removed it; run the command again")
            self._data.close()
            self._data_path.replace(self._out)
            remove_open(self._log, self._log_path)


def _block_of(line: bytes) -> _Block | None:
    """The block that a line of the log describes; None if the line is damaged or incomplete."""
    with suppress(ValueError, TypeError, KeyError, RecursionError):
        content = json.loads(line)
        if line.endswith(b"\n") and isinstance(content["bytes"], int) and isinstance(content["note"], dict):
            return _Block(content["bytes"], content["note"])
    return None


def log_of(out: Path) -> Path:
    """The path of the log of an unfinished output."""
    return out.with_name(f"{out.name}.part.log")


def work_files(out: Path) -> list[Path]:
    """The log and the data files of an unfinished output, by their names."""
    found = out.parent.glob(f"{glob.escape(out.name)}.*.part")
    return [log_of(out), *(path for path in found if _data_name(out).fullmatch(path.name))]


def _data_name(out: Path) -> re.Pattern[str]:
    return re.compile(re.escape(out.name) + r"\.[0-9a-f]{32}\.part")
