"""The checkpoints of the laboratory: training runs, each one read at six points of its training."""

from __future__ import annotations

from typing import NamedTuple

FAMILIES = {
    "recipe": "the recipe of the packaged model, with initial weights that soon learn to copy",
    "code": "the same with more code",
    "sessions": "the same with more sessions",
    "high_lr": "the same with a high learning rate",
    "corrupted": "the same with some actions of sessions replaced by those of other sessions",
    "larger": "a larger model",
}
PERCENTS = (12.5, 25.0, 37.5, 50.0, 75.0, 100.0)
"""The points of training at which a checkpoint is taken, in percent of its steps."""
PLANNED = len(FAMILIES) * len(PERCENTS)
"""The checkpoints of the preregistered complete form."""

LOST = "larger"
"""The family that is no part of the analysis: its weights, and the tokenizer of all families, were lost before all of
its readings were made (docs/lab/predict.md). A model with another tokenizer cannot be compared with the others."""
SEEDS = (0, 1, 2)
"""Of fine-tuning."""

FAST_FAMILIES = ("recipe", "code", "sessions", "high_lr")
FAST_SEEDS = (0, 1)
"""The fast form has four families and two seeds."""

FLOOR = "floor"
"""The name of the file about random weights. It is a row of the table, and no part of the analysis."""

DATA = ("swe_mini", "micro_swe", "dialect")
"""The sets of trajectories that every checkpoint reads: the embedded runs, gold runs of the task, and the same in
another dialect."""
MAIN_DATA = "micro_swe"
"""The preregistered tests use the readings of these trajectories."""
GOLD_RUNS = 1000
"""How many gold runs `micro_swe` has, all of the level of the tasks."""


class Checkpoint(NamedTuple):
    """One row of the table."""

    family: str
    percent: float

    @property
    def name(self) -> str:
        """The name of its file of readings, such as `recipe-012.5`: the order of names is that of training."""
        return f"{self.family}-{self.percent:05.1f}"


LOST_BUT_READ = tuple(Checkpoint(LOST, percent) for percent in PERCENTS[:3])
"""Its checkpoints whose readings are complete."""


def checkpoints(*, fast: bool) -> list[Checkpoint]:
    """All checkpoints whose readings can be compared, or those of the fast form."""
    families = FAST_FAMILIES if fast else [family for family in FAMILIES if family != LOST]
    return [Checkpoint(family, percent) for family in families for percent in PERCENTS]


def seeds(*, fast: bool) -> tuple[int, ...]:
    """The seeds of fine-tuning that count."""
    return FAST_SEEDS if fast else SEEDS
