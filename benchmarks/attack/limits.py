"""Runs a command under limits of time, memory and file size, and returns what became of it."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

MB = 1 << 20
MOST_OUTPUT = 4 * MB
"""Bytes of each stream that are kept for the verdict."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a command may use. More than `seconds` or `megabytes` is a fault."""

    seconds: float = 60
    """CPU time, with that of its children."""
    megabytes: int = 1000
    """Peak of the resident memory."""
    address_space_mb: int = 6000
    """The system refuses more than this, so that the machine survives."""
    file_mb: int = 2000
    open_files: int | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """A command that has ended."""

    command: tuple[str, ...]
    status: int
    """The exit status; minus the number of the signal that ended it."""
    stdout: str
    stderr: str
    seconds: float
    """The time that passed."""
    cpu: float
    """CPU time of the process and of its children, s."""
    megabytes: float
    """Peak of the resident memory of the process or of one of its children, whichever is larger."""
    timed_out: bool = False

    @property
    def output(self) -> str:
        """Both streams."""
        return self.stdout + self.stderr


def run(
    command: Sequence[str],
    folder: Path,
    limits: Limits,
    environment: Mapping[str, str],
    *,
    patience: float = 1,
    stdout: IO[bytes] | None = None,
) -> Finished:
    """Run the command in the folder. It is killed with all of its children when its time is over.

    Args:
        command: the program and its arguments.
        folder: the working folder.
        limits: what it may use.
        environment: the whole environment.
        patience: it is taken to hang after so many times its limit of CPU time: a busy machine lets it wait.
        stdout: where its standard output goes. If it is None, the output is returned.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begin = time.monotonic()
        process = subprocess.Popen(
            list(command), cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL, stdout=stdout or out,
            stderr=err, start_new_session=True, preexec_fn=lambda: apply_limits(limits, cpu=True),
        )  # fmt: skip
        status, usage, timed_out = wait(process, limits.seconds * patience)
        return Finished(
            tuple(command), status, _text(out), _text(err), time.monotonic() - begin,
            usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, timed_out,
        )  # fmt: skip


def apply_limits(limits: Limits, *, cpu: bool = False) -> None:
    """Set the limits of this process, also that of its CPU time if `cpu`. It is called between fork and exec."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for what, most in (
        (resource.RLIMIT_CPU, int(limits.seconds) + 1 if cpu else None),
        (resource.RLIMIT_AS, limits.address_space_mb * MB),
        (resource.RLIMIT_FSIZE, limits.file_mb * MB),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, limits.open_files),
    ):
        if most is not None:
            resource.setrlimit(what, (most, most))


def wait(process: subprocess.Popen[bytes], seconds: float) -> tuple[int, resource.struct_rusage, bool]:
    """Exit status, what was used, and whether the time was over. Kills the rest of the process group."""
    over = threading.Event()

    def _stop() -> None:
        over.set()
        kill_group(process.pid)

    timer = threading.Timer(seconds, _stop)
    timer.start()
    try:
        _, status, usage = os.wait4(process.pid, 0)
    except BaseException:
        kill_group(process.pid)
        raise
    finally:
        timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    kill_group(process.pid)
    return process.returncode, usage, over.is_set()


def kill_group(leader: int) -> None:
    """End the process and those that it started, if they still exist."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)


def with_limits(limits: Limits, **changed: float | int | None) -> Limits:
    """The limits with other values for some of them."""
    return replace(limits, **changed)  # type: ignore[arg-type]


def _text(stream: IO[bytes]) -> str:
    """The text that was written, with bytes that are not UTF-8 as surrogates."""
    stream.seek(0)
    return stream.read(MOST_OUTPUT).decode("utf-8", "surrogateescape")
