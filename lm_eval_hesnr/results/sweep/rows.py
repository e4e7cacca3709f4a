"""The numbers of each checkpoint of a sweep, from its results file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from lm_eval_hesnr.files import read_regular
from lm_eval_hesnr.metrics.noise import scaled, signal_to_noise, smoothed
from lm_eval_hesnr.results.json_checks import decoded_json
from lm_eval_hesnr.results.results_file import runs_of
from lm_eval_hesnr.results.run import Run
from lm_eval_hesnr.results.sweep.checkpoint import Checkpoint
from lm_eval_hesnr.results.sweep.out_folder import OutFolder
from lm_eval_hesnr.results.sweep.state import State

_LARGEST = 2**28


class Row(NamedTuple):
    """One checkpoint."""

    checkpoint: Checkpoint
    status: str
    tokens_seen: int | None
    runs: tuple[Run, ...]
    """Its results on each of our tasks; empty if it is not done."""


def rows_of(out: OutFolder, states: Mapping[str, State], checkpoints: Iterable[Checkpoint]) -> list[Row]:
    """One row per checkpoint, in the order of their steps; those without a step come last, in the given order.

    Args:
        out: OUT.
        states: the states in OUT. Checkpoints of earlier calls that are not in `checkpoints` get a row too.
        checkpoints: the checkpoints of this call.
    """
    known = {one.name: one for one in checkpoints}
    for name, state in states.items():
        known.setdefault(name, Checkpoint(name, state.pretrained, state.revision, state.step, state.model_args))
    rows = []
    for name, checkpoint in known.items():
        found = states.get(name)
        if found is None:
            rows.append(Row(checkpoint, "waiting", None, ()))
        else:
            runs = runs_in(out, found) if found.status == "done" else ()
            rows.append(Row(checkpoint, found.status, found.tokens_seen, runs))
    return sorted(rows, key=lambda row: (row.checkpoint.step is None, row.checkpoint.step or 0))


def runs_in(out: OutFolder, state: State) -> tuple[Run, ...]:
    """The results of a checkpoint on each of our tasks; empty if its results file is missing or has none."""
    return results_of(out, state) or ()


def results_of(out: OutFolder, state: State) -> tuple[Run, ...] | None:
    """The results of a checkpoint on each of our tasks; None if its results file is missing or is not one."""
    if state.results is None:
        return None
    path = out.folder(state.name) / state.results
    try:
        status = path.stat()
    except OSError:
        return None
    return _read(path, state.name, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=4096)
def _read(path: Path, name: str, mtime: int, size: int) -> tuple[Run, ...] | None:
    try:
        content = decoded_json(read_regular(path, at_most=_LARGEST))
        is_results = isinstance(content, dict) and isinstance(content.get("results"), dict)
        return tuple(runs_of(content, name)) if is_results else None
    except (OSError, ValueError, RecursionError):
        return None


def series(rows: Sequence[Row], task: str) -> list[list[tuple[Row, Run]]]:
    """The results on one task, one list per training run, each in the order of its steps.

    Checkpoints without a step are left out.
    """
    found: dict[str, list[tuple[Row, Run]]] = {}
    for row in rows:
        for run in row.runs:
            if run.task == task and row.checkpoint.step is not None:
                found.setdefault(row.checkpoint.run, []).append((row, run))
    return list(found.values())


def smoothed_values(rows: Sequence[Row], task: str, measure: str, scope: str) -> dict[str, float]:
    """Name of a checkpoint to the mean of a measure over it and the two before it in its training run."""
    means: dict[str, float] = {}
    for one in series(rows, task):
        values = smoothed(scaled("", [run.value(measure, scope) for _, run in one]))
        means |= {row.checkpoint.name: float(mean) for (row, _), mean in zip(one, values, strict=True) if mean == mean}
    return means


def signal_to_noise_of(rows: Sequence[Row], task: str, measure: str, scope: str) -> float | None:
    """The signal-to-noise of a measure over the training runs of the sweep; None if it cannot be computed."""
    runs = [scaled(measure, [run.value(measure, scope) for _, run in one]) for one in series(rows, task)]
    return signal_to_noise(runs) if runs else None


def tasks_in(rows: Iterable[Row]) -> list[str]:
    """Our tasks that have results, in the order in which they appear."""
    return list(dict.fromkeys(run.task for row in rows for run in row.runs))


def first_scope(run: Run) -> str | None:
    """The scope of the headline: the first one of the run."""
    return next(iter(run.config["summary"]), None)
