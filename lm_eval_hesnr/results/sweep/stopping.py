"""When a sweep stops: requests by Ctrl-C and signals, and the end of a watch."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

from lm_eval_hesnr.results.sweep.duration import duration
from lm_eval_hesnr.results.sweep.plan import Planned
from lm_eval_hesnr.results.sweep.settings import Options


class Stop:
    """What was asked for. `soon`: end after the running processes; `now`: end them too."""

    def __init__(self) -> None:
        self.soon = self.now = False

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Listen to signals: the first Ctrl-C asks for `soon`; the second one, SIGTERM and SIGHUP ask for `now`."""
        if threading.current_thread() is not threading.main_thread():  # Python allows handlers only there
            yield
            return
        numbers = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]
        before = {number: signal.signal(number, self._on_signal) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self.now = self.soon or number != signal.SIGINT
        self.soon = True


def end_of_watch(options: Options, planned: Sequence[Planned], is_open: Sequence[Planned], idle: float) -> str | None:
    """Why a watch that has nothing to do now ends; None if it goes on.

    Args:
        options: `--until-step` and `--until-idle`.
        planned: all checkpoints.
        is_open: those that may still be evaluated.
        idle: seconds since something was evaluated or found.
    """
    ended = [one for one in planned if one not in is_open and one.readiness.state != "incomplete"]
    if options.until_step is not None and any((one.checkpoint.step or 0) >= options.until_step for one in ended):
        return f"step {options.until_step} is reached"
    written = [one.readiness.unchanged_for for one in planned if one.readiness.state in ("incomplete", "settling")]
    if options.until_idle is not None and min([idle, *written]) >= options.until_idle:
        return f"nothing new for {duration(options.until_idle)}"
    return None
