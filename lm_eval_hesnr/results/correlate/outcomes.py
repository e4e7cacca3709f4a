"""The outcome of each task: TASKS.jsonl, one line per checkpoint, task, attempt and seed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import read_regular

_LARGEST_FILE = 2**26
"""Bytes. A line has about 100: 24 checkpoints with 500 tasks and 3 attempts need 4 MB."""
_LONGEST_LINE = 2**16
"""Bytes. A decoded line can take 30 times as much memory."""
_EXPECTED = '{"checkpoint": "...", "task": "...", "attempt": 1, "passed": true}'
_LONGEST_SHOWN = 60


@dataclass(frozen=True, slots=True)
class TaskOutcomes:
    """The outcomes of one checkpoint."""

    passed: np.ndarray
    """(T,) passed trials of each task. All checkpoints have the same tasks in the same order."""
    trials: np.ndarray
    """(T,)"""
    seed_passed: np.ndarray
    """(S,) passed trials of each seed."""
    seed_trials: np.ndarray
    """(S,)"""


@dataclass(slots=True)
class _Counter:
    """Counts of one checkpoint while the file is read."""

    tasks: dict[str, list[int]] = field(default_factory=dict)
    """Task to passed and trials."""
    seeds: dict[str, list[int]] = field(default_factory=dict)
    seen: set[tuple[str, str, str]] = field(default_factory=set)


def read_outcomes(path: Path, checkpoints: Sequence[str]) -> dict[str, TaskOutcomes]:
    """The outcomes of these checkpoints. Lines about other checkpoints are checked and not used.

    Raises:
        InputError: a line is wrong or there twice, or the checkpoints do not have the same tasks and trials.
    """
    try:
        content = read_regular(path, at_most=_LARGEST_FILE)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; give JSON lines {_EXPECTED}") from error
    counters: dict[str, _Counter] = {}
    for number, line in enumerate(content.splitlines(), start=1):
        if line.strip():
            _count(counters, _checked(path, number, line), f"{path}, line {number}")
    for name in checkpoints:
        if name not in counters:
            raise InputError(f"{path}: has no line about checkpoint {name!r:.60}, which SCORES has; add its outcomes")
    return _arrays(path, {name: counters[name] for name in checkpoints})


def _checked(path: Path, number: int, line: bytes) -> dict[str, Any]:
    place = f"{path}, line {number}"
    if len(line) > _LONGEST_LINE:
        raise InputError(f"{place}: has {len(line)} bytes; expected {_EXPECTED}")
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{place}: is not JSON; expected {_EXPECTED}") from error
    if not isinstance(found, dict):
        raise InputError(f"{place}: expected an object {_EXPECTED}, found {_shown(found)}")
    for key in ("checkpoint", "task"):
        if not isinstance(found.get(key), str) or not found[key].strip():
            raise InputError(f"{place}, {key}: expected a text, found {_shown(found.get(key))}")
    if not isinstance(found.get("passed"), bool):
        raise InputError(f"{place}, passed: expected true or false, found {_shown(found.get('passed'))}")
    for key in ("attempt", "seed"):
        if not isinstance(found.get(key, 1), (int, str)):
            raise InputError(f"{place}, {key}: expected a number or a text, found {_shown(found[key])}")
    return found


def _shown(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _count(counters: dict[str, _Counter], line: dict[str, Any], place: str) -> None:
    counter = counters.setdefault(line["checkpoint"].strip(), _Counter())
    key = (line["task"], str(line.get("attempt", 1)), str(line.get("seed", "")))
    if key in counter.seen:
        raise InputError(
            f"{place}, attempt: checkpoint {line['checkpoint']!r:.60}, task {line['task']!r:.60}, attempt {key[1]} is "
            "there twice; number the attempts, or remove one of the lines"
        )
    counter.seen.add(key)
    for counts in (counter.tasks.setdefault(key[0], [0, 0]), counter.seeds.setdefault(key[2], [0, 0])):
        counts[0] += line["passed"]
        counts[1] += 1


def _arrays(path: Path, counters: dict[str, _Counter]) -> dict[str, TaskOutcomes]:
    first, expected = next(iter(counters.items()))
    tasks = sorted(expected.tasks)
    for name, counter in counters.items():
        if missing := sorted(expected.tasks.keys() ^ counter.tasks.keys()):
            has = name if missing[0] in counter.tasks else first
            lacks = first if has == name else name
            raise InputError(
                f"{path}: task {missing[0]!r:.60} has outcomes of {has} and not of {lacks}; all checkpoints need the "
                "same tasks"
            )
        for task in tasks:
            trials = counter.tasks[task][1], expected.tasks[task][1]
            if trials[0] != trials[1]:
                raise InputError(
                    f"{path}: task {task!r:.60} has {trials[0]} attempts of {name} and {trials[1]} of {first}; all "
                    "checkpoints need the same number"
                )
    return {
        name: TaskOutcomes(
            *(np.array([counter.tasks[task][i] for task in tasks], np.int64) for i in range(2)),
            *(np.array([counts[i] for counts in counter.seeds.values()], np.int64) for i in range(2)),
        )
        for name, counter in counters.items()
    }
