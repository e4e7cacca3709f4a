"""Sends cases to a worker process, and judges its answers."""

from __future__ import annotations

import json
import os
import select
import subprocess
import time
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.attack.limits import Limits, apply_limits, kill_group
from benchmarks.attack.table import Room
from benchmarks.attack.verdict import faults_of_text

START_SECONDS = 120
"""The first case also waits for the imports."""
CASE_LIMITS = Limits(seconds=30, megabytes=1000)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a worker did with one case."""

    value: Any
    """The case."""
    result: Any
    printed: str
    seconds: float
    """CPU time of the case."""
    megabytes: float
    """Peak of the worker's resident memory during the case."""
    growth: float
    """This peak minus the memory at the beginning of the case, MB."""


class Worker:
    """A worker process. It is started when it is needed, and again after a case that ended it."""

    def __init__(self, room: Room, task: str, limits: Limits, environment: dict[str, str] | None = None) -> None:
        self._room, self._task = room, task
        self._limits = limits
        self._environment = room.environment() if environment is None else environment
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, value: Any) -> dict[str, Any] | str:
        """The worker's answer; a line of text if it gave no answer."""
        is_new = self._process is None or self._process.poll() is not None
        process = self._process = self._start() if is_new else self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(value).encode() + b"\n")
        process.stdin.flush()
        seconds = self._limits.seconds * self._room.patience
        until = time.monotonic() + seconds + (START_SECONDS if is_new else 0)
        data = b""
        while not data.endswith(b"\n"):
            ready, _, _ = select.select([process.stdout], [], [], max(0.0, until - time.monotonic()))
            part = os.read(process.stdout.fileno(), 1 << 20) if ready else b""
            if not part:
                self.stop()
                status = process.returncode
                return f"the process ended with status {status}" if ready else f"no end after {seconds:.0f} s"
            data += part
        answer: dict[str, Any] = json.loads(data)
        return answer

    def stop(self) -> None:
        """End the process and those that it started."""
        if self._process is not None:
            kill_group(self._process.pid)
            self._process.wait()

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [self._room.python, "-m", "benchmarks.attack.worker", self._task], cwd=self._room.folder,
            env=self._environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            start_new_session=True, preexec_fn=lambda: apply_limits(self._limits),
        )  # fmt: skip


def ask_all(
    room: Room, task: str, cases: Iterable[tuple[str, Any]], limits: Limits = CASE_LIMITS, *, may_move_up: bool = False
) -> Iterator[tuple[str, Answer]]:
    """Yield the answers to the cases that ended. All other results, and faults of the output, are faults of the room.

    Args:
        room: where the worker works.
        task: the module of this package whose function `case` does the work.
        cases: a name and a JSON value for each case.
        limits: of one case.
        may_move_up: as for `verdict.faults_of`.
    """
    worker = Worker(room, task, limits)
    try:
        for name, value in cases:
            answer = worker.ask(value)
            if isinstance(answer, str):
                room.fault(f"{name}: {answer}")
                continue
            room.megabytes = max(room.megabytes, answer["megabytes"])
            printed = answer["printed"] + answer["raised"]
            for fault in faults_of_text(printed, may_move_up=may_move_up):
                room.fault(f"{name}: {fault}")
            if answer["seconds"] > limits.seconds:
                room.fault(f"{name}: {answer['seconds']:.0f} s of CPU time; {limits.seconds:.0f} allowed")
            if answer["megabytes"] > limits.megabytes:
                room.fault(f"{name}: {answer['megabytes']:.0f} MB of memory; {limits.megabytes} allowed")
                worker.stop()  # the next case begins with little memory
            growth = answer["megabytes"] - answer["base"]
            yield name, Answer(
                value, answer["result"], printed, answer["seconds"], answer["megabytes"], growth
            )  # fmt: skip
    finally:
        worker.stop()


def hesnr_all(
    room: Room,
    commands: Iterable[tuple[str, list[str]]],
    *,
    statuses: Collection[int] = (0, 1, 2),
    limits: Limits = CASE_LIMITS,
) -> Iterator[tuple[str, Answer]]:
    """Run `hesnr` with each list of arguments in one process. A status that is not documented is a fault."""
    for name, answer in ask_all(room, "hesnr_case", commands, limits):
        if isinstance(answer.result, int) and answer.result not in statuses:
            lines = answer.printed.strip().splitlines() or ["(no output)"]
            room.fault(f"{name}: exit status {answer.result}: {lines[-1]!r}")
        yield name, answer
