"""Two measures a and b that predict the same outcome y over n checkpoints: which one correlates better with it?

`williams` and `zou_interval` take the checkpoints as independent. Checkpoints of one training run are not: if their
deviations from the trend add up like a random walk, Williams' test rejects a true null hypothesis in 35 to 45 % of
cases instead of 5 %. `family_jackknife` leaves out one training run at a time and keeps its level there
(docs/correlate.md has the simulation).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics.bootstrap import LEVEL, Interval
from lm_eval_hesnr.metrics.correlation.decisions import jackknife_stderr
from lm_eval_hesnr.metrics.correlation.one_measure import fisher_interval

FEWEST_FOR_DIFFERENCES = 8
"""With fewer checkpoints, no two measures are compared."""
FEWEST_FAMILIES = 4
"""With fewer training runs, nothing is said about the difference of two measures."""
_SAME = 1 - 1e-9


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
    stderr = 1 / math.sqrt(n - 3)
    (low_a, high_a), (low_b, high_b) = fisher_interval(r_ay, stderr), fisher_interval(r_by, stderr)
    rest = (1 - r_ay**2) * (1 - r_by**2)
    together = (r_ab - r_ay * r_by / 2) * (1 - r_ay**2 - r_by**2 - r_ab**2) + r_ab**3
    c = together / rest if rest > 0 else 0.0

    def _distance(of_a: float, of_b: float) -> float:
        return math.sqrt(max(0.0, of_a**2 + of_b**2 - 2 * c * of_a * of_b))

    difference = r_ay - r_by
    return Interval(
        difference - _distance(r_ay - low_a, high_b - r_by), difference + _distance(high_a - r_ay, r_by - low_b)
    )


def independent(a: np.ndarray, b: np.ndarray, y: np.ndarray) -> Contrast | None:
    """Williams' test and Zou's interval over (n,) independent checkpoints; None if it is not defined."""
    r_ay, r_by, r_ab = (float(correlation(*pair)) for pair in ((a, y), (b, y), (a, b)))
    p_value = float(williams(r_ay, r_by, r_ab, len(y))[1])
    if not math.isfinite(p_value):
        return None
    return Contrast(r_ay - r_by, zou_interval(r_ay, r_by, r_ab, len(y)), p_value)


def family_jackknife(a: np.ndarray, b: np.ndarray, y: np.ndarray, families: Sequence[str]) -> Contrast | None:
    """The same difference, with the uncertainty from leaving out each of F training runs as a whole.

    The jackknife is that of atanh r(a, y) - atanh r(b, y), with Student's t of F - 1 degrees of freedom. Its interval
    becomes one of r(a, y) - r(b, y) with the mean of both atanh kept fixed. None if it is not defined.
    """
    of = np.array(families)
    kept = np.stack([of != name for name in ["", *sorted(set(families))]])  # all, then all but one family
    kept[0] = True
    with np.errstate(divide="ignore", invalid="ignore"):
        z_a, z_b = (np.array([np.arctanh(float(correlation(x[rows], y[rows]))) for rows in kept]) for x in (a, b))
        differences = z_a - z_b
        stderr = jackknife_stderr(differences[1:])
    if not math.isfinite(stderr) or stderr == 0:
        return None
    freedom = len(kept) - 2
    half = stderr * float(stats.t.ppf((1 + LEVEL) / 2, freedom))
    middle = (z_a[0] + z_b[0]) / 2

    def _in_r(z: float) -> float:
        return math.tanh(middle + z / 2) - math.tanh(middle - z / 2)

    value = float(differences[0])
    p_value = float(2 * stats.t.sf(abs(value) / stderr, freedom))
    return Contrast(_in_r(value), Interval(_in_r(value - half), _in_r(value + half)), p_value)
