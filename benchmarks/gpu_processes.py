"""The part `processes` of `benchmarks/gpu.py`: one command of the harness, in one process and in two."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.gpu_plan import Measured, Part
from benchmarks.processes import run

SAME = 1e-4
"""Relative difference up to which two results agree: block sizes depend on free memory, and change the rounding."""


def processes(part: Part) -> Iterator[Measured]:
    """Two processes on one device: refused, or the same numbers as one process."""
    limit = 2 if part.shapes.device == "cpu" else 4
    command = ["-m", "lm_eval_hesnr", "--tasks", "swe_hesnr", "--model", "hf-topk", "--limit", str(limit)]
    command += ["--device", "cpu"] if part.shapes.device == "cpu" else []
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    one, seconds, log = command_result(command, 0.45 * part.left)
    if one is None:
        raise RuntimeError(f"one process has no result: {log}")
    two, seconds_of_two, log = command_result([*launcher, *command], 0.9 * part.left)
    size = f"{limit} embedded runs"
    if two is None:
        yield part.row(size, f"**{log or 'hangs'}** after {seconds_of_two:.0f} s")
        return
    keys = [key for key, value in one.items() if isinstance(value, float)]
    worst = max(abs(one[key] - two[key]) / max(abs(one[key]), 1e-9) for key in keys)
    verdict = "right" if worst <= SAME else "WRONG"
    times = f"{seconds_of_two:.0f} s; one process {seconds:.0f} s"
    yield part.row(size, f"**{verdict}**: {len(keys)} numbers differ by <= {worst:.0e} ({times})")


def command_result(command: Sequence[str], limit: float) -> tuple[dict[str, Any] | None, float, str | None]:
    """The results of a command, None if it has none; its seconds; and what it said last, None if it did not end."""
    with tempfile.TemporaryDirectory() as folder:
        log, began = Path(folder) / "log", time.monotonic()
        status = run([sys.executable, *command, "--output_path", folder], limit, log)
        seconds = time.monotonic() - began
        text = log.read_text(errors="replace")
        sys.stderr.write(text[-20_000:])
        paths = list(Path(folder).rglob("results*.json")) if status == 0 else []
        found = json.loads(paths[0].read_text())["results"]["swe_hesnr"] if paths else None
        return found, seconds, None if status is None else reason(text)


def reason(log: str) -> str:
    """Whether a failed command was refused with a message or ended with a traceback, and the line that says why."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    errors = [line for line in lines if "Duplicate GPU" in line] or [line for line in lines if "Error" in line]
    how = (
        "ends with a traceback"
        if any(line.endswith("Traceback (most recent call last):") for line in lines)
        else "refused"
    )
    return f"{how}: {(errors or lines or ['no message'])[0][:200]}"
