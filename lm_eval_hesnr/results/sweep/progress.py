"""The lines that a sweep prints while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.results.sweep.duration import duration
from lm_eval_hesnr.results.sweep.state import State


def started_line(name: str, gpus: Sequence[str]) -> str:
    """A checkpoint begins."""
    return f"{name}: starts" + (f" on GPU {','.join(gpus)}" if gpus else "")


def done_line(state: State, headline: str, n_done: int, n_all: int, seconds_left: float) -> str:
    """A checkpoint is done: how long it took, its result, and how much is left.

    Args:
        state: its state.
        headline: its first measure; empty if there is none.
        n_done: how many checkpoints are done.
        n_all: how many there are.
        seconds_left: about how long the others take.
    """
    left = f"about {duration(seconds_left)} left" if seconds_left else ""
    parts = [f"done in {duration(state.seconds or 0)}", headline, f"{n_done} of {n_all}", left]
    return f"{state.name}: " + "; ".join(part for part in parts if part)


def failed_line(state: State, log: Path, wait: float | None) -> str:
    """A checkpoint failed: why, where its log is, and after how many seconds it is tried again (None: not again)."""
    code = state.exit_code
    end = f"exit {code}" if code is not None and code >= 0 else "killed"
    again = "" if wait is None else f"; next attempt in {duration(wait)}"
    return f"{state.name}: failed ({end}): {state.reason}; {log}{again}"


def busy_line(name: str, state: State | None) -> str:
    """Another process evaluates a checkpoint: one of another sweep, or of an earlier call that was killed."""
    who = f" (process {state.pid} on {state.host})" if state and state.pid else ""
    return f"{name}: another process evaluates it{who}; this call waits for its end"


def stop_line(n_running: int, why: str) -> str:
    """The sweep stops before its end."""
    return f"stops after {counted(n_running, 'running checkpoint')}{why}" if n_running else f"stops{why}"
