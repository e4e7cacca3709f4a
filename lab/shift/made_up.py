"""Made-up trainings in which the answer is known. Seeded.

Tokens have a smooth density of entropies, and some are true ties: they have ln n exactly, up to a small error.
"""

from __future__ import annotations

import math

import numpy as np

from lab.families.plan import PERCENTS
from lab.shift.choices import TEXTS
from lab.shift.from_readings import Training
from lab.shift.layout import COLUMNS_OF_CHOICES, POOL_ORDERS
from lab.shift.plan import LENGTHS, POOLS, TEMPERATURES
from lab.shift.windows import COLUMNS, counts
from lm_eval_hesnr.metrics.edges import WINDOW

WORLDS = {
    "shift": "ties of four become ties of three",
    "reversed": "ties of three become ties of four",
    "drift": "all entropies fall smoothly; there are no ties",
    "bumps": "as in a shift at temperature 1, but the tokens near ln n are no ties: they move with the temperature",
    "nothing": "ties of three and four, and nothing changes",
    "four moves": "a shift, and the generated choices among four move to ln 3, too",
    "not learned": "a shift, and the models do not learn the generated choices",
    "tails": "a shift; other candidates have a small probability, so that ties leave ln n upwards at T = 1.25",
}
D, TOKENS, TIES = 28, 2800, 80
"""Trajectories, tokens of each one, and ties of each one."""


def made_up(world: str, seed: int) -> Training:
    """A training of one of `WORLDS`."""
    random = np.random.default_rng([seed, list(WORLDS).index(world)])
    windows = {t: np.zeros((len(PERCENTS), D, len(COLUMNS))) for t in TEMPERATURES}
    for c in range(len(PERCENTS)):
        done = c / (len(PERCENTS) - 1)
        for d in range(D):
            for t in TEMPERATURES:
                windows[t][c, d] = counts(_entropies(world, done, t, random))
    return Training(
        name=f"{world} {seed}", percents=PERCENTS, windows=windows,
        choices=np.stack([_choices(world, steps, random) for steps in LENGTHS]),
    )  # fmt: skip


def _entropies(world: str, done: float, temperature: float, random: np.random.Generator) -> np.ndarray:
    """(n,) the entropies of a trajectory. `done` is how far training is, in [0, 1]."""
    mean = (0.9 - 0.3 * done if world == "drift" else 0.9) * temperature
    smooth = random.gamma(1.5, mean / 1.5, TOKENS)
    share = {"reversed": 0.8 - 0.6 * done, "nothing": 0.5, "drift": 0.5}.get(world, 0.2 + 0.6 * done)
    threes = 0 if world == "drift" else random.binomial(TIES, share)
    fours = 0 if world == "drift" else TIES - threes
    spread = 0.015
    ties = np.repeat(np.log([3, 4]), [threes, fours])
    if world == "bumps" and temperature != 1:
        ties = ties + random.uniform(-0.3, 0.3, len(ties))
    if world == "tails" and temperature > 1:
        ties = ties + random.uniform(0.06, 0.2, len(ties))
    return np.asarray(np.concatenate([smooth[smooth < math.log(10)], ties + spread * random.normal(size=len(ties))]))


def _choices(world: str, steps: int, random: np.random.Generator) -> np.ndarray:
    """(texts, len(COLUMNS_OF_CHOICES)): `TEXTS` texts of 8 choices from pools of each size."""
    error = 0.3 if world == "not learned" else 0.2 * 30 / steps
    rows = np.zeros((TEXTS, len(COLUMNS_OF_CHOICES)))
    for row in rows:
        found: list[float] = []
        for size in POOLS:
            true = math.log(3) if world == "four moves" and size == 4 and steps == LENGTHS[-1] else math.log(size)
            entropy = true + error * random.normal(size=8)
            near = [float((np.abs(entropy - math.log(n)) <= WINDOW).sum()) for n in POOL_ORDERS]
            found += [8.0, float(entropy.sum()), *near]
        row[:] = found
    return rows
