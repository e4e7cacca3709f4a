"""Methods to choose the threshold: fixed, by a quantile, in the valley between ln 3 and ln 4, or by Otsu's method.

An adaptive threshold is a point of the fixed grid (`edges.fixed_grid`). These points are edges of every profile, so
measures with it are exact. It is None if there are no tokens, if no valley is deeper than chance, or if no grid point
meets the condition.
"""

from __future__ import annotations

import math

import numpy as np

from lm_eval_hesnr.metrics import shape
from lm_eval_hesnr.metrics.edges import SAME, fixed_grid
from lm_eval_hesnr.metrics.profile import SUMS, EntropyProfile

METHODS = ("static", "quantile", "valley", "otsu")

_TOKENS, _ENTROPY = SUMS.index("tokens"), SUMS.index("entropy")


def threshold(profile: EntropyProfile, method: str, *, epsilon: float, quantile: float = 0.8) -> float | None:
    """The threshold in nats by one method. An adaptive threshold is below ln k, or None if there is no such threshold.

    Args:
        profile: the profile of all documents together.
        method: a name of `METHODS`.
        epsilon: the static threshold, returned unchanged.
        quantile: for `quantile`, the share of tokens at or below the threshold.
    """
    if method == "static":
        return epsilon
    if method == "quantile":
        return quantile_threshold(profile, quantile)
    if method == "valley":
        return valley_threshold(profile)
    if method == "otsu":
        return otsu_threshold(profile)
    raise ValueError(f"unknown threshold {method!r}; known: {', '.join(METHODS)}")


def quantile_threshold(profile: EntropyProfile, quantile: float) -> float | None:
    """The lowest grid point with at least this share of the tokens at or below it; None if it is not below ln k."""
    tokens = profile.sums[:, _TOKENS].sum()
    if not tokens:
        return None
    cuts = _cuts(profile)
    enough = profile.up_to(cuts)[:, _TOKENS] >= (quantile - 1e-12) * tokens
    return float(cuts[enough.argmax()]) if enough.any() else None


def valley_threshold(profile: EntropyProfile) -> float | None:
    """The valley: the middle of the least dense wide bin between the densest wide bins near ln 3 and ln 4.

    None unless both of these are denser than the valley, by more than chance and by more than 5 % (`shape.exceeds`).
    """
    whole = shape.shaped(*_alone(profile))
    if whole.bounds[-1] < math.log(4) - SAME:
        return None
    tops = []
    for order in (3, 4):
        middles = shape.middles_near(whole, order)
        tops.append(float(middles[shape.densities(whole, middles).argmax()]))
    cuts = _cuts(profile)
    between = cuts[(cuts > tops[0] + SAME) & (cuts < tops[1] - SAME)]
    if not len(between):
        return None
    density = shape.densities(whole, between)
    lowest = float(_middle(between, density == density.min()))
    return lowest if all(shape.exceeds(whole, top, lowest) for top in tops) else None


def otsu_threshold(profile: EntropyProfile) -> float | None:
    """The grid point that splits the tokens into two classes with the greatest variance between their mean entropies.

    (Otsu, A Threshold Selection Method from Gray-Level Histograms, 1979.) If several grid points have this variance
    because no token lies between them, the result is the middle one. The result is None if no grid point splits the
    tokens.
    """
    cuts = _cuts(profile)
    below, entropy_below = profile.up_to(cuts)[:, [_TOKENS, _ENTROPY]].T
    above, entropy_above = profile.sums[:, _TOKENS].sum() - below, profile.sums[:, _ENTROPY].sum() - entropy_below
    with np.errstate(divide="ignore", invalid="ignore"):
        between = np.nan_to_num(below * above * (entropy_below / below - entropy_above / above) ** 2)
    greatest = between.max(initial=0.0)
    return float(_middle(cuts, between >= greatest * (1 - 1e-12))) if greatest > 0 else None


def _cuts(profile: EntropyProfile) -> np.ndarray:
    """(G,): the profile's edges on the fixed grid, below ln k. They equal the edges bit for bit."""
    return np.asarray(profile.edges[np.searchsorted(profile.edges, fixed_grid(float(profile.edges[-1])) - SAME)])


def _alone(profile: EntropyProfile) -> tuple[np.ndarray, np.ndarray]:
    bounds, rows = shape.cumulative([profile])
    return bounds, rows[0]


def _middle(values: np.ndarray, chosen: np.ndarray) -> float:
    """The median of the chosen values; the lower one if two values are in the middle."""
    found = values[chosen]
    return float(found[(len(found) - 1) // 2])
