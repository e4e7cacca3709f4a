"""The power of a planned comparison of two measures, by simulation.

The world of the simulation: over all checkpoints, a measure a, its rival b and the true ability y (a logit) are jointly
normal with given correlations. A share of the variance is between training runs, the rest within them. The ability has
a given mean and standard deviation, and the observed outcome is a binomial count of tasks * attempts. The power is the
share of simulated studies in which the test of `hesnr correlate` finds that a is better, at 0.05, two-sided.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics.bootstrap import LEVEL
from lm_eval_hesnr.metrics.correlation.outcome import logit
from lm_eval_hesnr.metrics.correlation.two_measures import correlation, jackknife_errors, limits, williams

STUDIES = 4000
"""Simulated studies for one power. Its standard error is at most 0.008."""
_LEAST_EIGENVALUE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is assumed about the measures and the outcome."""

    candidate: float
    """Correlation of the measure with the true ability."""
    rival: float
    """Correlation of its rival with the true ability."""
    between: float
    """Correlation of the two measures."""
    mean: float
    """Mean of the true ability, a logit."""
    sd: float
    """Standard deviation of the true ability over the checkpoints, in logits."""
    share_between_families: float
    """The share of all variances that is between training runs, in [0, 1]."""

    @property
    def correlations(self) -> np.ndarray:
        """(3, 3): of the measure, its rival, and the true ability."""
        return np.array([
            [1, self.between, self.candidate], [self.between, 1, self.rival], [self.candidate, self.rival, 1],
        ])  # fmt: skip

    @property
    def is_possible(self) -> bool:
        """Whether three variables can have these correlations."""
        return bool(np.linalg.eigvalsh(self.correlations).min() > _LEAST_EIGENVALUE)

    @property
    def possible_between(self) -> str:
        """Which correlations of the two measures are possible, in words."""
        middle = self.candidate * self.rival
        half = math.sqrt((1 - self.candidate**2) * (1 - self.rival**2))
        return f"give one above {middle - half:.3f} and below {middle + half:.3f}"


def logit_range(low: float, high: float) -> tuple[float, float]:
    """Mean and standard deviation of normal logits of which 95 % are between those of two pass rates."""
    ends = [math.log(rate / (1 - rate)) for rate in (low, high)]
    return sum(ends) / 2, (ends[1] - ends[0]) / 2 / float(stats.norm.ppf((1 + LEVEL) / 2))


def power(world: World, families: int, per_family: int, trials: int | None, seed: int) -> float:
    """The power of the test with so many checkpoints.

    With one checkpoint per family, the test is that of Williams. With more, it is the jackknife over families.

    Args:
        world: the assumptions; they must be possible.
        families: number of training runs.
        per_family: checkpoints of each one.
        trials: tasks times attempts; None for an outcome without noise.
        seed: of the simulation.
    """
    a, b, y = _studies(world, families, per_family, trials, np.random.default_rng([seed, families, per_family]))
    if per_family == 1:
        a, b, y = (values[..., 0] for values in (a, b, y))
        t, p = williams(correlation(a, y), correlation(b, y), correlation(a, b), families)
        return float(((p < 1 - LEVEL) & (t > 0)).mean())
    return float(jackknife_finds(a, b, y).mean())


def _studies(
    world: World, families: int, per_family: int, trials: int | None, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three arrays (STUDIES, families, per_family): the measure, its rival, and the observed outcome."""
    root = np.linalg.cholesky(world.correlations)
    share = world.share_between_families if per_family > 1 else 0.0
    runs = rng.normal(size=(STUDIES, families, 1, 3)) * math.sqrt(share)
    within = rng.normal(size=(STUDIES, families, per_family, 3)) * math.sqrt(1 - share)
    a, b, ability = np.moveaxis((runs + within) @ root.T, -1, 0)
    outcome = world.mean + world.sd * ability
    if trials is not None:
        outcome = logit(rng.binomial(trials, 1 / (1 + np.exp(-outcome))), np.array(trials))
    return a, b, outcome


def jackknife_finds(a: np.ndarray, b: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(STUDIES,) bool: whether the jackknife over families finds a difference above 0, as `family_jackknife` does."""
    columns = (np.ones_like(a), a, b, y, a * a, b * b, y * y, a * y, b * y)
    moments = np.stack([column.sum(axis=2) for column in columns])  # (9, STUDIES, families)
    whole = moments.sum(axis=2)
    z_a, z_b = _zs(whole)
    without_a, without_b = _zs(whole[..., None] - moments)
    of_a, of_b, c = jackknife_errors(without_a - z_a[..., None], without_b - z_b[..., None])
    t = stats.t.ppf((1 + LEVEL) / 2, a.shape[1] - 1)
    return limits(z_a, z_b, t * of_a, t * of_b, c)[0] > 0


def _zs(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Atanh r(a, y) and atanh r(b, y), each (...,), from (9, ...) sums of 1, a, b, y, their squares, a y and b y."""
    n, a, b, y, aa, bb, yy, ay, by = moments

    def _z(x: np.ndarray, xx: np.ndarray, xy: np.ndarray) -> np.ndarray:
        r = (xy - x * y / n) / np.sqrt((xx - x * x / n) * (yy - y * y / n))
        return np.asarray(np.arctanh(np.clip(r, -1 + 1e-12, 1 - 1e-12)))

    return _z(a, aa, ay), _z(b, bb, by)


def outcome_reliability(world: World, trials: int) -> float:
    """The share of the variance of the observed outcome that is not noise of its tasks and attempts."""
    rng = np.random.default_rng(0)
    ability = world.mean + world.sd * rng.normal(size=100_000)
    rate = 1 / (1 + np.exp(-ability))
    noise = float(np.mean(1 / (trials * rate * (1 - rate))))
    return world.sd**2 / (world.sd**2 + noise)
