"""The process in which foreign code runs. It reads requests as JSON lines, and answers with JSON lines.

`python -m lab.grader.child MODULE:FUNCTION SECONDS`: the function turns a request into an answer, within this
processor time for each request. The module is imported before the limits are set.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from lab.grader.limits import CPU_SECONDS, confine

DEEPEST_CALLS = 400
_HARD = 3
"""After this many times the limit, the system ends the process, also in the middle of one long operation."""


class _LateError(BaseException):
    """The time of a request is over. Not an `Exception`, so that code between does not take it for one of its own."""


def main(arguments: list[str]) -> None:
    """Answer requests until the input ends. The answer "last" means that the parent has to start another child."""
    module, _, function = arguments[0].partition(":")
    answer: Callable[[Any], Any] = getattr(importlib.import_module(module), function)
    seconds = float(arguments[1])
    signal.signal(signal.SIGPROF, _late)
    sys.setrecursionlimit(DEEPEST_CALLS)
    _write({"ready": confine()})
    for line in sys.stdin.buffer:
        _write(_reply(answer, line, seconds))


def _reply(answer: Callable[[Any], Any], line: bytes, seconds: float) -> dict[str, Any]:
    try:
        _set_timers(seconds)
        try:
            reply = {"answer": answer(json.loads(line))}
        finally:
            _set_timers(0)
    except _LateError:
        return {"failed": "time", "last": True}
    except MemoryError:
        return {"failed": "memory", "last": True}
    return {**reply, "last": True} if time.process_time() > CPU_SECONDS / 2 else reply


def _set_timers(seconds: float) -> None:
    """Processor time, not time on the clock: a busy machine gives the same answers as an idle one."""
    signal.setitimer(signal.ITIMER_VIRTUAL, _HARD * seconds)
    signal.setitimer(signal.ITIMER_PROF, seconds)


def _late(*_: object) -> None:
    raise _LateError


def _write(reply: dict[str, Any]) -> None:
    data = json.dumps(reply).encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    main(sys.argv[1:])
