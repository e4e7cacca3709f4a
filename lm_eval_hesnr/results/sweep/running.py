"""The checkpoints that are being evaluated: starts their processes, and writes down how they end."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from typing import IO

from lm_eval_hesnr.results.sweep.checkpoint import Checkpoint, tokens_seen
from lm_eval_hesnr.results.sweep.command import command_of, write_run_file
from lm_eval_hesnr.results.sweep.duration import duration
from lm_eval_hesnr.results.sweep.job import Job, now
from lm_eval_hesnr.results.sweep.plan import Planner
from lm_eval_hesnr.results.sweep.state import State


@dataclass(slots=True)
class Evaluation:
    """One checkpoint that is being evaluated, or was."""

    checkpoint: Checkpoint
    state: State
    job: Job
    gpus: tuple[str, ...]


class Running:
    """The evaluations that run now, at most one per group of GPUs."""

    def __init__(self, planner: Planner, groups: list[tuple[str, ...]]) -> None:
        """Start nothing yet.

        Args:
            planner: knows OUT and the settings.
            groups: the GPUs of each process that can run at the same time.
        """
        self._planner, self.groups = planner, groups
        self._evaluations: list[Evaluation] = []

    def __len__(self) -> int:
        return len(self._evaluations)

    def __contains__(self, name: object) -> bool:
        return any(one.checkpoint.name == name for one in self._evaluations)

    def gpus_of(self, name: str) -> tuple[str, ...]:
        """The GPUs of a running checkpoint."""
        return next(one.gpus for one in self._evaluations if one.checkpoint.name == name)

    @property
    def free_groups(self) -> list[tuple[str, ...]]:
        """The GPUs on which nothing runs, one group per process that can be started."""
        free = list(self.groups)
        for one in self._evaluations:
            free.remove(one.gpus)
        return free

    def start(self, checkpoint: Checkpoint, before: State | None, lock: IO[bytes], gpus: tuple[str, ...]) -> None:
        """Start the process of a checkpoint.

        Args:
            checkpoint: it is ready.
            before: its state after an earlier attempt.
            lock: its lock, which is closed at the end of the process.
            gpus: what the process sees.

        Raises:
            InputError: a file in OUT is not ours or cannot be written, or there is no such program.
        """
        planner = self._planner
        out, folder = planner.out, planner.out.folder(checkpoint.name)
        command = command_of(out.path, checkpoint.name, planner.settings, planner.options, gpus)
        write_run_file(out.path, checkpoint, planner.settings, planner.options, command)
        state = new_state(planner, checkpoint, before)
        job = Job(command, folder, lock)
        state.status, state.started, state.host, state.pid = "running", now(), socket.gethostname(), job.pid
        state.gpus, state.attempts = list(gpus), state.attempts + 1
        self._evaluations.append(Evaluation(checkpoint, state, job, gpus))
        state.write(folder)

    def ended(self) -> list[Evaluation]:
        """The evaluations that have ended since the last call. Their states are written, their checkpoints unlocked."""
        found = []
        for one in list(self._evaluations):
            code, limit = one.job.poll(), self._planner.options.timeout
            if code is None and limit is not None and one.job.seconds > limit:
                one.job.ask_to_end(f"--timeout: was not finished after {duration(limit)}")
                one.job.end()
                code = one.job.poll()
            if code is not None:
                self._end(one, code)
                found.append(one)
        return found

    def _end(self, one: Evaluation, code: int) -> None:
        results = one.job.results() if code == 0 else None
        if results is not None:
            has_tables = (self._planner.out.folder(one.checkpoint.name) / "tokens").is_dir()
            one.state.status, one.state.results = "done", str(results)
            one.state.token_table = "tokens" if has_tables else None
        else:
            one.state.status = "failed"
            one.state.reason = one.job.reason() if code else "ended without a results file"
        one.state.exit_code = code
        self._close(one)

    def _close(self, one: Evaluation) -> None:
        one.state.ended, one.state.seconds, one.state.pid = now(), round(one.job.seconds, 1), None
        one.state.write(self._planner.out.folder(one.checkpoint.name))
        one.job.close()
        self._evaluations.remove(one)

    def stop_all(self) -> None:
        """End all processes now. Their checkpoints wait for the next call."""
        for one in self._evaluations:
            one.job.ask_to_end("stopped")
        for one in list(self._evaluations):
            one.job.end()
            one.state.status, one.state.reason = "waiting", "stopped"
            self._close(one)


def new_state(planner: Planner, checkpoint: Checkpoint, before: State | None) -> State:
    """The state of a checkpoint as it is now, before it is evaluated.

    Args:
        planner: knows the settings, and what changes when the weights change.
        checkpoint: the checkpoint.
        before: its state after an earlier attempt.
    """
    return State(
        name=checkpoint.name,
        pretrained=checkpoint.place,
        revision=checkpoint.revision,
        model_args=dict(checkpoint.model_args),
        step=checkpoint.step,
        tokens_seen=tokens_seen(checkpoint),
        attempts=before.attempts if before else 0,
        identity=planner.identity(checkpoint),
        settings_sha256=planner.settings.digest(checkpoint),
    )
