"""The study of the experiment, from its readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lab.families.plan import FLOOR, MAIN_DATA, Checkpoint, checkpoints, seeds
from lab.predict.layout import COUNTS, MAIN_COUNT, check_outcome, totals_of
from lab.predict.study import CALIBRATED, HE_SNR, PPL, RIVALS, Study
from lab.readings import Readings
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.compare.compared_run import ComparedRun
from lm_eval_hesnr.results.correlate.outcomes import TaskOutcomes
from lm_eval_hesnr.results.correlate.points import Points, Predictor, Spec
from lm_eval_hesnr.results.correlate.scores import Score

DRAWS = 1234
"""The seed of all draws, as in `hesnr correlate`."""


def study_of(
    readings: Readings,
    *,
    fast: bool = False,
    data: str = MAIN_DATA,
    count: str = MAIN_COUNT,
    without: Sequence[str] = (),
    others: Sequence[Checkpoint] = (),
) -> Study:
    """The study of all checkpoints.

    Args:
        readings: of the experiment.
        fast: only the checkpoints and seeds of the fast form.
        data: which trajectories the measures are over.
        count: how passed trials are counted, one of `COUNTS`.
        without: families that are left out.
        others: checkpoints that are added.

    Raises:
        InputError: a reading is missing, or two checkpoints cannot be compared.
    """
    rows = [*(one for one in checkpoints(fast=fast) if one.family not in without), *others]
    before = {one: readings.needed(one.name, f"reading/{data}") for one in rows}
    after = {one: [readings.needed(one.name, f"outcome/{seed}") for seed in seeds(fast=fast)] for one in rows}
    _check_same(readings, after)
    points = Points([(_score(one, after[one], count), _run(readings, one, before[one])) for one in rows], DRAWS)
    points.check(["action", "all"])
    he_snr, ppl, *rivals = points.predictors([Spec.parse(label, "PREREG") for label in (HE_SNR, PPL, *RIVALS)])
    by_name = {one.name: before[one]["calibrated_he_snr"] for one in rows}
    values = np.array([np.nan if by_name[name] is None else by_name[name] for name in points.names])
    calibrated = Predictor(label=CALIBRATED, values=values, x=values)
    return Study(points=points, he_snr=he_snr, ppl=ppl, rivals=rivals, calibrated=calibrated)


def floor_of(readings: Readings, *, fast: bool = False) -> Score | None:
    """The outcome of random weights. It is no part of the study. None if an outcome is not there yet.

    Raises:
        InputError: it has other tasks or settings than the checkpoints.
    """
    found = [readings.part(FLOOR, f"outcome/{seed}") for seed in seeds(fast=fast)]
    if any(outcome is None for outcome in found):
        return None
    first = checkpoints(fast=fast)[0].name
    expected = readings.needed(first, f"outcome/{seeds(fast=fast)[0]}")
    _check_outcomes(found, expected, readings.folder / f"{FLOOR}.json")
    return replace(_score(Checkpoint(FLOOR, 0.0), found, MAIN_COUNT), checkpoint=FLOOR)


def _check_same(readings: Readings, after: Mapping[Checkpoint, Sequence[Mapping[str, Any]]]) -> None:
    """Check that all checkpoints have the same tasks and settings, and those of a family one training.

    At each point of training, all of them saw as many tokens.
    """
    tokens: dict[float | str, Any] = {}
    trainings: dict[float | str, Any] = {}
    first = next(iter(after.values()))[0]
    for one, outcomes in after.items():
        place = readings.folder / f"{one.name}.json"
        about = readings.about(one.name) or {}
        for key, seen, of in (("tokens", tokens, one.percent), ("training_sha256", trainings, one.family)):
            expected = seen.setdefault(of, about.get(key))
            if about.get(key) is None or about[key] != expected:
                raise InputError(
                    f"{place}: about, {key}: expected {expected} as in other files of {of}, found {about.get(key)}"
                )
        _check_outcomes(outcomes, first, place)


def _check_outcomes(outcomes: Sequence[Mapping[str, Any]], first: Mapping[str, Any], place: Path) -> None:
    for outcome in outcomes:
        check_outcome(outcome, str(place))
        for key in ("tasks_sha256", "settings"):
            if outcome[key] != first[key]:
                raise InputError(f"{place}: {key} of an outcome differs from that of other checkpoints; make it again")


def _score(one: Checkpoint, outcomes: Sequence[Mapping[str, Any]], count: str) -> Score:
    counted = [COUNTS[count](outcome) for outcome in outcomes]
    passed, trials = np.stack([of_task for of_task, _ in counted]), counted[0][1]  # (S, T)
    n_seeds, n_tasks = passed.shape
    by_seed, of_seed = passed.sum(axis=1), np.full(n_seeds, n_tasks * trials)
    return Score(
        checkpoint=one.name,
        family=one.family,
        order=one.percent,
        passed=by_seed,
        trials=of_seed,
        by_task=TaskOutcomes(passed.sum(axis=0), np.full(n_tasks, n_seeds * trials), by_seed, of_seed),
    )


def _run(readings: Readings, one: Checkpoint, reading: Mapping[str, Any]) -> ComparedRun:
    names = [f"{reading['documents_sha256'][:16]} {i}" for i in range(len(reading["totals"]["action"]))]
    return ComparedRun(
        name=one.name,
        source=Path(readings.folder / f"{one.name}.json"),
        signature=reading["signature"],
        ids=names,
        digests=names,
        totals=totals_of(reading),
        thresholds=dict.fromkeys(reading["totals"], reading["epsilon"]),
    )
