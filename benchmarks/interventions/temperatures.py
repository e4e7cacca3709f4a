"""What one pass needs to record so that probabilities and entropies at other temperatures follow.

At temperature T, the model's distribution is softmax(logits / T). The k candidates are the same at every temperature.
So their logits and the logarithm of the partition sum at T are enough.
"""

from __future__ import annotations

import numpy as np
import torch

from lm_eval_hesnr.metrics.edges import EPSILON

INVERSES = np.arange(4, 17) / 8
"""The grid: 1/T from 0.5 to 2, so T from 2 down to 0.5."""
ONE = 4
"""The index of T = 1 in the grid."""


def log_partitions(logits: torch.Tensor) -> torch.Tensor:
    """(R, temperatures) float32: ln of the sum over the vocabulary of exp((logit - largest) / T), from (R, V) logits.

    Each power is the one before times the same factor, because the grid is uniform in 1/T. A product costs much less
    than an exponential.
    """
    power = ((logits - logits.amax(-1, keepdim=True)) / 2).exp_()  # at 1/T = 0.5
    factor = power.sqrt().sqrt_()  # 1/8, the step of the grid
    sums = [power.sum(-1)]
    for _ in INVERSES[1:]:
        sums.append(power.mul_(factor).sum(-1))
    return torch.stack(sums, dim=-1).log_()


def sums_at_temperatures(
    logprob: np.ndarray, rank: np.ndarray, log_z: np.ndarray, top_logits: np.ndarray
) -> np.ndarray:
    """(temperatures, 4): sum of -logprob, tokens, sum of p / entropy over decisions, decisions.

    Args:
        logprob: (R,) nats, at T = 1.
        rank: (R,) the same at every temperature.
        log_z: (R, temperatures), from `log_partitions`.
        top_logits: (R, k) the candidates' logits minus the largest logit.
    """
    log_z = log_z.astype(np.float64)
    target = logprob + log_z[:, ONE]  # the target's logit minus the largest logit
    in_top_k = rank <= top_logits.shape[1]
    rows = []
    for inverse, own in zip(INVERSES, log_z.T, strict=True):
        logprob_here = inverse * target - own
        weights = np.exp(top_logits.astype(np.float64) * inverse)
        q = weights / weights.sum(axis=1, keepdims=True)
        entropy = -(q * np.log(np.maximum(q, 1e-300))).sum(axis=1)
        decided = in_top_k & (entropy > EPSILON)
        snr = np.exp(logprob_here[decided]) / entropy[decided]
        rows.append((-logprob_here.sum(), len(logprob), snr.sum(), decided.sum()))
    return np.array(rows)
