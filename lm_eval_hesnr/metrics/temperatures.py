"""What a run at temperature 1 tells about other temperatures: the sums behind the calibrated he_snr.

At temperature T, the model's distribution is softmax(logits / T). For each token a run can record ln Z(T), the
logarithm of the sum over the vocabulary of exp((logit - largest logit) / T), at a grid that is uniform in 1/T. The k
candidates are the same at every T. So their logits and ln Z(T) give the exact probabilities, entropies and decisions at
every T of the grid. Both change smoothly with 1/T, so they are interpolated in between.

Sums over decisions are not smooth: each token that leaves the decisions changes them at once. So every token that does
so is recorded, with the exact temperature (`Crossings`). `decision_sums` gives the sums at any temperature.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline  # type: ignore[import-untyped]

INVERSE_TEMPERATURES = np.arange(4, 17) / 8
"""(G,) the grid, 1/T: 0.5, 0.625, ... 2. So T is from 2 down to 0.5."""
_ONE = int(np.flatnonzero(INVERSE_TEMPERATURES == 1)[0])

FINE = np.arange(16, 65) / 32
"""(F,) the finer grid, 1/T, of the sums. It contains every point of the other grid."""
_TO_FINE = CubicSpline(INVERSE_TEMPERATURES, np.eye(len(INVERSE_TEMPERATURES)))(FINE).T
"""(G, F): values at the grid times this matrix are values at the finer grid, by a cubic spline in 1/T."""

LEAST_ENTROPY = math.log(2)
"""Nats. The candidates' logits of a token are recorded if the candidates' entropy is larger at the highest temperature
of the grid. For fixed candidates, entropy rises with temperature. So a token without them is below every epsilon of at
least ln 2, at every temperature."""

_BLOCK = 4096
"""Tokens whose probabilities at all temperatures are in memory at once."""

_STEP = FINE[1] - FINE[0]

SUMS_BY_TEMPERATURE = ("nll", "decisions", "snr")
"""Rows of the sums: -logprob over all tokens; the number of decisions; p / entropy over decisions."""


@dataclass(frozen=True, slots=True)
class ByTemperature:
    """What is known about the temperatures of n tokens. It can be added, as the tokens of both."""

    sums: np.ndarray
    """(3, F) float64: the sums of `SUMS_BY_TEMPERATURE` at each temperature of the finer grid. A sum that is not known
    is NaN."""
    crossings: np.ndarray
    """(m, 3) float64, one row for each token that is a decision at the highest temperature of the grid and not at the
    lowest: the 1/T at which its entropy is epsilon, and p / entropy at the two points of the finer grid around it."""

    @classmethod
    def filled(cls, value: float) -> ByTemperature:
        """The same value for all sums, and no tokens that cross."""
        return cls(np.full((len(SUMS_BY_TEMPERATURE), len(FINE)), value), np.empty((0, 3)))

    def __add__(self, other: ByTemperature) -> ByTemperature:
        return ByTemperature(self.sums + other.sums, np.concatenate([self.crossings, other.crossings]))


def by_temperature(
    logprob: np.ndarray, rank: np.ndarray, log_z: np.ndarray, top_logits: np.ndarray, *, k: int, epsilon: float
) -> ByTemperature:
    """The sums over n tokens at each temperature of the finer grid, and the tokens that cross epsilon.

    Between two points of the first grid, each token's logprob and entropy are interpolated. Sums are not known if
    `log_z` is NaN for a token; those over decisions, if epsilon is below ln 2.

    Args:
        logprob: (n,) nats, at temperature 1.
        rank: (n,) int. It is the same at every temperature.
        log_z: (n, G) ln Z(T).
        top_logits: (n, k) the candidates' logits minus the largest logit; NaN for tokens whose entropy is at most
            `LEAST_ENTROPY` at the highest temperature.
        k: size of the candidate set.
        epsilon: threshold in nats.
    """
    log_z = log_z.astype(np.float64)
    target = logprob.astype(np.float64) + log_z[:, _ONE]  # (n,) the target's logit minus the largest logit
    nll = log_z - INVERSE_TEMPERATURES * target[:, None]  # (n, G)
    sums = np.zeros((len(SUMS_BY_TEMPERATURE), len(FINE)))
    sums[0] = nll.sum(axis=0) @ _TO_FINE
    may_decide = np.flatnonzero((rank <= k) & ~np.isnan(top_logits[:, 0]))
    crossings = []
    for start in range(0, len(may_decide), _BLOCK):
        rows = may_decide[start : start + _BLOCK]
        candidates = top_logits[rows].astype(np.float64)
        entropies = np.stack([_entropy(candidates * inverse)[0] for inverse in INVERSE_TEMPERATURES], axis=1) @ _TO_FINE
        # the bound on the entropy is for tokens far below every epsilon, whose values are not used
        snr = np.exp(-nll[rows] @ _TO_FINE) / np.maximum(entropies, LEAST_ENTROPY / 2)
        decided = entropies > epsilon  # (n, F); an entropy falls with 1/T, so these are the first ones of each row
        sums[1:] += decided.sum(axis=0), np.where(decided, snr, 0).sum(axis=0)
        crossings.append(_crossings(candidates, entropies, snr, epsilon))
    if epsilon < LEAST_ENTROPY or np.isnan(sums[0]).any():
        sums[1:] = np.nan
    return ByTemperature(sums, np.concatenate([np.empty((0, 3)), *crossings]))


def _crossings(candidates: np.ndarray, entropies: np.ndarray, snr: np.ndarray, epsilon: float) -> np.ndarray:
    """The rows of `ByTemperature.crossings`.

    Args:
        candidates: (n, k) logits.
        entropies: (n, F) nats.
        snr: (n, F) p / entropy.
        epsilon: nats.
    """
    n_decided = (entropies > epsilon).sum(axis=1)
    i = np.flatnonzero((n_decided > 0) & (n_decided < len(FINE)))
    left = n_decided[i] - 1
    before, after = entropies[i, left], entropies[i, left + 1]
    inverse = FINE[left] + (before - epsilon) / (before - after) * _STEP
    # inside the two points, because the sums at them contain the token or not
    inside = np.nextafter(FINE[left], math.inf), np.nextafter(FINE[left + 1], 0)
    for _ in range(2):  # Newton's method, with the exact entropies
        entropy, slope = _entropy(candidates[i] * inverse[:, None])
        inverse = np.clip(inverse - (entropy - epsilon) / slope * inverse, *inside)
    return np.stack([inverse, snr[i, left], snr[i, left + 1]], axis=1)


def decision_sums(tokens: ByTemperature, inverse: np.ndarray) -> np.ndarray:
    """(2, n): the number of decisions, and the sum of p / entropy over them, at n temperatures.

    Tokens that stay decisions between two points of the finer grid have a p / entropy that is interpolated linearly.

    Args:
        tokens: the tokens.
        inverse: (n,) 1/T, inside the grid.
    """
    crossings = tokens.crossings[np.argsort(tokens.crossings[:, 0])]
    upto = np.concatenate([np.zeros((1, 2)), np.cumsum(crossings[:, 1:], axis=0)])  # p / entropy of the first ones
    left = np.clip(np.searchsorted(FINE, inverse, side="right") - 1, 0, len(FINE) - 2)
    first, last = (
        np.searchsorted(crossings[:, 0], FINE[left + side]) for side in (0, 1)
    )  # those that cross in between
    here = np.searchsorted(crossings[:, 0], inverse, side="right")  # these are no decisions any more
    n_decisions, snr = tokens.sums[1:]
    share = (inverse - FINE[left]) / _STEP
    before = snr[left] - (upto[here, 0] - upto[first, 0])
    after = snr[left + 1] + upto[last, 1] - upto[here, 1]
    return np.stack([n_decisions[left] - (here - first), (1 - share) * before + share * after])


def pooled_temperatures(found: Sequence[ByTemperature]) -> ByTemperature:
    """The tokens of several documents together. There must be at least one document."""
    return ByTemperature(np.sum([one.sums for one in found], axis=0), np.concatenate([one.crossings for one in found]))


def _entropy(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) nats: the entropy of softmax(x logits) at x = 1, over (n, k) logits of which the largest is 0.

    Also (n,): its derivative by x.
    """
    weights = np.exp(logits)
    q = weights / (total := weights.sum(axis=1, keepdims=True))
    logits = np.maximum(logits, -1e30)
    mean = (q * logits).sum(axis=1)
    return np.log(total[:, 0]) - mean, mean**2 - (q * logits**2).sum(axis=1)
