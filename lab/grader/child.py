"""The process in which foreign code runs. It reads requests and answers with JSON lines.

A request is a nonce, a space and JSON, in one line. The answer repeats the nonce.

`python -m lab.grader.child MODULE:FUNCTION SECONDS`: the function turns a request into an answer, within this
processor time for each request. The module is imported before the limits are set.
"""

from __future__ import annotations

import gc
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
    defences = confine()
    gc.collect()
    gc.freeze()  # what is there now lives on, so that the collection after each request is fast
    _write({"nonce": "", "answer": defences})
    for line in sys.stdin.buffer:
        _write(_reply(answer, line, seconds))


def _reply(answer: Callable[[Any], Any], line: bytes, seconds: float) -> dict[str, Any]:
    """The reply. What the request has left in memory is gone: the next request has as much memory as this one."""
    nonce, _, request = line.partition(b" ")
    head = {"nonce": nonce.decode()}
    try:
        _set_timers(seconds)
        try:
            reply = {**head, "answer": answer(json.loads(request))}
            gc.collect()
        finally:
            _set_timers(0)
    except _LateError:
        return {**head, "failed": "time", "last": True}
    except MemoryError:
        return {**head, "failed": "memory", "last": True}
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
