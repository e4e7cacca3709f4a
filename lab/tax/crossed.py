"""The intervals of differences over units and seeds: both are samples, and every seed has the same units.

Units are tasks, or groups of trajectories. The model is d[s, u] = mean + seed s + unit u + rest. The variance of the
mean is estimated from the mean squares of the two-way analysis of variance, and Student's t has the degrees of freedom
of Satterthwaite (An Approximate Distribution of Estimates of Variance Components, 1946).

Three seeds have two degrees of freedom, too few for an interval. So the rows of a table share one variance of seeds,
the mean over the rows; a negative one counts as 0. The rows are not independent, because they mostly have the same
reference. So R rows of three seeds count as 2 R / (1 + (R - 1) / 4) degrees of freedom, as for a correlation of 1/2.

A statistic that is no mean has one pseudo-value per group: n times the value minus n - 1 times the value without the
group (the jackknife).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics.bootstrap import LEVEL, Difference, Interval

CORRELATION = 0.5
"""Of the differences of two rows, if both have the same reference."""


class Measured(NamedTuple):
    """A number of one model, with the values that its interval is computed from."""

    value: float
    """The mean over the seeds."""
    cells: np.ndarray
    """(S, U): by seed and unit. Their mean is `value`, except for the bias that the jackknife removes."""

    def minus(self, other: Measured) -> Measured:
        """The paired difference. One of both may have a single seed."""
        return Measured(self.value - other.value, self.cells - other.cells)

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


def intervals(rows: Sequence[Measured]) -> list[Difference | None]:
    """For each difference its 95 % interval and two-sided p-value; None if it is not a finite number.

    Args:
        rows: differences with the same seeds and units.
    """
    known = [row for row in rows if math.isfinite(row.value) and np.isfinite(row.cells).all()]
    seeds = _of_seeds([_mean_squares(row.cells) for row in known])
    return [_interval(row, seeds) if any(row is one for one in known) else None for row in rows]


class _MeanSquares(NamedTuple):
    """Of one row, or of the seeds of several rows."""

    of_units: float
    of_seeds: float
    rest: float


def _mean_squares(cells: np.ndarray) -> _MeanSquares:
    """Of (S, U) cells. Those of a single seed are 0 for seeds and rest."""
    n_seeds, n_units = cells.shape
    of_units = float(n_seeds * cells.mean(axis=0).var(ddof=1))
    if n_seeds == 1:
        return _MeanSquares(of_units, 0.0, 0.0)
    rest = cells - cells.mean(axis=0) - cells.mean(axis=1, keepdims=True) + cells.mean()
    return _MeanSquares(
        of_units,
        float(n_units * cells.mean(axis=1).var(ddof=1)),
        float((rest**2).sum() / ((n_seeds - 1) * (n_units - 1))),
    )


class _Seeds(NamedTuple):
    """What the seeds add to the mean square of every row, and its share of Satterthwaite's denominator."""

    added: float
    rows: int
    of_seeds: float


def _of_seeds(rows: Sequence[_MeanSquares]) -> _Seeds:
    if not rows:
        return _Seeds(0.0, 0, 0.0)
    of_seeds, rest = (float(np.mean([row[i] for row in rows])) for i in (1, 2))
    return _Seeds(max(0.0, of_seeds - rest), len(rows), of_seeds)


def _interval(row: Measured, seeds: _Seeds) -> Difference:
    n_seeds, n_units = row.cells.shape
    of_units = _mean_squares(row.cells).of_units
    total = of_units + seeds.added
    if total == 0:
        return Difference(row.value, Interval(row.value, row.value), 1.0 if row.value == 0 else 0.0)
    denominator = of_units**2 / (n_units - 1)
    if seeds.added > 0:
        independent = seeds.rows / (1 + (seeds.rows - 1) * CORRELATION**2)
        denominator += seeds.of_seeds**2 / ((n_seeds - 1) * independent)
    freedom, stderr = total**2 / denominator, math.sqrt(total / row.cells.size)
    half = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * stderr
    p_value = float(2 * stats.t.sf(abs(row.value) / stderr, freedom))
    return Difference(row.value, Interval(row.value - half, row.value + half), p_value)
