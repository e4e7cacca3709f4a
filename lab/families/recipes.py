"""The six training runs, which differ in one thing each from the first one, and repeats of the first one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from assets_src.tiny_swe_lm.model import Size
from assets_src.tiny_swe_lm.train import Schedule, Stage
from lab.families.plan import PERCENTS, Checkpoint

N_STEPS = 1800
BATCH_TOKENS = 4096
WINDOW = 512
"""Tokens in one row, and context length of the checkpoints."""
SIZE = Size(start_copying=True)
SHARES = {"code": 0.5, "languages": 0.15, "sessions": 0.35}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What is trained, on what, and how fast."""

    shares: dict[str, float] = field(default_factory=lambda: dict(SHARES))
    """Expected share of the rows, by stream."""
    peak_lr: float = 3e-3
    size: Size = SIZE


RECIPES = {
    "recipe": Recipe(),
    "code": Recipe(shares={"code": 0.8, "languages": 0.15, "sessions": 0.05}),
    "sessions": Recipe(shares={"code": 0.2, "languages": 0.05, "sessions": 0.75}),
    "high_lr": Recipe(peak_lr=6e-3),
    "corrupted": Recipe(shares={"code": 0.5, "languages": 0.15, "corrupted": 0.35}),
    "larger": Recipe(size=replace(SIZE, hidden=384, layers=6, heads=6, mlp=1024)),
    "recipe_seed1": Recipe(),
    "recipe_seed2": Recipe(),
}
REPEATS = {"recipe_seed1": 1, "recipe_seed2": 2}
"""Runs of the first recipe with another seed of initial weights and of the order of the data. The corpus is the same.
They are no families of the experiment `predict`."""


def stage(family: str, n_steps: int = N_STEPS) -> Stage:
    """The one stage of a family: linear warm-up, then a cosine to a thirtieth of the highest learning rate.

    Args:
        family: a key of `RECIPES`.
        n_steps: of the whole training.
    """
    recipe = RECIPES[family]
    return Stage(
        name=family,
        parent=None,
        first_step=0,
        last_step=n_steps,
        window=WINDOW,
        shares=recipe.shares,
        schedule=Schedule(
            first_step=0, last_step=n_steps, warmup_steps=n_steps // 12, peak=recipe.peak_lr, end=recipe.peak_lr / 30
        ),
        members={round(n_steps * percent / 100): Checkpoint(family, percent).name for percent in PERCENTS},
    )
