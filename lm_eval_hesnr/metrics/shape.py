"""The shape of a model's uncertainty: the peaks in the histogram of entropies.

A choice among n equal candidates has entropy ln n, so real histograms have peaks near ln 2, ln 3 and ln 4. Stronger
checkpoints move mass from ln 4 to ln 3 (HE-SNR, arXiv 2601.20255). This module examines a window of +- 0.06 nats around
each ln n. At ln 1 and at ln k the window is one-sided, because entropies are between 0 and ln k.

The search for a peak uses *wide bins*: intervals 0.06 nats wide, one every 0.01 nats within the window. The densest
wide bin is a peak if it is denser than both flanks, by more than chance and by more than 5 %. A flank is also a wide
bin, 0.02 nats away from it. More than chance means more than three standard errors of the difference of counts. The
standard error of a count is its square root. A flank below 0 or above ln k is not compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lm_eval_hesnr.metrics.edges import ORDERS, SAME, WINDOW, fixed_grid
from lm_eval_hesnr.metrics.profile import SUMS, EntropyProfile

HALF_BIN = 0.03
"""Half the width of a wide bin, nats."""
_FLANK = 0.08
"""From the middle of a wide bin to the middle of its flanks, nats."""
_REACH = WINDOW + _FLANK + HALF_BIN

_COLUMNS = [SUMS.index("tokens"), SUMS.index("entropy")]


class Peak(NamedTuple):
    """The tokens near ln n."""

    order: int
    """The number n."""
    mass: float
    """Share of the scope's tokens in the window. Exact zeros belong to ln 1."""
    location: float | None
    """Mean entropy of the densest wide bin, nats; None if this bin is not a peak."""


class Cumulative(NamedTuple):
    """Numbers of tokens and sums of entropies up to each bound, for one profile or for many resamples."""

    bounds: np.ndarray
    """(E,) float64, ascending, nats: from below 0 to ln k."""
    sums: np.ndarray
    """(..., E, 2) float64: number of tokens with entropy <= bound, and the sum of their entropies."""

    def between(self, low: np.ndarray | float, high: np.ndarray | float) -> np.ndarray:
        """(..., 2) or (..., m, 2): the sums over (low, high]. Both ends are bounds, or lie outside [0, ln k]."""
        return np.asarray(self.sums[..., self._index(high), :] - self.sums[..., self._index(low), :])

    def widths(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """(m,): the length, in nats, of the part of (low, high] within [0, ln k]."""
        return np.clip(high, 0.0, self.bounds[-1]) - np.clip(low, 0.0, self.bounds[-1])

    def _index(self, values: np.ndarray | float) -> np.ndarray:
        found = np.minimum(np.searchsorted(self.bounds, np.asarray(values) - SAME), len(self.bounds) - 1)
        return np.where(np.asarray(values) < -SAME, 0, found)


def cumulative(profiles: Sequence[EntropyProfile]) -> tuple[np.ndarray, np.ndarray]:
    """(E,) bounds, and (D, 2 * E) rows, one per document. `shaped` accepts sums of these rows."""
    top = float(profiles[0].edges[-1])
    grid = fixed_grid(top)
    needed = np.abs(grid[:, None] - np.log(ORDERS)).min(axis=1) <= _REACH
    needed |= (grid >= math.log(3)) & (grid <= math.log(4))
    windows = [math.log(order) + side * WINDOW for order in ORDERS for side in (-1, 1)]
    inside = [bound for bound in windows if 0 < bound < top]
    bounds = np.unique(np.concatenate([[-1.0], grid[needed], inside, [top]]))
    return bounds, np.stack([profile.up_to(bounds)[:, _COLUMNS].ravel() for profile in profiles])


def shaped(bounds: np.ndarray, sums: np.ndarray) -> Cumulative:
    """The cumulative sums, from (..., 2 * E) sums of rows."""
    return Cumulative(bounds, sums.reshape(*sums.shape[:-1], len(bounds), 2))


def peaks(whole: Cumulative) -> list[Peak] | None:
    """One `Peak` for each number in `ORDERS` up to k; None without tokens."""
    if not whole.sums[-1, 0]:
        return None
    return [
        Peak(order, float(mass(whole, order)), float(location(whole, order)) if is_peak(whole, order) else None)
        for order in ORDERS
        if math.log(order) <= whole.bounds[-1] + SAME
    ]


def near(whole: Cumulative, order: int) -> np.ndarray:
    """(...,): tokens in the window around ln `order`."""
    return whole.between(math.log(order) - WINDOW, math.log(order) + WINDOW)[..., 0]


def mass(whole: Cumulative, order: int) -> np.ndarray:
    """(...,) in [0, 1]: share of the tokens in the window around ln `order`; NaN without tokens."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(near(whole, order) / whole.sums[..., -1, 0])


def ln3_ln4_shift(whole: Cumulative) -> np.ndarray:
    """(...,) in [0, 1]: the mass near ln 3, divided by the mass near ln 3 and ln 4; NaN if both are 0 or k < 4."""
    if whole.bounds[-1] < math.log(4) - SAME:
        return np.full(whole.sums.shape[:-2], np.nan)
    three, four = near(whole, 3), near(whole, 4)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(three / (three + four))


def location(whole: Cumulative, order: int) -> np.ndarray:
    """(...,) nats: mean entropy of the densest wide bin in the window around ln `order`; NaN if this bin is empty."""
    middles = middles_near(whole, order)
    best = densities(whole, middles).argmax(axis=-1)[..., None, None]
    sums = np.take_along_axis(whole.between(middles - HALF_BIN, middles + HALF_BIN), best, axis=-2)[..., 0, :]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 1] / sums[..., 0])


def is_peak(whole: Cumulative, order: int) -> bool:
    """Whether the densest wide bin of the window is denser than its flanks, by more than chance and by over 5 %."""
    middles = middles_near(whole, order)
    if not len(middles):
        return False
    middle = float(middles[densities(whole, middles).argmax()])
    return all(exceeds(whole, middle, flank) for flank in (middle - _FLANK, middle + _FLANK))


def exceeds(whole: Cumulative, high: float, low: float) -> bool:
    """Whether the wide bin at `high` is denser than the one at `low`, by more than chance and by more than 5 %.

    True if less than half of the wide bin at `low` lies within [0, ln k]: such a bin is not compared.
    """
    middles = np.array([high, low])
    widths = whole.widths(middles - HALF_BIN, middles + HALF_BIN)
    if widths[1] < HALF_BIN - SAME:
        return True
    above, below = whole.between(middles - HALF_BIN, middles + HALF_BIN)[:, 0]
    scale = widths[0] / widths[1]
    return bool(above - scale * below > max(3 * math.sqrt(above + scale**2 * below), 0.05 * above))


def middles_near(whole: Cumulative, order: int) -> np.ndarray:
    """(m,): the grid points within the window around ln `order`. Each is the middle of a wide bin."""
    grid = fixed_grid(float(whole.bounds[-1]))
    return grid[np.abs(grid - math.log(order)) <= WINDOW]


def densities(whole: Cumulative, middles: np.ndarray) -> np.ndarray:
    """(..., m): tokens per nat in the wide bins around (m,) middles. Exact zeros belong to the wide bin at 0."""
    low, high = middles - HALF_BIN, middles + HALF_BIN
    return np.asarray(whole.between(low, high)[..., 0] / whole.widths(low, high))
