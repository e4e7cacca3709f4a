"""Pairs of checkpoints with nearly the same value of one measure: how often does another one pick the better of them?

A share above 1/2 does not show that the other measure is better. Two equally noisy readings of one ability both have
one: where one of them is equal, the other still says something. So P4 compares two shares, each measure in the pairs
where its rival is nearly equal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics.bootstrap import LEVEL, Interval
from lm_eval_hesnr.metrics.correlation.decisions import jackknife_stderr

NEARLY = 0.1
"""The values of a pair are nearly equal if it is in the tenth of the pairs with the smallest differences."""


class EqualLoss(NamedTuple):
    """The result for two measures a and b."""

    pairs: int
    largest_gap: float
    """The largest difference of b in these pairs."""
    share: float
    """Of pairs with nearly equal b, those that a orders as the outcome does. A tie counts half."""
    mirrored: float
    """The same for b, in as many pairs with nearly equal a."""
    interval: Interval | None
    """95 %, of share - mirrored; None if it is not defined."""
    share_interval: Interval | None
    """95 %, of the share alone."""


def equal_loss(a: np.ndarray, b: np.ndarray, y: np.ndarray, families: Sequence[str]) -> EqualLoss:
    """Compare a and b. The interval leaves out one family at a time (jackknife, Student's t of F - 1).

    Args:
        a: (n,) higher is better.
        b: (n,) higher is better.
        y: (n,) the outcome.
        families: (n,) only pairs of different families count.
    """
    of = np.array(families)
    left, right = np.triu_indices(len(of), 1)
    left, right = (side[of[left] != of[right]] for side in (left, right))
    gap_a, gap_b, gap_y = (values[left] - values[right] for values in (a, b, y))
    near_a, near_b = (_closest(gap, round(NEARLY * len(left))) for gap in (gap_a, gap_b))
    of_a, of_b = (
        _Pairs(of[left[near]], of[right[near]], (1 + np.sign(gap[near]) * np.sign(gap_y[near])) / 2)
        for gap, near in ((gap_a, near_b), (gap_b, near_a))
    )
    names = sorted(set(families))
    of_share, of_mirrored = (np.array([pairs.share(name) for name in names]) for pairs in (of_a, of_b))
    share, mirrored = of_a.share(), of_b.share()
    return EqualLoss(
        pairs=len(near_b),
        largest_gap=float(np.abs(gap_b[near_b]).max()),
        share=share,
        mirrored=mirrored,
        interval=_interval(share - mirrored, of_share - of_mirrored),
        share_interval=_interval(share, of_share),
    )


def _interval(value: float, without: np.ndarray) -> Interval | None:
    """From (F,) values, each without one family."""
    half = jackknife_stderr(without) * float(stats.t.ppf((1 + LEVEL) / 2, len(without) - 1))
    return Interval(value - half, value + half) if math.isfinite(half) else None


def _closest(gap: np.ndarray, n: int) -> np.ndarray:
    """The n pairs with the smallest gap; of equal gaps, the first ones in the order of the table."""
    return np.argsort(np.abs(gap), kind="stable")[:n]


class _Pairs(NamedTuple):
    """Pairs of checkpoints: the families of both, and 1 for the right order, 0 for the wrong one, 1/2 for a tie."""

    left: np.ndarray
    right: np.ndarray
    agreement: np.ndarray

    def share(self, without: str | None = None) -> float:
        """The mean agreement of the pairs without a family; NaN if no pair is left."""
        kept = self.agreement[(self.left != without) & (self.right != without)]
        return float(kept.mean()) if len(kept) else math.nan
