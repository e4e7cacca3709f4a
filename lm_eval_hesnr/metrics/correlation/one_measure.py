"""How well one measure predicts an outcome over n checkpoints: coefficients and their intervals.

All arguments x and y are (n,) float64 without missing values. Higher is better in both. No function knows the order of
the checkpoints, so the rows can be permuted.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics.bootstrap import LEVEL, Interval

FEWEST_FOR_STATISTICS = 5
"""With fewer checkpoints, no statistic is computed."""


class Coefficient(NamedTuple):
    """A coefficient with its 95 % interval."""

    value: float
    interval: Interval | None


def is_constant(values: np.ndarray, rounding: float = 1e-12) -> bool:
    """Whether all values are equal to rounding, so that nothing can correlate with them.

    Args:
        values: (n,)
        rounding: the largest relative difference of equal values.
    """
    return bool(np.ptp(values) <= rounding * np.abs(values).max())


def pearson(x: np.ndarray, y: np.ndarray) -> Coefficient:
    """Pearson's r with Fisher's interval, tanh(atanh r -+ 1.96 / sqrt(n - 3)), for n of at least 4."""
    found = stats.pearsonr(x, y)
    return Coefficient(float(found.statistic), _interval(*found.confidence_interval(LEVEL)))


def spearman(x: np.ndarray, y: np.ndarray) -> Coefficient:
    """Spearman's rho with the interval of Bonett and Wright (Psychometrika 65, 2000).

    It is Fisher's interval with the standard error sqrt((1 + rho^2 / 2) / (n - 3)).
    """
    rho = float(stats.spearmanr(x, y).statistic)
    return Coefficient(rho, fisher_interval(rho, math.sqrt((1 + rho**2 / 2) / (len(x) - 3))))


def fisher_interval(r: float, stderr: float) -> Interval:
    """The 95 % interval of a coefficient: tanh(atanh r -+ 1.96 stderr).

    Args:
        r: in [-1, 1].
        stderr: the standard error of atanh r.
    """
    half = stats.norm.ppf((1 + LEVEL) / 2) * stderr
    with np.errstate(divide="ignore"):  # r is 1 or -1: both ends are r
        return Interval(float(np.tanh(np.arctanh(r) - half)), float(np.tanh(np.arctanh(r) + half)))


def _interval(low: float, high: float) -> Interval | None:
    return Interval(float(low), float(high)) if math.isfinite(low) and math.isfinite(high) else None


def kendall(x: np.ndarray, y: np.ndarray) -> float:
    """Kendall's tau-b."""
    return float(stats.kendalltau(x, y).statistic)
