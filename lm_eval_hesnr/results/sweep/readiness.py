"""Whether a checkpoint's folder is complete, or a training run is still writing it.

Training frameworks write `config.json` first or last, and weights in any order. So a folder is ready only if its
weights are as long as their headers say, and either a file that is written last is there, or nothing has changed for a
while.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from lm_eval_hesnr.results.sweep.checkpoint import Checkpoint
from lm_eval_hesnr.results.sweep.forms import is_unfinished
from lm_eval_hesnr.results.sweep.weight_files import fault_of

CLOSING = ("trainer_state.json", "STABLE")
"""Files that a training framework writes last."""
_OF_MODEL = (".safetensors", ".bin", ".json", ".model", ".txt", ".jinja", ".py")
"""Endings of the files that can change what a model computes."""
_OF_TRAINING = ("trainer_state", "optimizer", "scheduler", "rng_state", "training_args", ".")
"""Beginnings of the names of files that only a training run reads."""

Sizes = dict[str, tuple[int, int, int]]
"""Name to size in bytes and two times in nanoseconds. `rsync -a` sets the first time, but nobody sets the second."""


class Readiness(NamedTuple):
    """What one look at a folder has found."""

    state: str
    """`ready`; `settling`: complete, but perhaps still being written; `incomplete`; `gone`."""
    reason: str = ""
    unchanged_for: float = 0.0
    """Seconds since the last change that was seen."""


def sizes_in(folder: Path) -> Sizes:
    """For each file in a folder: its size, the time of its content, and the time of its last change of any kind.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    with os.scandir(folder) as entries:
        found = [(entry.name, entry.stat()) for entry in entries if entry.is_file()]
    return {name: (status.st_size, status.st_mtime_ns, status.st_ctime_ns) for name, status in found}


def identity_of(folder: Path) -> str | None:
    """A digest of the names, sizes and times of the model's files; None if there is no such folder."""
    try:
        sizes = sizes_in(folder)
    except OSError:
        return None
    kept = [
        (name, size, changed)
        for name, (size, changed, _) in sorted(sizes.items())
        if name.endswith(_OF_MODEL) and not name.startswith(_OF_TRAINING)
    ]
    return hashlib.sha256(repr(kept).encode()).hexdigest()


class Watcher:
    """Looks at folders again and again, and remembers when each of them changed."""

    def __init__(
        self,
        *,
        settle: float,
        ready_file: str | None = None,
        trusts_times: bool = True,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Look at nothing yet.

        Args:
            settle: seconds without a change after which a folder without a closing file is ready.
            ready_file: a folder is ready if and only if it has this file; None for the usual rule.
            trusts_times: whether a folder is also ready at the first look, if the times of its files are old enough.
                The clock of a file server can differ, so that a sweep that waits anyway does not need to trust it.
            clock: the seconds that pass.
            wall_clock: the time that the files have.
        """
        self._settle, self._ready_file, self._trusts_times = settle, ready_file, trusts_times
        self._clock, self._wall_clock = clock, wall_clock
        self._seen: dict[str, tuple[Sizes, float]] = {}

    def look(self, checkpoint: Checkpoint) -> Readiness:
        """Look at the folder of a checkpoint. A revision on the Hub is always ready."""
        folder = checkpoint.folder
        if folder is None:
            return Readiness("ready")
        try:
            return self._look(folder, needs_tokenizer="tokenizer" not in checkpoint.model_args)
        except FileNotFoundError:
            if folder.is_dir():  # a file was renamed between two looks
                return Readiness("incomplete", "changes while it is read")
            return Readiness("gone", "the folder was removed")
        except OSError as error:
            return Readiness("incomplete", f"cannot be read ({error.strerror or error})")

    def _look(self, folder: Path, *, needs_tokenizer: bool) -> Readiness:
        now, sizes = self._clock(), sizes_in(folder)
        before = self._seen.get(str(folder))
        if before is None or before[0] != sizes:
            self._seen[str(folder)] = sizes, now
        unchanged = now - self._seen[str(folder)][1]
        if self._ready_file:
            is_there = (folder / self._ready_file).exists()
            return Readiness("ready" if is_there else "incomplete", f"has no {self._ready_file}", unchanged)
        fault = "its name says that it is unfinished" if is_unfinished(folder.name) else None
        fault = fault or fault_of(folder, needs_tokenizer=needs_tokenizer)
        if fault:
            return Readiness("incomplete", fault, unchanged)
        newest = max(changed for _, *times in sizes.values() for changed in times) / 1e9
        age = self._wall_clock() - newest if self._trusts_times else 0.0
        if max(unchanged, age) >= self._settle or any(name in sizes for name in CLOSING):
            return Readiness("ready", "", unchanged)
        waits = f"may still be written; it is ready after {self._settle:g} s without a change"
        return Readiness("settling", waits, unchanged)
