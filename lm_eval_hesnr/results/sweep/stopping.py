"""Requests to stop a sweep: Ctrl-C, signals, and the file OUT/STOP."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


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
