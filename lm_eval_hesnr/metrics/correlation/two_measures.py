"""Two measures a and b that predict the same outcome y over n checkpoints: which one correlates better with it?

`williams` and `zou_interval` take the checkpoints as independent. Checkpoints of one training run are not: if their
deviations from the trend add up like a random walk, Williams' test rejects a true null hypothesis in 35 to 45 % of
cases instead of 5 %. `family_jackknife` leaves out one training run at a time and keeps its level there
(docs/correlate.md has the simulation).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats  # type: ignore[import-untyped]
from scipy.optimize import brentq  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics.bootstrap import LEVEL, Interval

FEWEST_FOR_DIFFERENCES = 8
"""With fewer checkpoints, no two measures are compared."""
FEWEST_FAMILIES = 4
"""With fewer training runs, nothing is said about the difference of two measures."""
_SAME = 1 - 1e-9
_LARGEST_T = 1e4


class Contrast(NamedTuple):
    """A difference of correlations, r(a, y) - r(b, y), with its test."""

    difference: float
    interval: Interval
    """95 %."""
    p_value: float
    """Two-sided."""


def correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(...,): Pearson's r along the last axis; NaN if one of the rows is constant."""
    a = a - a.mean(axis=-1, keepdims=True)
    b = b - b.mean(axis=-1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        r = (a * b).sum(axis=-1) / np.sqrt((a * a).sum(axis=-1) * (b * b).sum(axis=-1))
    return np.asarray(np.clip(r, -1, 1))


def are_same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two measures are the same predictor: one is a linear function of the other, to rounding."""
    return bool(abs(correlation(a, b)) > _SAME)


def williams(r_ay: np.ndarray | float, r_by: np.ndarray | float, r_ab: np.ndarray | float, n: int) -> np.ndarray:
    """(2, ...): Williams' t and its two-sided p-value for H0: r(a, y) = r(b, y), with n - 3 degrees of freedom.

    E. J. Williams, The comparison of regression variables (Journal of the Royal Statistical Society B 21, 1959), in the
    form that J. H. Steiger recommends (Psychological Bulletin 87, 1980). R's `psych::r.test` gives the same numbers.
    """
    r_ay, r_by, r_ab = np.asarray(r_ay, float), np.asarray(r_by, float), np.asarray(r_ab, float)
    determinant = 1 - r_ay**2 - r_by**2 - r_ab**2 + 2 * r_ay * r_by * r_ab
    mean = (r_ay + r_by) / 2
    below = 2 * (n - 1) / (n - 3) * determinant + mean**2 * (1 - r_ab) ** 3
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (r_ay - r_by) * np.sqrt((n - 1) * (1 + r_ab) / below)
    return np.stack([t, 2 * stats.t.sf(np.abs(t), n - 3)])


def zou_interval(r_ay: float, r_by: float, r_ab: float, n: int) -> Interval:
    """The 95 % interval of r(a, y) - r(b, y).

    G. Y. Zou, Toward using confidence intervals to compare correlations (Psychological Methods 12, 2007): overlapping
    correlations. It combines the two Fisher intervals with the correlation of the two coefficients.
    """
    rest = (1 - r_ay**2) * (1 - r_by**2)
    together = (r_ab - r_ay * r_by / 2) * (1 - r_ay**2 - r_by**2 - r_ab**2) + r_ab**3
    half = np.float64(stats.norm.ppf((1 + LEVEL) / 2) / math.sqrt(n - 3))
    with np.errstate(divide="ignore"):
        z_a, z_b = np.arctanh([r_ay, r_by])
    low, high = limits(z_a, z_b, half, half, np.float64(together / rest if rest > 0 else 0.0))
    return Interval(float(low), float(high))


def limits(
    z_a: np.ndarray, z_b: np.ndarray, half_a: np.ndarray, half_b: np.ndarray, c: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Both ends of Zou's interval of r(a, y) - r(b, y), each (...,).

    Args:
        z_a: (...,) atanh of r(a, y).
        z_b: (...,) atanh of r(b, y).
        half_a: (...,) half of the width of the interval of the first one.
        half_b: (...,) the same of the second one.
        c: (...,) correlation of the two estimates.
    """
    r_a, low_a, high_a = (np.tanh(z_a + sign * half_a) for sign in (0, -1, 1))
    r_b, low_b, high_b = (np.tanh(z_b + sign * half_b) for sign in (0, -1, 1))

    def _distance(of_a: np.ndarray, of_b: np.ndarray) -> np.ndarray:
        return np.asarray(np.sqrt(np.maximum(0.0, of_a**2 + of_b**2 - 2 * c * of_a * of_b)))

    return r_a - r_b - _distance(r_a - low_a, high_b - r_b), r_a - r_b + _distance(high_a - r_a, r_b - low_b)


def independent(a: np.ndarray, b: np.ndarray, y: np.ndarray) -> Contrast | None:
    """Williams' test and Zou's interval over (n,) independent checkpoints; None if it is not defined."""
    r_ay, r_by, r_ab = (float(correlation(*pair)) for pair in ((a, y), (b, y), (a, b)))
    p_value = float(williams(r_ay, r_by, r_ab, len(y))[1])
    if not math.isfinite(p_value):
        return None
    return Contrast(r_ay - r_by, zou_interval(r_ay, r_by, r_ab, len(y)), p_value)


def family_jackknife(a: np.ndarray, b: np.ndarray, y: np.ndarray, families: Sequence[str]) -> Contrast | None:
    """The same difference, with the uncertainty from leaving out each of F training runs as a whole.

    It is Zou's interval with standard errors, and a correlation of the two coefficients, by the jackknife over training
    runs, and with Student's t of F - 1 degrees of freedom. The p-value inverts the interval. None if it is not defined.
    """
    of = np.array(families)
    kept = np.stack([np.ones(len(of), bool), *(of != name for name in sorted(set(families)))])
    with np.errstate(divide="ignore", invalid="ignore"):
        z_a, z_b = (np.array([np.arctanh(float(correlation(x[rows], y[rows]))) for rows in kept]) for x in (a, b))
        errors = jackknife_errors(z_a[1:] - z_a[0], z_b[1:] - z_b[0])
    if not np.isfinite([z_a[0], z_b[0], *errors]).all():
        return None
    freedom = len(kept) - 2

    def _limits(t: float) -> tuple[float, float]:
        low, high = limits(z_a[0], z_b[0], t * errors[0], t * errors[1], errors[2])
        return float(low), float(high)

    t_level = float(stats.t.ppf((1 + LEVEL) / 2, freedom))
    nearest = 0 if z_a[0] > z_b[0] else 1  # the end of the interval that could be beyond 0
    t = _crossing(lambda t: _limits(t)[nearest], t_level)
    interval = Interval(*_limits(t_level))
    return Contrast(math.tanh(z_a[0]) - math.tanh(z_b[0]), interval, float(2 * stats.t.sf(t, freedom)))


def _crossing(end: Callable[[float], float], t_level: float) -> float:
    """The t at which an end of the interval is 0: above `t_level` exactly if the interval at that t excludes 0."""
    sign = end(0.0)
    if sign == 0:
        return 0.0
    if end(t_level) * sign <= 0:
        return float(brentq(end, 0.0, t_level))
    return float(brentq(end, t_level, _LARGEST_T)) if end(_LARGEST_T) * sign < 0 else _LARGEST_T


def jackknife_errors(of_a: np.ndarray, of_b: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both standard errors and the correlation of two statistics, each (...,), by the jackknife.

    Deviations are those from the statistic of the whole. They are a little larger than those from their own mean.

    Args:
        of_a: (..., F) the first statistic without each of F parts, minus that of the whole.
        of_b: (..., F) the same of the second statistic.
    """
    parts = of_a.shape[-1]
    aa, bb, ab = ((parts - 1) / parts * (x * y).sum(axis=-1) for x, y in ((of_a, of_a), (of_b, of_b), (of_a, of_b)))
    return np.sqrt(aa), np.sqrt(bb), np.asarray(ab / np.sqrt(aa * bb))
