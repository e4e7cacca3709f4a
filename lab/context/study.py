"""The readings of the experiment as evidence: every extended checkpoint against the checkpoint as it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lab.context.layout import Window, keys_of, window_of
from lab.context.plan import AS_IT_IS, LONG, SHORT, Extension, extensions, names
from lab.context.verdicts import Evidence, Passed, Verdict, passed, relative, relative_parts, verdict
from lab.families.plan import FLOOR
from lab.readings import Readings
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.metrics.bootstrap import Difference
from lm_eval_hesnr.metrics.measures import measure

READING, OUTCOME = "reading", "outcome"
NEAR, FAR = "near", "far"
TASKS = (NEAR, FAR)


class Solved(NamedTuple):
    """What a model solves after fine-tuning, compared with the checkpoint as it is."""

    name: str
    passed: Mapping[str, Passed]
    """By `TASKS`."""
    losses: Mapping[str, np.ndarray]
    """By `TASKS`: (T, 3), for each task the loss of the right action of the checkpoint as it is and of this model,
    nats, and its tokens."""


class Point(NamedTuple):
    """One checkpoint, and what changed from the checkpoint as it is with its own window."""

    name: str
    extension: Extension | None
    windows: Mapping[int, Window]
    keys: np.ndarray
    """(D, len(layout.KEYS))"""
    solved: Solved
    changes: Mapping[int, Mapping[str, Difference | None]]
    """Window to relative changes: `ppl`, `topk_acc`, `calibrated`, and the parts of the change of HE-SNR, of which
    `total` is the whole."""

    def value(self, measure_name: str, window: int) -> float:
        """A measure over the actions of all trajectories."""
        return float(measure(measure_name, self.windows[window].totals.sum(axis=0)))

    def evidence(self, window: int = LONG) -> Evidence:
        """What the criteria are about, with the changes of one window."""
        found = self.changes[window]
        outcomes = list(self.solved.passed.values()) if self.extension else []
        return Evidence(found["ppl"], found["total"], found["within"], found["calibrated"], outcomes)

    def verdict(self, window: int = LONG) -> Verdict:
        """The verdict, with the changes of one window."""
        return verdict(self.evidence(window))


def points(readings: Readings, *, fast: bool) -> list[Point]:
    """All checkpoints, the one as it is first.

    Raises:
        InputError: a reading is missing, or two readings cannot be compared.
    """
    found = {name: (readings.needed(name, READING), readings.needed(name, OUTCOME)) for name in names(fast=fast)}
    _check_same(readings, [reading for reading, _ in found.values()], ("documents_sha256", "epsilon", "columns"))
    _check_same(readings, [outcome for _, outcome in found.values()], ("settings", "tasks_sha256", "examples_sha256"))
    _check_same(readings, [readings.about(name) or {} for name in found], ("base",))
    before_reading, before_outcome = found[AS_IT_IS]
    before = window_of(before_reading, SHORT)
    by_name = {AS_IT_IS: None, **{one.name: one for one in extensions(fast=fast)}}
    return [
        Point(
            name,
            by_name[name],
            windows := {window: window_of(reading, window) for window in (SHORT, LONG)},
            keys_of(reading),
            _solved(name, before_outcome, outcome),
            {window: _changes(before, windows[window]) for window in windows},
        )
        for name, (reading, outcome) in found.items()
    ]


def floor_of(readings: Readings) -> Solved:
    """What random weights solve.

    Raises:
        InputError: a reading is missing, or has other tasks.
    """
    before, floor = (readings.needed(name, OUTCOME) for name in (AS_IT_IS, FLOOR))
    _check_same(readings, [before, floor], ("settings", "tasks_sha256", "examples_sha256"))
    return _solved(FLOOR, before, floor)


def _solved(name: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Solved:
    return Solved(
        name,
        {kind: passed(_digits(before[kind]), _digits(after[kind])) for kind in TASKS},
        {kind: _losses(before[f"{kind}_loss"], after[f"{kind}_loss"]) for kind in TASKS},
    )


def spikes(found: Sequence[Point]) -> dict[str, Point]:
    """Scaling to its checkpoint with the highest perplexity in the long window."""
    by_scaling: dict[str, list[Point]] = {}
    for point in found:
        if point.extension:
            by_scaling.setdefault(point.extension.scaling, []).append(point)
    return {scaling: max(some, key=lambda one: one.value("ppl", LONG)) for scaling, some in by_scaling.items()}


def _changes(before: Window, after: Window) -> Mapping[str, Difference | None]:
    some = {name: relative(name, before.totals, after.totals) for name in ("ppl", "topk_acc")}
    return {**some, "calibrated": after.calibrated_change, **relative_parts(after.parts)}


def _digits(text: str) -> list[int]:
    return [int(one) for one in text]


def _losses(before: str, after: str) -> np.ndarray:
    """From two texts such as `3.412/12 0.6/7`: of each task the loss, and the number of its tokens."""
    pairs = [[one.split("/") for one in text.split(" ")] for text in (before, after)]
    return np.array([[float(a), float(b), float(n)] for (a, n), (b, _) in zip(*pairs, strict=True)])


def _check_same(readings: Readings, values: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> None:
    """Raise InputError if the values of a key differ."""
    for key in keys:
        if any(one[key] != values[0][key] for one in values):
            raise InputError(
                f"{readings.folder}: the readings have different {key}, so they cannot be compared; remove those of "
                "one kind, and make them again"
            )
