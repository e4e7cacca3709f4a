"""The interval of a mean over units and seeds: both are samples, and every seed has the same units.

Units are tasks, or groups of trajectories. The model is d[s, u] = mean + seed s + unit u + rest. The variance of the
mean is estimated from the mean squares of the two-way analysis of variance, and Student's t has the degrees of freedom
of Satterthwaite (An Approximate Distribution of Estimates of Variance Components, 1946). A negative component counts
as 0. A statistic that is no mean has one pseudo-value per group: n times the value minus n - 1 times the value without
the group (the jackknife).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics.bootstrap import LEVEL, Difference, Interval


class Measured(NamedTuple):
    """A number of one model, with the values that its interval is computed from."""

    value: float
    """The mean over the seeds."""
    cells: np.ndarray
    """(S, U): by seed and unit. Their mean is `value`, except for the bias that the jackknife removes."""

    def minus(self, other: Measured) -> Difference | None:
        """The paired difference; None if it is not defined."""
        return of_cells(self.value - other.value, self.cells - other.cells)

    def mixed(self, other: Measured, share: float) -> Measured:
        """(1 - share) of this and `share` of the other one."""
        value, cells = self.value, self.cells
        return Measured(value + share * (other.value - value), cells + share * (other.cells - cells))


def of_units(cells: np.ndarray) -> Measured:
    """The mean of (S, U) values."""
    return Measured(float(cells.mean()), cells)


def of_groups(values: np.ndarray, without: np.ndarray) -> Measured:
    """A statistic of each seed.

    Args:
        values: (S,) over all groups.
        without: (S, G) the same without each group.
    """
    n_groups = without.shape[1]
    return Measured(float(values.mean()), n_groups * values[:, None] - (n_groups - 1) * without)


def of_cells(value: float, cells: np.ndarray) -> Difference | None:
    """A difference with its 95 % interval and two-sided p-value, from (S, U) differences; None if one is missing."""
    if not (math.isfinite(value) and np.isfinite(cells).all()):
        return None
    variance, freedom = _variance_of_mean(cells)
    stderr = math.sqrt(variance)
    if stderr == 0:
        return Difference(value, Interval(value, value), 1.0 if value == 0 else 0.0)
    half = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * stderr
    return Difference(value, Interval(value - half, value + half), float(2 * stats.t.sf(abs(value) / stderr, freedom)))


def _variance_of_mean(cells: np.ndarray) -> tuple[float, float]:
    """Of the mean of (S, U) cells, and its degrees of freedom."""
    n_seeds, n_units = cells.shape
    of_unit = n_seeds * cells.mean(axis=0).var(ddof=1)
    if n_seeds == 1:
        return float(of_unit / n_units), n_units - 1
    of_seed = n_units * cells.mean(axis=1).var(ddof=1)
    rest = cells - cells.mean(axis=0) - cells.mean(axis=1, keepdims=True) + cells.mean()
    of_rest = (rest**2).sum() / ((n_seeds - 1) * (n_units - 1))
    parts = [(of_unit, n_units - 1)]
    if of_seed > of_rest:
        parts += [(of_seed, n_seeds - 1), (-of_rest, (n_seeds - 1) * (n_units - 1))]
    total = sum(mean_square for mean_square, _ in parts)
    if total <= 0:
        return 0.0, n_units - 1
    freedom = total**2 / sum(mean_square**2 / of for mean_square, of in parts)
    return float(total / cells.size), float(freedom)
