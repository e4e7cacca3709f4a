"""The family-swap permutation: is a measure related to the outcome beyond what all training runs have in common?

F training runs are read at the same C steps. The mean over the runs is taken out of x and of y at each step, so a
common trend has no effect. Then the whole y-curves of the runs are dealt anew to the x-curves, in all F! ways. If x and
y are not related, each way is equally likely, for any shape of the curves and any dependence between neighbouring
checkpoints. So the p-value is exact. The smallest possible one is 1 / F!.

With C = 1, this is the usual permutation test of Pearson's r over F independent checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import permutations
from typing import NamedTuple

import numpy as np

_MOST_FAMILIES = 8
"""Up to so many families, all orders are tried; with more, 99 999 random ones."""
_RANDOM_ORDERS = 99_999
_ROUNDING = 1e-12


class Swap(NamedTuple):
    """The result for several measures."""

    values: list[float]
    """For each measure the correlation with y after the mean of each step is taken out of both."""
    p_values: list[float]
    """One-sided: the share of ways with a value at least as large."""
    max_p_values: list[float]
    """The share of ways in which the largest value of all measures is at least as large: corrected for the choice of
    the best of several measures (max-T)."""
    ways: int


def grid(families: Sequence[str], steps: Sequence[float]) -> np.ndarray | None:
    """(F, C) indices of the checkpoints at the steps that all families have.

    None if there are fewer than two such steps, or if a family has two checkpoints at one of them.

    Args:
        families: (n,)
        steps: (n,); NaN for an unknown step.
    """
    places: dict[tuple[str, float], list[int]] = {}
    for i, (family, step) in enumerate(zip(families, steps, strict=True)):
        places.setdefault((family, step), []).append(i)
    names = sorted(set(families))
    common = set.intersection(*({step for family, step in places if family == name} for name in names))
    found = [[places[name, step] for step in sorted(common) if not math.isnan(step)] for name in names]
    if len(found[0]) < 2 or any(len(some) > 1 for row in found for some in row):
        return None
    return np.array(found)[..., 0]


def family_swap(xs: Sequence[np.ndarray], y: np.ndarray, seed: int) -> Swap | None:
    """The test for several measures of the same checkpoints.

    Args:
        xs: for each measure (F, C), row f with the checkpoints of family f in the order of their steps.
        y: (F, C)
        seed: for random orders, if there are more than 8 families.

    Returns:
        None if y or one of the measures is the same for all families at every step.
    """
    of_y, *of_xs = (without_step(values) for values in (y, *xs))
    if not all(values.any() for values in (of_y, *of_xs)):
        return None
    orders = _orders(len(y), seed)  # the first one is the order of the data
    products = np.einsum("mfc,gc->mfg", np.stack(of_xs), of_y)
    values = np.zeros((len(xs), len(orders)))
    for family in range(len(y)):
        values += products[:, family, orders[:, family]]
    of_data = values[:, :1]
    return Swap(
        values=of_data[:, 0].tolist(),
        p_values=(values >= of_data - _ROUNDING).mean(axis=1).tolist(),
        max_p_values=(values.max(axis=0) >= of_data - _ROUNDING).mean(axis=1).tolist(),
        ways=len(orders),
    )


def _orders(n_families: int, seed: int) -> np.ndarray:
    """(W, F) orders of the families: all of them, or the given order and random ones."""
    if n_families <= _MOST_FAMILIES:
        return np.array(list(permutations(range(n_families))))
    random = np.random.default_rng(seed).permuted(
        np.tile(np.arange(n_families, dtype=np.int16), (_RANDOM_ORDERS, 1)), axis=1
    )
    return np.concatenate([np.arange(n_families, dtype=np.int16)[None], random])


def without_step(values: np.ndarray) -> np.ndarray:
    """The values without the mean of each step, with a sum of squares of 1; zeros if nothing is left."""
    rest = values - values.mean(axis=0)
    norm = math.sqrt(float((rest**2).sum()))
    return np.asarray(rest / norm if norm > 1e-12 * np.abs(values).max() else np.zeros_like(rest))
