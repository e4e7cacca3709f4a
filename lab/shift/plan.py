"""Which checkpoints, temperatures and lengths of fine-tuning the experiment has."""

from __future__ import annotations

from lab.families.plan import PERCENTS, Checkpoint

RUNS = ("recipe", "recipe_seed1", "recipe_seed2")
"""Three trainings that differ only in their seed."""
FAST_RUNS = ("recipe",)

TEMPERATURES = (0.8, 1.0, 1.25)
"""Logits are divided by these."""
DECIDING = (0.8, 1.0)
"""The criteria use these. A tie of n candidates with a few other ones of small probability stays near ln n at T < 1. At
T = 1.25 the other ones gain, and the entropy leaves ln n upwards."""

POOLS = (2, 3, 4, 10)
"""Numbers of equally likely names in the generated choices."""
LENGTHS = (30, 60, 120, 240)
"""Steps of fine-tuning on generated choices."""


def runs(*, fast: bool) -> tuple[str, ...]:
    """The trainings of a form."""
    return FAST_RUNS if fast else RUNS


def names(run: str) -> list[str]:
    """The checkpoints of a training, in the order of training."""
    return [Checkpoint(run, percent).name for percent in PERCENTS]


def choices_part(steps: int) -> str:
    """The name of the part about generated choices, in the file of the last checkpoint of a training."""
    return f"choices/{steps}"
