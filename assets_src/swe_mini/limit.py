"""When a command is stopped: by the processor time it used, so that a busy machine stops only what any would."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

_PATIENCE = 6  # a command that only waits is stopped after so many times its limit on the clock
_TICKS = os.sysconf("SC_CLK_TCK")


def output_within(process: subprocess.Popen[bytes], seconds: int) -> bytes | None:
    """All that a command printed, or None where it was stopped; it leads a session of its own."""
    for _ in range(_PATIENCE):
        try:
            return process.communicate(timeout=seconds)[0]
        except subprocess.TimeoutExpired:
            if _seconds_used(process.pid) >= 0.9 * seconds:
                break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()  # what it printed before the stop depends on the machine's speed: not kept
    return None


def _seconds_used(session: int) -> float:
    """Processor time of all processes of a session, and of their children that have ended."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        except OSError:  # ended meanwhile
            continue
        if int(fields[3]) == session:  # man 5 proc: the name in brackets, then state, parent, group, session
            ticks += sum(map(int, fields[11:15]))
    return ticks / _TICKS
