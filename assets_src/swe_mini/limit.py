"""The time limit of a command, in processor time: a busy machine stops the same commands as an idle one."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

_PATIENCE = 6  # a command that only waits is stopped after this many times its limit on the clock
_TICKS = os.sysconf("SC_CLK_TCK")


def output_within(process: subprocess.Popen[bytes], seconds: int) -> bytes | None:
    """Everything that a command printed, or None if it was stopped. The command must lead its own session."""
    for _ in range(_PATIENCE):
        try:
            return process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            if _seconds_used(process.pid) >= 0.9 * seconds:
                break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()  # not kept: it depends on the speed of the machine
    return None


def _seconds_used(session: int) -> float:
    """Processor time, in seconds, of all processes of a session and of their ended children."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:  # the process has ended
            continue
        if int(fields[3]) == session:  # man 5 proc: after the name in brackets come state, parent, group, session
            ticks += sum(map(int, fields[11:15]))
    return ticks / _TICKS
