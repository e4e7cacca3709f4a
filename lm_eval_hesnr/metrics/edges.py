"""The edges of a profile's bins: a fixed grid, and exact edges at every entropy that defines a number.

The exact edges are ln 1 ... ln 50, ln k, epsilon and epsilon +- 0.01, the ends of the windows around ln n, and the
thresholds of the sweep. The grid is the same for every k and epsilon, so shape and adaptive thresholds do not depend on
them.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise

import numpy as np

EPSILON = (math.log(3) + math.log(4)) / 2
"""The default threshold, 1.242453 nats: half way between ln 3 and ln 4, the entropies of equal choices among 3 and
4."""

ORDERS = (1, 2, 3, 4, 5, 10)
"""The values of n for which the entropies near ln n are examined."""
WINDOW = 0.06
"""Half width of the window around ln n, nats. Neighbouring windows up to ln 5 do not overlap."""
NEAR_EPSILON = 0.01
"""Half width, in nats, of the window around epsilon where low precision may move a token across epsilon."""

_ANCHORS = (math.log(2), math.log(3), EPSILON, math.log(4), math.log(5))
SWEEP = (*(low + (high - low) * i / 4 for low, high in pairwise(_ANCHORS) for i in range(4)), _ANCHORS[-1])
"""The 17 thresholds of the sweep, nats: ln 2, ln 3, epsilon, ln 4, ln 5, and three between each pair of neighbours."""

SAME = 1e-9
"""Edges that are closer than this, in nats, count as one edge."""

_LAST_LOG = 50  # for larger n, the values ln n are closer than the grid; a profile must stay below 64 KB
_FINE_END = 2.5  # nats; above ln 10 and above the flanks of its window


def fixed_grid(top: float) -> np.ndarray:
    """(G,) float64: the points 0, 0.01, ... 2.5 and then every 0.1 nats, all below `top`."""
    grid = np.concatenate([np.arange(0, round(100 * _FINE_END)) / 100, np.arange(25, 10 * max(top, 3) + 1) / 10])
    return grid[grid < top - SAME]


@lru_cache(maxsize=32)
def profile_edges(k: int, epsilon: float) -> np.ndarray:
    """(B + 1,) float64, ascending, nats, read-only: the exact edges, and all grid points that differ from them.

    The first bin, (-1, 0], contains exact zeros; the last one ends at ln k.
    """
    top = math.log(k)
    logs = [math.log(n) for n in (*range(1, min(k, _LAST_LOG) + 1), k)]
    windows = [math.log(n) + side * WINDOW for n in ORDERS for side in (-1, 1)]
    around = [epsilon + side * NEAR_EPSILON for side in (-1, 0, 1)]
    exact = np.unique([edge for edge in (*logs, *windows, *around, *SWEEP) if 0 <= edge <= top])
    grid = fixed_grid(top)
    distance = np.abs(grid[:, None] - exact).min(axis=1)  # (G,)
    edges = np.unique(np.concatenate([[-1.0], exact, grid[distance > SAME]]))
    edges.setflags(write=False)
    return edges
