"""The downstream scores of checkpoints: SCORES.csv, one row per checkpoint or per checkpoint and seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.near import did_you_mean
from lm_eval_hesnr.results.correlate.cells import LARGEST_NUMBER, Row, read_csv
from lm_eval_hesnr.results.correlate.outcomes import TaskOutcomes, read_outcomes
from lm_eval_hesnr.results.sweep.checkpoint import step_of

GROUP, ORDER = "family", "step"
"""The columns that are used if the user names no others."""
_COUNTS = ("passed", "tasks")


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The score of one checkpoint. Its seeds, such as several fine-tunings of it, are pooled."""

    checkpoint: str
    family: str | None
    """The training run that it belongs to; None if it is not known."""
    order: float | None
    """The step of training, or another quantity that grows in training; None if it is not known."""
    passed: np.ndarray
    """(S,) passed trials of each seed."""
    trials: np.ndarray
    """(S,) tasks times attempts of each seed."""
    by_task: TaskOutcomes | None = None
    """The same by task, if it is known."""
    line: int = 0
    """Its first line in SCORES."""

    @property
    def rate(self) -> float:
        """The share of passed trials."""
        return float(self.passed.sum() / self.trials.sum())


def read_scores(path: Path, *, group: str | None, order: str | None, outcomes: Path | None) -> list[Score]:
    """The score of each checkpoint, in the order of the file.

    Args:
        path: SCORES.csv.
        group: the column with the training run; `family`, if there is one, if None.
        order: the column with the step; `step`, if there is one, or the number in the checkpoint's name, if None.
        outcomes: TASKS.jsonl, or None.

    Raises:
        InputError: a cell is wrong, or the files do not agree.
    """
    columns, rows = read_csv(path, ["checkpoint"] if outcomes else ["checkpoint", *_COUNTS])
    for option, column in (("--group", group), ("--order", order)):
        if column is not None and column not in columns:
            hint = did_you_mean(column, columns)
            raise InputError(
                f"{path}: {option} {column}: {hint}expected one of its columns: {', '.join(columns)[:200]}"
            )
    group = group or (GROUP if GROUP in columns else None)
    order = order or (ORDER if ORDER in columns else None)
    by_checkpoint: dict[str, list[Row]] = {}
    for row in rows:
        by_checkpoint.setdefault(row.text("checkpoint"), []).append(row)
    found = [_score(name, some, group, order) for name, some in by_checkpoint.items()]
    if order is None and None not in (steps := [step_of(score.checkpoint) for score in found]):
        found = [replace(score, order=float(step or 0) or None) for score, step in zip(found, steps, strict=True)]
    return found if outcomes is None else _with_outcomes(path, outcomes, found, has_counts=set(_COUNTS) <= set(columns))


def _score(name: str, rows: Sequence[Row], group: str | None, order: str | None) -> Score:
    first = rows[0]
    seeds: set[str] = set()
    for row in rows:
        seed = row.cells.get("seed", "")
        if seed in seeds:
            raise InputError(
                f"{row.path}, line {row.line}, checkpoint: {name!r:.60} is there twice"
                + (f" with seed {seed!r:.20}" if seed else "; give each row a different seed, in a column seed")
            )
        seeds.add(seed)
        for column in (group, order):
            if column and row.cells[column] != first.cells[column]:
                raise row.wrong(column, f"{first.cells[column]!r:.60} as in line {first.line}, the same checkpoint")
    counts = [_counts(row) for row in rows]
    return Score(
        checkpoint=name,
        family=(first.text(group) if group else None),
        order=first.positive(order) if order else None,
        passed=np.array([passed for passed, _ in counts], np.int64),
        trials=np.array([trials for _, trials in counts], np.int64),
        line=first.line,
    )


def _counts(row: Row) -> tuple[int, int]:
    if not set(_COUNTS) <= set(row.cells):  # the counts come from TASKS.jsonl
        return 0, 0
    attempts = row.whole("attempts", 1) if row.cells.get("attempts") else 1
    trials = row.whole("tasks", 1) * attempts
    if trials > LARGEST_NUMBER:
        raise row.wrong("tasks", f"at most {LARGEST_NUMBER // attempts} (tasks * attempts)")
    passed = row.whole("passed", 0)
    if passed > trials:
        raise row.wrong("passed", f"at most {trials} (tasks * attempts)")
    return passed, trials


def _with_outcomes(path: Path, file: Path, scores: Sequence[Score], *, has_counts: bool) -> list[Score]:
    """The scores with the counts of TASKS.jsonl, after the check that SCORES has the same ones, if it has any."""
    outcomes: Mapping[str, TaskOutcomes] = read_outcomes(file, [score.checkpoint for score in scores])
    found = []
    for score in scores:
        of_tasks = outcomes[score.checkpoint]
        sums = int(of_tasks.passed.sum()), int(of_tasks.trials.sum())
        if has_counts and (int(score.passed.sum()), int(score.trials.sum())) != sums:
            raise InputError(
                f"{path}, line {score.line}, passed: {score.checkpoint} has {score.passed.sum()} of "
                f"{score.trials.sum()} here, and {sums[0]} of {sums[1]} in {file}; correct one of the files"
            )
        found.append(replace(score, passed=of_tasks.seed_passed, trials=of_tasks.seed_trials, by_task=of_tasks))
    return found
