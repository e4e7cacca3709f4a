"""The plan and the analysis of the experiment `calibration`.

It reads two models alone: the last checkpoint of the family `recipe`, and random weights (the floor). It fixes the
level of the task, the steps of fine-tuning and the learning rate of all other experiments, by the rule of `choice`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lab.calibration.choice import HIGHEST, HIGHEST_FLOOR, LOWEST, Try, choice
from lab.calibration.settings import SETTINGS, Setting
from lab.experiment import Analysis, Experiment, Made, Piece
from lab.families.plan import FLOOR, SEEDS, Checkpoint
from lab.page import table
from lab.picture import Panel, Point, picture
from lab.readings import MissingReadingError, Readings

LAST = Checkpoint("recipe", 100.0).name


def pieces(fast: bool) -> list[Piece]:
    """Both models with every setting and seed."""
    return [
        Piece(name=name, part=setting.part(seed), make=partial(_make, name=name, setting=setting, seed=seed))
        for setting in (SETTINGS[:1] if fast else SETTINGS)
        for seed in (SEEDS[:1] if fast else SEEDS)
        for name in (LAST, FLOOR)
    ]


def _make(folder: Path, name: str, setting: Setting, seed: int) -> Made:
    from lab.calibration.reading import make  # it imports torch, which the analysis does not need

    return make(folder.parent.parent, name, setting, seed)


def analyse(readings: Readings, fast: bool) -> Analysis:
    """The shares of solved tasks, and the setting that the rule chooses."""
    tries = [_try(readings, setting, seeds) for setting, seeds in _made(readings, fast)]
    chosen = choice(tries)
    return Analysis(
        blocks={"shares": _table(readings, fast, chosen), "choice": _sentence(chosen)},
        data={"tries": [one._asdict() for one in tries], "choice": chosen and chosen._asdict()},
        picture=_picture(tries),
    )


def _made(readings: Readings, fast: bool) -> list[tuple[Setting, tuple[int, ...]]]:
    """The settings whose readings are all there, with their seeds. The fast form takes the seeds that are there.

    Raises:
        MissingReadingError: a reading is missing.
    """
    found = []
    for setting in SETTINGS[:1] if fast else SETTINGS:
        there = tuple(
            seed for seed in SEEDS if all(readings.part(name, setting.part(seed)) is not None for name in (LAST, FLOOR))
        )
        if not there or (not fast and there != SEEDS):
            raise MissingReadingError(
                f"{readings.folder}: seeds {', '.join(str(seed) for seed in SEEDS if seed not in there)} of "
                f"{setting.part(SEEDS[0])!r} and the like are missing; make them without --only-analysis"
            )
        found.append((setting, there))
    return found


def _values(readings: Readings, name: str, setting: Setting, seeds: Sequence[int]) -> list[Mapping[str, Any]]:
    return [readings.part(name, setting.part(seed)) for seed in seeds]


def _shares(values: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """(n seeds,) shares of solved tasks."""
    return np.array([value["greedy"].count("1") / len(value["greedy"]) for value in values])


def _try(readings: Readings, setting: Setting, seeds: Sequence[int]) -> Try:
    last, floor = (_values(readings, name, setting, seeds) for name in (LAST, FLOOR))
    loss = float(np.mean([value["held_out_loss"] for value in last]))
    return Try(*setting, last=float(_shares(last).mean()), floor=float(_shares(floor).mean()), last_loss=loss)


def _table(readings: Readings, fast: bool, chosen: Try | None) -> str:
    heads = ["level", "steps", "learning rate", LAST, "by seed", "random weights", "by seed", "fits", "chosen"]
    rows = []
    for setting, seeds in _made(readings, fast):
        one = _try(readings, setting, seeds)
        by_seed = [
            " ".join(f"{100 * share:.1f}" for share in _shares(_values(readings, name, setting, seeds)))
            for name in (LAST, FLOOR)
        ]
        rows.append([
            str(one.level), str(one.steps), f"{one.lr:g}", f"{100 * one.last:.1f} %", by_seed[0],
            f"{100 * one.floor:.1f} %", by_seed[1], "yes" if one.fits else "no", "yes" if one == chosen else "",
        ])  # fmt: skip
    return table(heads, rows, n_left=0)


def _sentence(chosen: Try | None) -> str:
    rule = (
        f"A setting fits if random weights solve at most {100 * HIGHEST_FLOOR:.0f} %, and the last checkpoint "
        f"{100 * LOWEST:.0f} to {100 * HIGHEST:.0f} %. Of those that fit, the rule takes level 1, else level 0 (the "
        "report names the row), else a harder level; then the most steps; then the smallest held-out loss."
    )
    if chosen is None:
        return f"{rule} **No setting fits.**"
    return f"{rule} **Chosen: level {chosen.level}, {chosen.steps} steps, learning rate {chosen.lr:g}.**"


def _picture(tries: Sequence[Try]) -> str:
    series = {
        name: [
            Point(100 * one.floor, 100 * one.last, name=f"level {one.level}, {one.steps}")
            for one in tries
            if one.lr == lr
        ]
        for lr, name in ((lr, f"learning rate {lr:g}") for lr in dict.fromkeys(one.lr for one in tries))
    }
    panel = Panel(
        title="Share of solved tasks after fine-tuning",
        x_label="random weights, %",
        y_label=f"{LAST}, %",
        series=series,
        zero=True,
    )
    return picture("The window of the task", [panel])


EXPERIMENT = Experiment(
    question="How long is fine-tuning, so that it shows what a model knew before?", pieces=pieces, analyse=analyse
)
