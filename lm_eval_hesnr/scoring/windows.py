"""Sliding windows over a text that is longer than the model's context."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class Window(NamedTuple):
    """One forward pass of the model: it reads tokens [start, end) and scores `positions`."""

    start: int
    end: int
    positions: np.ndarray
    """(n,) int64, ascending: positions in the whole text, each in (start, end)."""

    @property
    def n_tokens(self) -> int:
        """Number of tokens that the model reads."""
        return self.end - self.start


def plan_windows(to_score: np.ndarray, window: int, stride: int) -> Iterator[Window]:
    """Windows that score each position of `to_score` exactly once.

    Before each position, the model reads at least `window - stride` tokens, or all if there are fewer. The first window
    starts at 0, and each later one starts `stride` tokens after the previous one. A window scores only positions that
    no earlier window scores. It ends after its last position to score. Windows without a position to score are left
    out.

    The window of a position depends only on the position, not on which other positions are scored. The score store
    requires this.

    Args:
        to_score: (n,) int64, ascending positions to score. Position 0 has no context, so it is not allowed.
        window: number of tokens that the model can read at once.
        stride: number of tokens between the starts of two windows, in [1, window - 1].

    Raises:
        ValueError: with this stride a position would have no context or would never be reached.
    """
    if not 1 <= stride < window:
        raise ValueError(f"window={window}, stride={stride}: expected 1 <= stride < window")
    start, done = 0, 0  # positions below `done` are scored
    while done <= to_score[-1]:
        end = start + window
        first, last = np.searchsorted(to_score, [done, end])
        if last > first:
            positions = to_score[first:last]
            yield Window(start, int(positions[-1]) + 1, positions)
        done = end
        start += stride


def short_context(plan: list[Window]) -> int:
    """Number of positions that are scored without the whole text before them."""
    return sum(len(window.positions) for window in plan if window.start > 0)
