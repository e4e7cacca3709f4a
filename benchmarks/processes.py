"""Runs a command with a limit on its time. Nothing that it has started is left when `run` returns or is stopped.

torchrun starts each worker in a session of its own, so a signal to the process group of torchrun does not reach the
workers. Therefore each command gets a mark in its environment, which its children inherit, and every process with this
mark is killed. The marks are read from /proc, so this needs Linux.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from benchmarks.repository import ROOT

MARK = "HESNR_BENCHMARK_COMMAND"


def run(command: Sequence[str], limit: float, log: Path, each_line: Callable[[str], None] | None = None) -> int | None:
    """The exit status of a command; None if it was killed at its limit.

    Args:
        command: the program and its arguments. It runs in the checkout, offline.
        limit: seconds.
        log: the file to which the output is added.
        each_line: it gets every line of standard output as soon as it is printed. If it is None, they are in the log.

    Raises:
        SystemExit: this process got SIGTERM or SIGHUP. The command is killed.
    """
    mark = f"{os.environ.get(MARK, '')}/{os.getpid()}-{time.monotonic_ns()}"
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    changed = {"PYTHONPATH": paths, "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1", MARK: mark}
    is_late = threading.Event()
    timer = threading.Timer(limit, lambda: (is_late.set(), kill_marked(mark)))
    with log.open("ab") as file, exit_on_signals():
        process = subprocess.Popen(
            list(command), cwd=ROOT, env=os.environ | changed, start_new_session=True, text=True, errors="replace",
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE if each_line else file, stderr=file,
        )  # fmt: skip
        try:
            timer.start()
            for line in process.stdout or ():
                if each_line and line.endswith("\n"):
                    each_line(line)
            status = process.wait()
        finally:
            timer.cancel()
            kill_marked(mark)
            process.kill()
            process.wait()
    return None if is_late.is_set() else status


def kill_marked(mark: str) -> None:
    """Kill every process with this mark, also those that commands inside the command have started."""
    for _ in range(100):  # a process may start another one just before it is killed
        if not (found := marked(mark)):
            return
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)


def marked(mark: str) -> list[int]:
    """The processes that have this mark now."""
    own, inside = f"{MARK}={mark}".encode(), f"{MARK}={mark}/".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or belongs to another user
            if any(one == own or one.startswith(inside) for one in (folder / "environ").read_bytes().split(b"\0")):
                found.append(int(folder.name))
    return found


@contextmanager
def exit_on_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP raise SystemExit, so that a `finally` is reached. Nothing changes outside the main thread."""

    def _exit(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, _exit) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
