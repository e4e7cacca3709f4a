"""Windows over a text that is longer than the model's context."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np


class Window(NamedTuple):
    """One run of the model: it reads tokens [start, end) and scores `positions`."""

    start: int
    end: int
    positions: np.ndarray
    """(n,) int64, ascending: positions in the whole text, each in (start, end)."""

    @property
    def n_tokens(self) -> int:
        """How many tokens it reads."""
        return self.end - self.start


def plan_windows(wanted: np.ndarray, window: int, stride: int) -> Iterator[Window]:
    """Cover the wanted positions, each exactly once, with at least `window - stride` tokens of context if there are.

    The first window begins at 0, each later one `stride` tokens after the one before and scores only what no earlier
    one did. A window without a wanted position is not run, and nothing is read after a window's last wanted one.

    Args:
        wanted: (n,) int64, ascending positions to score; position 0 has no context and cannot be among them.
        window: tokens that the model can read at once.
        stride: tokens between the beginnings of two windows, in [1, window - 1].

    Raises:
        ValueError: another stride, with which some position would have no context or never be reached.
    """
    if not 1 <= stride < window:
        raise ValueError(f"window={window}, stride={stride}: expected 1 <= stride < window")
    start, done = 0, 0  # positions below `done` are scored
    while done <= wanted[-1]:
        end = start + window
        first, last = np.searchsorted(wanted, [done, end])
        if last > first:
            positions = wanted[first:last]
            yield Window(start, int(positions[-1]) + 1, positions)
        done = end
        start += stride


def short_context(plan: list[Window]) -> int:
    """How many positions are scored with less than everything before them."""
    return sum(len(window.positions) for window in plan if window.start > 0)
