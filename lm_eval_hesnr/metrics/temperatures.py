"""What a run at temperature 1 tells about other temperatures: the sums behind the calibrated he_snr.

At temperature T, the model's distribution is softmax(logits / T). For each token a run can record ln Z(T), the
logarithm of the sum over the vocabulary of exp((logit - largest logit) / T), at a grid that is uniform in 1/T. The k
candidates are the same at every T. So their logits and ln Z(T) give the exact probabilities, entropies and decisions at
every T of the grid. Both change smoothly with 1/T, so they are interpolated in between.
"""

from __future__ import annotations

import math

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

SUMS_BY_TEMPERATURE = ("nll", "decisions", "snr")
"""Rows of the sums: -logprob over all tokens; the number of decisions; p / entropy over decisions."""


def sums_by_temperature(
    logprob: np.ndarray, rank: np.ndarray, log_z: np.ndarray, top_logits: np.ndarray, *, k: int, epsilon: float
) -> np.ndarray:
    """(3, F) float64: the sums of `SUMS_BY_TEMPERATURE` over n tokens, at each temperature of the finer grid.

    Between two points of the grid, each token's logprob and entropy are interpolated. So a token is a decision up to
    its own temperature. Interpolated sums would be less exact, because decisions come and go one by one.

    A sum that is not known is NaN: every sum if `log_z` is NaN for a token, and those over decisions if epsilon is
    below ln 2.

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
    for start in range(0, len(may_decide), _BLOCK):
        rows = may_decide[start : start + _BLOCK]
        candidates = top_logits[rows].astype(np.float64)
        entropies = np.stack([_entropy(candidates * inverse) for inverse in INVERSE_TEMPERATURES], axis=1) @ _TO_FINE
        decided = entropies > epsilon  # (n, F)
        snr = np.divide(np.exp(-nll[rows] @ _TO_FINE), entropies, out=np.zeros_like(entropies), where=decided)
        sums[1:] += decided.sum(axis=0), snr.sum(axis=0)
    if epsilon < LEAST_ENTROPY or np.isnan(sums[0]).any():
        sums[1:] = np.nan
    return sums


def _entropy(logits: np.ndarray) -> np.ndarray:
    """(n,) nats: the entropy of softmax(logits) over (n, k) logits, of which the largest is 0."""
    weights = np.exp(logits)
    total = weights.sum(axis=1)
    return np.asarray(np.log(total) - (weights * np.maximum(logits, -1e30)).sum(axis=1) / total)
