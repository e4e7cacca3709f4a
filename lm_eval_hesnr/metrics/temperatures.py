"""What a run at temperature 1 tells about other temperatures: the sums behind the calibrated he_snr.

At temperature T, the model's distribution is softmax(logits / T). For each token a run can record ln Z(T), the
logarithm of the sum over the vocabulary of exp((logit - largest logit) / T), at a grid that is uniform in 1/T. The k
candidates are the same at every T. So their logits and ln Z(T) give the exact probabilities, entropies and decisions at
every T of the grid.
"""

from __future__ import annotations

import math

import numpy as np

INVERSE_TEMPERATURES = np.arange(4, 17) / 8
"""(G,) the grid, 1/T: 0.5, 0.625, ... 2. So T is from 2 down to 0.5."""
_ONE = int(np.flatnonzero(INVERSE_TEMPERATURES == 1)[0])

LEAST_ENTROPY = math.log(2)
"""Nats. The candidates' logits of a token are recorded if the candidates' entropy is larger at the highest temperature
of the grid. For fixed candidates, entropy rises with temperature. So a token without them is below every epsilon of at
least ln 2, at every temperature."""

SUMS_BY_TEMPERATURE = ("nll", "decisions", "snr")
"""Rows of the sums: -logprob over all tokens; the number of decisions; p / entropy over decisions."""


def sums_by_temperature(
    logprob: np.ndarray, rank: np.ndarray, log_z: np.ndarray, top_logits: np.ndarray, *, k: int, epsilon: float
) -> np.ndarray:
    """(3, G) float64: the sums of `SUMS_BY_TEMPERATURE` over n tokens, at each temperature of the grid.

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
    sums = np.zeros((len(SUMS_BY_TEMPERATURE), len(INVERSE_TEMPERATURES)))
    sums[0] = nll.sum(axis=0)
    may_decide = (rank <= k) & ~np.isnan(top_logits[:, :1]).any(axis=1)
    candidates, nll = top_logits[may_decide].astype(np.float64), nll[may_decide]
    for i, inverse in enumerate(INVERSE_TEMPERATURES):
        entropy = _entropy(candidates * inverse)
        decided = entropy > epsilon
        sums[1:, i] = decided.sum(), (np.exp(-nll[decided, i]) / entropy[decided]).sum()
    if epsilon < LEAST_ENTROPY or np.isnan(sums[0]).any():
        sums[1:] = np.nan
    return sums


def _entropy(logits: np.ndarray) -> np.ndarray:
    """(n,) nats: the entropy of softmax(logits) over (n, k) logits, of which the largest is 0."""
    weights = np.exp(logits)
    total = weights.sum(axis=1)
    return np.asarray(np.log(total) - (weights * np.maximum(logits, -1e30)).sum(axis=1) / total)
