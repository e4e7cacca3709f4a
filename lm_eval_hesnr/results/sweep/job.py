"""The process that evaluates one checkpoint."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import IO

from lm_eval_hesnr.files import create_file, writing
from lm_eval_hesnr.files.own_files import open_own_file
from lm_eval_hesnr.messages.characters import shortened
from lm_eval_hesnr.results.sweep.command import Command

_REASON = re.compile(r"(?:[\w.]+: )?error: .+|(?:\w+\.)*\w*(?:Error|Exception|Interrupt|Exit)(?:: .*)?")
"""The line of a log that says why a process ended."""
_READ_OF_LOG = 2**20
_LONGEST_REASON = 240
_PATIENCE = 10.0
"""Seconds that a process gets to end itself after SIGTERM."""


class Job:
    """One process. Its output goes to log.txt, after that of earlier attempts."""

    def __init__(self, command: Command, folder: Path, lock: IO[bytes]) -> None:
        """Start it.

        Args:
            command: what is run.
            folder: the folder of the checkpoint in OUT.
            lock: the lock of the checkpoint. The process inherits it, so that it stays locked if only we are killed.

        Raises:
            InputError: the log is not ours, or the program cannot be started.
        """
        self._folder, self._lock, self._log_path = folder, lock, folder / "log.txt"
        self._results_before = _results_in(folder)
        self._reason: str | None = None
        with writing(self._log_path):
            try:
                self._log = create_file(self._log_path)
            except FileExistsError:
                self._log = open_own_file(self._log_path)
            self._log.seek(0, os.SEEK_END)
            self._log.write(f"== {now()} {command}\n".encode())
            self._log.flush()
            self._log_start = self._log.tell()
        self._started = self._ends_at = time.monotonic()
        with writing(Path(command.words[0])):
            self._process = subprocess.Popen(  # noqa: S603 (the user's own command)
                command.words,
                stdin=subprocess.DEVNULL,
                stdout=self._log,
                stderr=subprocess.STDOUT,
                env=command.environment,
                start_new_session=True,  # Ctrl-C in the terminal does not reach it
                pass_fds=(lock.fileno(),),
            )

    @property
    def pid(self) -> int:
        """The number of the process, which is also that of its group."""
        return self._process.pid

    @property
    def seconds(self) -> float:
        """How long the process has run."""
        return time.monotonic() - self._started

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while the process runs."""
        return self._process.poll()

    def close(self) -> None:
        """Unlock the checkpoint, after the end of what a launcher has started and left behind."""
        self._signal(signal.SIGKILL)
        self._log.close()
        self._lock.close()

    def ask_to_end(self, reason: str) -> None:
        """Send SIGTERM to the process and everything it has started. `end` follows.

        Args:
            reason: why, for `reason`.
        """
        self._reason, self._ends_at = reason, time.monotonic() + _PATIENCE
        self._signal(signal.SIGTERM)

    def end(self) -> None:
        """Wait for the end of the process, and kill what has not ended in time after `ask_to_end`."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, self._ends_at - time.monotonic()))
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    def results(self) -> Path | None:
        """The results file that this process has written, relative to the folder of the checkpoint."""
        # a launcher may write a file of the same name again, after an attempt whose end nobody saw
        new = [path for path, _ in _results_in(self._folder) - self._results_before]
        return max(new, key=lambda path: path.name).relative_to(self._folder) if new else None

    def reason(self) -> str:
        """Why the process failed: the last line of its log that names an error."""
        if self._reason:
            return self._reason
        code = self._process.returncode
        lines = self._last_lines()
        found = next((line for line in reversed(lines) if _REASON.fullmatch(line)), None)
        if found is None and code is not None and code < 0:
            name = signal.Signals(-code).name if -code in set(signal.Signals) else str(-code)
            found = f"killed by {name}" + (", perhaps out of memory" if -code == signal.SIGKILL else "")
        return shortened(found or (lines[-1] if lines else "no output"), _LONGEST_REASON)

    def _last_lines(self) -> list[str]:
        self._log.seek(max(self._log_start, self._log.seek(0, os.SEEK_END) - _READ_OF_LOG))
        text = self._log.read().decode(errors="replace")
        return [line.strip() for line in re.split(r"[\r\n]+", text) if line.strip()]


def _results_in(folder: Path) -> set[tuple[Path, int]]:
    """Each results file, and when it was last changed."""
    found = set()
    for path in (folder / "results").rglob("results_*.json"):
        with suppress(FileNotFoundError):  # a launcher has just renamed it
            found.add((path, path.lstat().st_mtime_ns))
    return found


def now() -> str:
    """The time in UTC, as `2026-11-29T12:00:00Z`."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
