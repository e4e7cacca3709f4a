"""Runs a sweep: looks for checkpoints, evaluates each one that is ready, and reports those that are not."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.sweep.checkpoint import Checkpoint
from lm_eval_hesnr.results.sweep.duration import duration
from lm_eval_hesnr.results.sweep.failures import SAME_REASON, Failures
from lm_eval_hesnr.results.sweep.job import now as time_now
from lm_eval_hesnr.results.sweep.order import in_order
from lm_eval_hesnr.results.sweep.plan import Planned, Planner
from lm_eval_hesnr.results.sweep.progress import busy_line, done_line, failed_line, started_line, stop_line
from lm_eval_hesnr.results.sweep.rows import Row, rows_of
from lm_eval_hesnr.results.sweep.running import Evaluation, Running, new_state
from lm_eval_hesnr.results.sweep.state import State
from lm_eval_hesnr.results.sweep.stopping import Stop, end_of_watch
from lm_eval_hesnr.results.sweep.table import headline, write_tables

STALE = 600.0
"""Seconds without a change after which `--watch` reports a folder that is not complete."""
_TICK = 0.1
_BUSY = 1.0
"""Seconds between two attempts to lock a checkpoint that another process evaluates."""


class Sweep:
    """One call of `hesnr sweep`."""

    def __init__(
        self,
        planner: Planner,
        groups: list[tuple[str, ...]],
        say: Callable[[str], None],
        after: Callable[[list[Row]], object] | None = None,
    ) -> None:
        """Look at nothing yet.

        Args:
            planner: looks for checkpoints.
            groups: the GPUs of each process that can run at the same time.
            say: gets each line about the progress.
            after: gets the rows of the table after each checkpoint.
        """
        self._planner, self._out, self._options = planner, planner.out, planner.options
        self._running = Running(planner, groups)
        self._failures = Failures(retries=self._options.watch is not None)
        self._say, self._after = say, after
        self._stop = Stop()
        self._plan: dict[str, Planned] = {}
        self._reported: dict[str, str] = {}  # name to the last reason why it is not evaluated
        self._busy_until: dict[str, float] = {}
        self._seconds: list[float] = []
        self._next_look = self._settled_at = -1.0
        self._active_at = time.monotonic()
        self._gave_up = self._says_stop = False
        self._began = time_now()
        self._ends: dict[str, str | None] = {}  # name to the end of its last failure that is counted
        self._error = ""

    def run(self) -> bool:
        """Evaluate the checkpoints; whether all of them are done.

        Raises:
            InputError: a file in OUT is not ours, or cannot be written.
            KeyboardInterrupt: the user stopped the sweep. What is done is kept.
        """
        stop_file = self._out.path / "STOP"
        if stop_file.exists():
            raise InputError(f"{stop_file}: this file stops the sweep; remove it, and run the same command again")
        self._out.begin(self._planner.settings)
        if self._options.watch is not None:
            every = duration(self._options.watch)
            self._say(f"looks for new checkpoints every {every}; Ctrl-C, or a file {stop_file}, ends this")
            for source in self._planner.missing():
                self._say(f"{source}: there is no such folder yet")
        with self._stop.on_signals():
            try:
                while not self._is_over():
                    self._step()
                    time.sleep(_TICK)
                    self._say_stop(stop_file)
            finally:
                self._running.stop_all()  # there are some only after an error, or a request to stop now
        self.write()
        if self._stop.soon and not stop_file.exists():
            raise KeyboardInterrupt
        return all(one.is_done for one in self._plan.values())

    def _say_stop(self, stop_file: Path) -> None:
        """Say once that the sweep stops, and when."""
        if self._says_stop or not (self._stop.soon or stop_file.exists()):
            return
        self._says_stop = True
        if self._stop.soon:
            why = "" if self._stop.now else "; press Ctrl-C again to end them now"
        else:
            why = f" ({stop_file})"
        self._stop.soon = True
        self._say(stop_line(len(self._running), why))

    def _step(self) -> None:
        if time.monotonic() >= self._next_look:
            self._look()
        for one in self._running.ended():
            self._active_at = time.monotonic()
            self._report_end(one)
            self.write()
            if self._after is not None:
                self._after(self.rows())
        if not self._stop.soon and not self._gave_up:
            self._start()

    def _is_over(self) -> bool:
        if self._stop.now or ((self._stop.soon or self._gave_up) and not self._running):
            return True
        if self._running or self._next_look < 0:
            return False
        options, planned = self._options, list(self._plan.values())
        is_open = [one for one in planned if self._is_open(one)]
        if options.watch is None or any(one.readiness.state in ("ready", "busy") for one in is_open):
            return not is_open
        why = end_of_watch(options, planned, is_open, time.monotonic() - self._active_at)
        if why:
            self._say(why)
        return bool(why)

    def _is_open(self, one: Planned) -> bool:
        """Whether a checkpoint may still be evaluated in this call."""
        is_possible = one.readiness.state in ("ready", "settling", "busy")
        return is_possible and not self._failures.is_final(one.checkpoint)

    def _look(self) -> None:
        """Look at all checkpoints again, and report those that cannot be evaluated."""
        self._planner.refs.forget()
        now = time.monotonic()
        try:
            found = {one.checkpoint.name: one for one in self._planner.look()}
        except InputError as error:
            if self._next_look < 0:
                raise
            if str(error) != self._error:
                self._say(f"looks again later: {error}")  # the Hub or a disk may be back then
            self._error, found = str(error), self._plan
        else:
            self._error = ""
        if found.keys() != self._plan.keys():
            self._active_at = now
        if self._next_look < 0:
            self._settled_at = now + self._options.settle
        self._plan = found
        self._next_look = now + self._options.watch if self._options.watch is not None else self._settled_at
        if self._options.watch is None and now >= self._settled_at:
            self._next_look = float("inf")
        self._report_unready(now)
        self.write()

    def _report_unready(self, now: float) -> None:
        """Report the checkpoints that are not evaluated: without --watch at once, with it only if nothing changes."""
        is_watch, planned = self._options.watch is not None, list(self._plan.values())
        for number, one in enumerate(planned, start=1):
            state, reason, unchanged_for = one.readiness
            later_is_ready = any(later.readiness.state in ("ready", "done") for later in planned[number:])
            if state == "settling" and not is_watch and now >= self._settled_at:
                self._leave(one, "incomplete", "is still being written; run the same command later, or use --watch")
            elif state == "incomplete" and (not is_watch or (later_is_ready and unchanged_for >= STALE)):
                self._leave(one, "incomplete", reason)
            elif state == "gone":
                self._leave(one, "gone", reason)

    def _leave(self, one: Planned, status: str, reason: str) -> None:
        """Write down that a checkpoint is not evaluated, and say it once."""
        name = one.checkpoint.name
        self._set(one, status)
        if self._reported.get(name) == reason or name in self._running:
            return
        lock = self._out.lock_checkpoint(name)
        if lock is None:  # another process evaluates it
            return
        with lock:
            state = new_state(self._planner, one.checkpoint, one.state)
            state.status, state.reason = status, reason
            state.write(self._out.folder(name))
        self._reported[name] = reason
        self._say(f"{name}: {status}; {one.checkpoint.source}: {reason}")

    def _set(self, one: Planned, state: str) -> None:
        self._plan[one.checkpoint.name] = one._replace(readiness=one.readiness._replace(state=state))

    def _start(self) -> None:
        """Start the next checkpoints on the GPUs that are free."""
        now = time.monotonic()
        for checkpoint in in_order([one.checkpoint for one in self._plan.values()], self._options.in_order):
            one = self._plan[checkpoint.name]
            if not self._running.free_groups:
                return
            if checkpoint.name in self._running or one.readiness.state not in ("ready", "busy"):
                continue
            if self._is_open(one) and not self._failures.waits(checkpoint, now):
                self._start_one(one, now)

    def _start_one(self, one: Planned, now: float) -> None:
        name = one.checkpoint.name
        if self._busy_until.get(name, 0.0) > now:
            return
        lock = self._out.lock_checkpoint(name)
        state = self._out.states().get(name)
        if lock is None:
            self._wait_for_other(one, state, now)
            return
        try:
            is_started = self._is_started(one, state, lock)
        except BaseException:
            lock.close()
            raise
        if not is_started:
            lock.close()
            return
        self._active_at = now
        self._say(started_line(name, self._running.gpus_of(name)))

    def _is_started(self, one: Planned, state: State | None, lock: IO[bytes]) -> bool:
        """Look once more at a checkpoint, which is locked now, and start its process."""
        if self._planner.is_done(one.checkpoint, state):  # by another process, meanwhile
            self._set(one, "done")
            return False
        if state is not None and self._has_failed_elsewhere(one.checkpoint, state):
            self._count_failure(one.checkpoint, state)
            return False
        reading = self._planner.watcher.look(one.checkpoint)
        if reading.state != "ready":
            self._plan[one.checkpoint.name] = one._replace(readiness=reading)
            self._next_look = 0.0  # which reports it
            return False
        self._running.start(one.checkpoint, state, lock, self._running.free_groups[0])
        return True

    def _wait_for_other(self, one: Planned, state: State | None, now: float) -> None:
        name = one.checkpoint.name
        self._set(one, "busy")
        if name not in self._busy_until:
            self._say(busy_line(name, state))
        self._busy_until[name] = now + _BUSY

    def _report_end(self, one: Evaluation) -> None:
        checkpoint, state = one.checkpoint, one.state
        planned = self._plan.get(checkpoint.name)
        if state.status == "done":
            self._failures.clear(checkpoint)
            self._seconds.append(state.seconds or 0.0)
            if planned is not None:
                self._set(planned._replace(state=state), "done")
            n_done = sum(one.is_done for one in self._plan.values())
            self._say(done_line(state, headline(self._out, state), n_done, len(self._plan), self._seconds_left()))
            return
        self._count_failure(checkpoint, state)

    def _has_failed_elsewhere(self, checkpoint: Checkpoint, state: State) -> bool:
        """Whether another process has tried these weights since this call began."""
        is_new = (state.ended or "") > self._began and state.ended != self._ends.get(checkpoint.name)
        return state.status == "failed" and is_new and state.identity == self._planner.identity(checkpoint)

    def _count_failure(self, checkpoint: Checkpoint, state: State) -> None:
        self._ends[checkpoint.name] = state.ended
        wait = self._failures.add(checkpoint, state.reason or "", time.monotonic())
        self._say(failed_line(state, self._out.folder(checkpoint.name) / "log.txt", wait))
        if self._failures.are_all_alike:
            self._gave_up = True
            self._say(f"the last {SAME_REASON} checkpoints failed for the same reason: no further one is started")

    def _seconds_left(self) -> float:
        """About how long the remaining checkpoints take, from those that are done."""
        n_left = sum(self._is_open(one) for one in self._plan.values())
        return n_left * sum(self._seconds) / len(self._seconds) / len(self._running.groups)

    def rows(self) -> list[Row]:
        """One row for each checkpoint of all calls with this OUT, in the order of the steps."""
        return rows_of(self._out, self._out.states(), self._planner.every.values())

    def write(self) -> None:
        """Write sweep.json and the tables anew."""
        with self._out.locked():
            rows = self.rows()
            self._out.set_checkpoints([row.checkpoint.name for row in rows])
            write_tables(self._out, rows)
