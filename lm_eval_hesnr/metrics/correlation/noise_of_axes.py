"""How much of a correlation's uncertainty comes from the trajectories, from the tasks, and from few checkpoints.

All checkpoints get the same draw of trajectories, and the same draw of tasks. What moves all checkpoints alike, such as
a draw of easy trajectories, changes no correlation. So it counts as no noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lm_eval_hesnr.metrics.bootstrap import FEWEST_DOCUMENTS, RESAMPLES, resampled
from lm_eval_hesnr.metrics.correlation.two_measures import correlation

LEAST_RELIABILITY = 0.8
"""Below it, the noise of an axis makes the correlation clearly smaller."""


class Noise(NamedTuple):
    """Standard errors of r, and the reliability of both axes. None if it is not known."""

    of_x: float | None
    """Because the trajectories are a sample."""
    of_y: float | None
    """Because the tasks, attempts and seeds are a sample."""
    of_both: float | None
    of_checkpoints: float
    """Because there are only n checkpoints: (1 - r^2) / sqrt(n - 3)."""
    reliability_x: float | None
    """1 - variance of the noise / variance over the checkpoints, in [0, 1]."""
    reliability_y: float | None

    @property
    def ceiling(self) -> float | None:
        """The largest |r| that can be expected with this noise: the root of the product of both reliabilities."""
        if self.reliability_x is None or self.reliability_y is None:
            return None
        return math.sqrt(self.reliability_x * self.reliability_y)


def drawn_totals(rows: Sequence[np.ndarray], seed: int) -> list[np.ndarray] | None:
    """For each checkpoint (RESAMPLES, K) sums of the totals of drawn trajectories: the same draw for all checkpoints.

    Args:
        rows: for each checkpoint (D, K), the same trajectories in the same order.
        seed: of the draws.

    Returns:
        None for fewer than five trajectories.
    """
    if len(rows[0]) < FEWEST_DOCUMENTS:
        return None
    sums = resampled(np.concatenate(rows, axis=1), len(rows[0]), seed)
    return np.split(sums, len(rows), axis=1)


def noise_of(x: np.ndarray, y: np.ndarray, drawn_x: np.ndarray | None, drawn_y: np.ndarray | None) -> Noise:
    """The noise of the correlation of x and y.

    Args:
        x: (n,) values over all trajectories.
        y: (n,) outcomes over all tasks.
        drawn_x: (RESAMPLES, n), or None.
        drawn_y: (RESAMPLES, n), or None.
    """
    r = float(correlation(x, y))
    return Noise(
        of_x=None if drawn_x is None else _stderr(drawn_x, np.broadcast_to(y, drawn_x.shape), r),
        of_y=None if drawn_y is None else _stderr(np.broadcast_to(x, drawn_y.shape), drawn_y, r),
        of_both=None if drawn_x is None or drawn_y is None else _stderr(drawn_x, drawn_y, r),
        of_checkpoints=(1 - r**2) / math.sqrt(len(x) - 3),
        reliability_x=None if drawn_x is None else reliability(x, drawn_x),
        reliability_y=None if drawn_y is None else reliability(y, drawn_y),
    )


def _stderr(x: np.ndarray, y: np.ndarray, r: float) -> float | None:
    """The standard error of r: the standard deviation of atanh r over the draws, times 1 - r^2."""
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = float(np.arctanh(correlation(x, y)).std(ddof=1))
    return spread * (1 - r**2) if math.isfinite(spread) else None


def reliability(values: np.ndarray, drawn: np.ndarray) -> float | None:
    """The share of the variance over the checkpoints that is not noise, in [0, 1]; None if it is not known.

    Args:
        values: (n,)
        drawn: (RESAMPLES, n)
    """
    noise = float((drawn - values).var(axis=1, ddof=1).mean())
    variance = float(values.var(ddof=1))
    if not math.isfinite(noise) or variance == 0:
        return None
    return min(1.0, max(0.0, 1 - noise / variance))


def stderr_of_differences(drawn: np.ndarray) -> np.ndarray:
    """(n, n): the standard error of the difference of each pair of checkpoints, from (RESAMPLES, n) draws."""
    covariance = np.cov(drawn, rowvar=False)
    variances = np.diag(covariance)
    return np.asarray(np.sqrt(np.maximum(0, variances[:, None] + variances[None, :] - 2 * covariance)))


def points_stderr(drawn: np.ndarray | None) -> np.ndarray | None:
    """(n,): the standard error of each checkpoint's value alone, for error bars."""
    return None if drawn is None or len(drawn) != RESAMPLES else np.asarray(drawn.std(axis=0, ddof=1))
