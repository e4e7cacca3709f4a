"""An output file that is written in blocks and can be continued after a stop."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import zstandard

from lm_eval_hesnr.errors import InputError


class ResumableFile:
    """Writes OUT.part and OUT.part.log. `finish` gives OUT.part its final name.

    The first line of the log is the signature. Every further line describes one block: the length of OUT.part after the
    block, and a note of the caller. Data after the last complete block is removed. In a .zst file, each block is one
    frame. If the disk cannot be written, every method raises `InputError` with the folder.
    """

    def __init__(self, out: Path, signature: str) -> None:
        self._out = out
        self._data_path, self._log_path = files_of(out)
        self._block: list[bytes] = []
        self.block_bytes = 0
        """Length of the block that is being written, before compression."""
        with _writing_to(out.parent):
            self._open(signature)

    def _open(self, signature: str) -> None:
        self._out.parent.mkdir(parents=True, exist_ok=True)
        self._n_bytes, log_bytes = self._complete_blocks(signature.encode() + b"\n")
        self._data = self._data_path.open("r+b" if log_bytes else "w+b")
        self._log = self._log_path.open("r+b" if log_bytes else "w+b")
        self._data.truncate(self._n_bytes)
        self._log.truncate(log_bytes)
        self._data.seek(0, os.SEEK_END)
        self._log.seek(0, os.SEEK_END)
        if not log_bytes:
            self._write_log(signature)
        self._has_blocks = log_bytes > len(signature) + 1

    def __enter__(self) -> ResumableFile:
        return self

    def __exit__(self, *error: object) -> None:
        with suppress(OSError):  # the next call removes an incomplete block
            self._data.close()
        with suppress(OSError):
            self._log.close()
        if not self._has_blocks:  # nothing to continue
            self._data_path.unlink(missing_ok=True)
            self._log_path.unlink(missing_ok=True)

    def _complete_blocks(self, signature: bytes) -> tuple[int, int]:
        """Lengths of OUT.part and of its log at the last complete block; zeros if the signature differs."""
        if not self._log_path.exists() or not self._data_path.exists():
            return 0, 0
        n_bytes, log_bytes, on_disk = 0, 0, self._data_path.stat().st_size
        with self._log_path.open("rb") as log:
            if log.readline() != signature:
                return 0, 0
            log_bytes = len(signature)
            for line in log:
                if not line.endswith(b"\n") or (end := json.loads(line)["bytes"]) > on_disk:
                    break
                n_bytes, log_bytes = end, log_bytes + len(line)
        return n_bytes, log_bytes

    def notes(self) -> Iterator[dict[str, Any]]:
        """The caller's notes on the blocks that an earlier call wrote."""
        with self._log_path.open("rb") as log:
            log.readline()
            for line in log:
                yield json.loads(line)["note"]

    def write(self, line: bytes) -> None:
        """Add a line to the block."""
        self._block.append(line)
        self.block_bytes += len(line)

    def end_block(self, note: dict[str, Any]) -> None:
        """Write the block to the disk, and then its line in the log."""
        block = b"".join(self._block)
        if block and self._out.suffix == ".zst":
            block = zstandard.ZstdCompressor().compress(block)
        with _writing_to(self._out.parent):
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
        """Give the output its final name, if it is not empty, and remove the log."""
        with _writing_to(self._out.parent):
            self._data.close()
            self._log.close()
            if self._n_bytes:
                self._data_path.replace(self._out)
            else:
                self._data_path.unlink()
            self._log_path.unlink()


@contextmanager
def _writing_to(folder: Path) -> Iterator[None]:
    """Turn an error of the disk into one line that names the folder and says what to do."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{folder}: cannot be written to ({reason}); fix that, or choose another folder") from error


def files_of(out: Path) -> tuple[Path, Path]:
    """The paths of the unfinished output and of its log."""
    return out.with_name(f"{out.name}.part"), out.with_name(f"{out.name}.part.log")
