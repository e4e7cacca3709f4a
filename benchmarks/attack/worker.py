"""A process that works on many cases, one after another, so that its imports are paid once.

The parent starts it as `python -m benchmarks.attack.worker TASK` and sends one JSON value per line. The worker answers
each with one JSON line: what the task returned, what it printed, CPU seconds, and peak memory. A case that takes too
long or ends the process is a fault, and a new process continues with the next case.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

MOST_OUTPUT = 4_000_000


def main(module: str) -> None:
    """Work on the cases of standard input until it ends. Standard output is only for answers."""
    answers = os.fdopen(os.dup(1), "w", encoding="ascii")
    with tempfile.TemporaryFile() as printed:
        os.dup2(printed.fileno(), 1)
        os.dup2(printed.fileno(), 2)
        case: Callable[[Any], Any] = importlib.import_module(f"benchmarks.attack.{module}").case
        for line in sys.stdin:
            print(json.dumps(_answer(case, json.loads(line), printed)), file=answers, flush=True)


def _answer(case: Callable[[Any], Any], value: Any, printed: IO[bytes]) -> dict[str, Any]:
    """The result of one case as a JSON value."""
    printed.seek(0)
    printed.truncate()
    base = reset_peak()
    begin = time.process_time()
    result: Any = None
    raised = ""
    try:
        result = case(value)
    except SystemExit as stop:  # an InputError of the package is one, too
        result = {"stopped": str(stop.code)}
    except BaseException:
        raised = traceback.format_exc()
    seconds = time.process_time() - begin
    sys.stdout.flush()
    sys.stderr.flush()
    printed.seek(0)
    text = printed.read(MOST_OUTPUT).decode("utf-8", "surrogateescape")
    return {
        "result": result, "raised": raised, "printed": text, "seconds": seconds, "base": base, "megabytes": peak_mb()
    }  # fmt: skip


def reset_peak() -> float:
    """Let the kernel count the peak of the resident memory from now on. Return the memory used now, in MB."""
    Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def peak_mb() -> float:
    """The peak of the resident memory since it was reset, in MB."""
    return _memory("VmHWM")


def _memory(name: str) -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    main(sys.argv[1])
