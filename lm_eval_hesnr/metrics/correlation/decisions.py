"""How often a measure orders two checkpoints as the outcome does, and what it costs to follow it.

All arguments x and y are (n,) float64 without missing values. Higher is better in both.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics.bootstrap import LEVEL, Interval


class Decisions(NamedTuple):
    """How often a measure orders two checkpoints as the outcome does."""

    accuracy: float
    """The share of pairs in the same order; a pair that is tied in x or y counts half."""
    interval: Interval | None
    """By the jackknife over checkpoints; None if it is not known."""
    pairs: int


def decisions(x: np.ndarray, y: np.ndarray) -> Decisions:
    """Decision accuracy over all pairs. Without ties, it is (tau + 1) / 2."""
    agreement = _agreement(x, y)
    value, _ = _accuracy(agreement)
    return Decisions(value, _jackknife(agreement, np.ones_like(agreement, bool)), len(x) * (len(x) - 1) // 2)


def resolvable(x: np.ndarray, y: np.ndarray, stderr: np.ndarray) -> Decisions | None:
    """Decision accuracy over the pairs whose outcomes differ by more than 1.96 standard errors of their difference.

    Args:
        x: the measure.
        y: the outcome.
        stderr: (n, n) standard error of the difference of y of each pair.

    Returns:
        None without such a pair.
    """
    agreement = _agreement(x, y)
    clear = np.abs(y[:, None] - y[None, :]) > stats.norm.ppf((1 + LEVEL) / 2) * stderr
    np.fill_diagonal(clear, False)
    n_pairs = int(clear.sum()) // 2
    if not n_pairs:
        return None
    value, _ = _accuracy(np.where(clear, agreement, np.nan))
    return Decisions(value, _jackknife(agreement, clear), n_pairs)


def _agreement(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(n, n): 1 for a pair in the same order, 0 in the opposite order, 0.5 for a tie; NaN on the diagonal."""
    signs = [np.sign(values[:, None] - values[None, :]) for values in (x, y)]
    agreement = (1 + signs[0] * signs[1]) / 2
    np.fill_diagonal(agreement, np.nan)
    return np.asarray(agreement)


def _accuracy(agreement: np.ndarray) -> tuple[float, int]:
    known = np.isfinite(agreement)
    return (float(agreement[known].mean()), int(known.sum())) if known.any() else (math.nan, 0)


def _jackknife(agreement: np.ndarray, chosen: np.ndarray) -> Interval | None:
    """The interval from leaving out each checkpoint, with Student's t of n - 1 degrees of freedom, in [0, 1]."""
    used = np.where(chosen, agreement, np.nan)
    n = len(used)
    without = np.array([_accuracy(np.delete(np.delete(used, i, 0), i, 1))[0] for i in range(n)])
    if not np.isfinite(without).all():
        return None
    value = _accuracy(used)[0]
    half = jackknife_stderr(without) * float(stats.t.ppf((1 + LEVEL) / 2, n - 1))
    return Interval(max(0.0, value - half), min(1.0, value + half))


def jackknife_stderr(without: np.ndarray) -> float:
    """The standard error of a statistic from its (n,) values, each without one of n parts."""
    return math.sqrt((len(without) - 1) * without.var())


def regret(x: np.ndarray, rate: np.ndarray) -> float:
    """The best outcome minus the outcome of the checkpoint with the largest x; their mean if several are largest."""
    return float(rate.max() - rate[x == x.max()].mean())
