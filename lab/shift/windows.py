"""The tokens near ln n: counts in windows, and the peak above what the flanks let expect. Arrays in, numbers out.

The mass near ln 3 also rises if all entropies fall smoothly. So a peak is compared with its own flanks:

    expected   tokens in (-0.03, 0.03] around ln n if the logarithm of the density were a straight line between the
               flanks, which are 0.06 to 0.20 away on both sides: 0.06 * sqrt(density left * density right)
    excess     tokens found / expected - 1; 0 without a peak
    peak       (found - expected) / all tokens
"""

from __future__ import annotations

import math

import numpy as np

from lm_eval_hesnr.metrics.edges import WINDOW

ORDERS = (2, 3, 4, 5)
"""The values of n whose windows are counted."""
HALF = 0.03
"""Half width of the window of a peak, nats."""
FLANK = (0.06, 0.20)
"""Where the flanks begin and end, nats from ln n. Those of ln 2, ln 3 and ln 4 contain no ln m of another m. The right
flank of ln 5 contains ln 6, so that a peak there would hide one at ln 5."""
CLASSES = ("below ln 3", "near ln 3", "between", "near ln 4", "above ln 4")
"""Of a token, by its entropy; `near` is within 0.06."""
_ENDS = [math.log(n) + side * WINDOW for n in (3, 4) for side in (-1, 1)]
COLUMNS = ("tokens", *(f"{part}{n}" for n in ORDERS for part in ("near", "left", "centre", "right")))
"""The counts of one trajectory: all tokens; and for each n those within 0.06 of ln n, and in the three windows."""


def counts(entropy: np.ndarray) -> np.ndarray:
    """(len(COLUMNS),) counts of (n,) entropies in nats."""
    found = [len(entropy)]
    for n in ORDERS:
        away = entropy - math.log(n)
        windows = ((-WINDOW, WINDOW), (-FLANK[1], -FLANK[0]), (-HALF, HALF), FLANK)
        found += [int(((away > low) & (away <= high)).sum()) for low, high in windows]
    return np.array(found, np.float64)


def moves(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """(25,) counts: how many tokens went from each of `CLASSES` to each, the first class first.

    Args:
        before: (n,) entropies, nats.
        after: (n,) entropies of the same tokens in a later checkpoint.
    """
    was, became = (np.digitize(one, _ENDS, right=True) for one in (before, after))
    return np.bincount(was * len(CLASSES) + became, minlength=len(CLASSES) ** 2).astype(np.float64)


def share(total: np.ndarray) -> np.ndarray:
    """(...,): tokens near ln 3, divided by those near ln 3 and ln 4; `ln3_ln4_shift` of the package."""
    three, four = _column(total, "near3"), _column(total, "near4")
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(three / (three + four))


def expected(total: np.ndarray, n: int) -> np.ndarray:
    """(...,): tokens within 0.03 of ln n, if there were no peak."""
    left, right = _column(total, f"left{n}"), _column(total, f"right{n}")
    return np.asarray(np.sqrt(left * right) * 2 * HALF / (FLANK[1] - FLANK[0]))


def found(total: np.ndarray, n: int) -> np.ndarray:
    """(...,): tokens within 0.03 of ln n."""
    return _column(total, f"centre{n}")


def excess(total: np.ndarray, n: int) -> np.ndarray:
    """(...,): the peak at ln n, relative to what is expected; not finite without tokens in a flank."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(found(total, n) / expected(total, n) - 1)


def peak(total: np.ndarray, n: int) -> np.ndarray:
    """(...,): the tokens above what is expected at ln n, as a share of all tokens. It can be negative."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((found(total, n) - expected(total, n)) / _column(total, "tokens"))


def moved(total: np.ndarray) -> np.ndarray:
    """(...,): the peak at ln 3 minus the peak at ln 4, as shares of all tokens."""
    return peak(total, 3) - peak(total, 4)


def of_order(rows: np.ndarray, n: int) -> np.ndarray:
    """(D,): the tokens of each trajectory in the windows of ln n, from (D, len(COLUMNS)) counts."""
    return np.asarray(sum(_column(rows, f"{part}{n}") for part in ("left", "centre", "right")))


def _column(total: np.ndarray, name: str) -> np.ndarray:
    return np.asarray(total[..., COLUMNS.index(name)])
