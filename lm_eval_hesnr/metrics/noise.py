"""Signal-to-noise of a measure over checkpoints, and smoothing, after Signal and Noise (arXiv 2508.13144).

The signal is the range of the values between which one chooses. The noise is how much a value moves from checkpoint to
checkpoint without a trend: the standard deviation of first differences, divided by the square root of 2. Differences
remove the trend, which the standard deviation of the values themselves would count as noise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

LEAST = 4
"""The smallest number of checkpoints of a run for which there is a noise."""
SMOOTHED = 3
"""The number of checkpoints over which a value is smoothed."""
_LOGARITHMIC = ("ppl", "he_ppl")


def scaled(name: str, values: Sequence[float | None]) -> np.ndarray:
    """(n,) float64: the values on the scale where they are compared: the logarithm of perplexities. NaN if missing."""
    array = np.array([math.nan if value is None else value for value in values], dtype=np.float64)
    if name not in _LOGARITHMIC:
        return array
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(array)


def noise(values: np.ndarray, last: int | None = None) -> float | None:
    """The noise of the values of one run, in their own unit.

    Args:
        values: (n,) in the order of training.
        last: use only so many of the last values; all if None.

    Returns:
        None for fewer than `LEAST` values, and if one of them is not a finite number.
    """
    used = values if last is None else values[-max(last, LEAST) :]
    if len(used) < LEAST or not np.isfinite(used).all():
        return None
    return float(np.diff(used).std(ddof=1) / math.sqrt(2))


def signal_to_noise(runs: Sequence[np.ndarray], last: int | None = None) -> float | None:
    """The signal divided by the noise.

    The signal is the range of the last values of the runs; if there is only one run, the range of its values. The noise
    is the root of the mean square over the runs that have a noise.

    Args:
        runs: for each training run, its values in the order of training.
        last: as in `noise`.

    Returns:
        None if no run has a noise, if the noise is 0, or if a value of the signal is missing.
    """
    noises = [found for values in runs if (found := noise(values, last)) is not None]
    compared = runs[0] if len(runs) == 1 else np.array([values[-1] for values in runs if len(values)])
    if not noises or not len(compared) or not np.isfinite(compared).all():
        return None
    level = math.sqrt(np.mean(np.square(noises)))
    return float(np.ptp(compared)) / level if level > 0 else None


def smoothed(values: np.ndarray) -> np.ndarray:
    """(n,): the mean of each value and the two before it; NaN for the first two, and where one of the three is NaN."""
    means = np.full(len(values), math.nan)
    if len(values) >= SMOOTHED:
        means[SMOOTHED - 1 :] = np.lib.stride_tricks.sliding_window_view(values, SMOOTHED).mean(axis=1)
    return means
