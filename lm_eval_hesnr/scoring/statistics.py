"""The four statistics of a token, from what an engine tells: logprobs of the target and of the k most likely tokens.

The counterpart of `models.torch_engine.topk` for engines that keep their logits to themselves. Formulas are the same;
three things differ. Logprobs are rounded to float32, so two logits that differ in their last digit may count as equal.
The rank is counted among the k values, and is the engine's own beyond them: vLLM counts entries that are not smaller,
so it gives the last place to equals where ours gives the first. An engine that tells no rank gets k + 1 there, to be
read as "more than k". No measure looks at ranks beyond k.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Statistics(NamedTuple):
    """Statistics of R wanted tokens, in order."""

    logprob: np.ndarray
    """(R,) float32, nats."""
    entropy: np.ndarray
    """(R,) float32, nats, in [0, ln k]."""
    rank: np.ndarray
    """(R,) int32."""
    top_mass: np.ndarray
    """(R,) float32."""


def statistics_of(target: np.ndarray, top: np.ndarray, rank_beyond: np.ndarray | None = None) -> Statistics:
    """Statistics of R tokens.

    Args:
        target: (R,) logprob of each token, nats.
        top: (R, k) the k largest logprobs of its row, in any order.
        rank_beyond: (R,) what the engine calls the rank of a token that is not among them; None if it does not say.
    """
    target, top = np.asarray(target, np.float64), np.asarray(top, np.float64)
    k = top.shape[1]
    p = np.exp(top)  # (R, k)
    mass = p.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        q = p / mass[:, None]
        entropy = -np.where(q > 0, q * np.log(q), q).sum(axis=1)  # NaN stays NaN
    rank = 1 + (top > target[:, None]).sum(axis=1)
    beyond = np.full(len(target), k + 1) if rank_beyond is None else np.maximum(rank_beyond, k + 1)
    return Statistics(
        target.astype(np.float32),
        np.clip(entropy, 0, np.log(k)).astype(np.float32),
        np.where(rank > k, beyond, rank).astype(np.int32),
        np.minimum(mass, 1).astype(np.float32),
    )
