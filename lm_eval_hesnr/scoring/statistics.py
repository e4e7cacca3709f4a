"""The statistics of a token, from an engine's logprobs of this token and of the top k tokens.

`models.torch_engine.topk` computes the same statistics from logits; this module is for engines that do not return
logits. The results can differ in two ways:

- Logprobs are rounded to float32, so two logits that differ in the last digit can count as equal.
- Up to k, the rank is counted from the k values. Beyond k, it is the engine's own rank. vLLM gives tied tokens the
  worst of their ranks, not the best. If an engine returns no rank, the rank is k + 1, which means "more than k". No
  measure uses ranks beyond k.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lm_eval_hesnr.metrics.temperatures import LEAST_ENTROPY


class Extras(NamedTuple):
    """The optional statistics that a run records."""

    temperatures: bool = False
    """`log_z` and `top_logits`."""
    candidates: bool = False
    """`top_ids` and `top_logprobs`."""

    def beyond(self, offered: Extras) -> list[str]:
        """The names of the options that are not among the offered ones."""
        return [name for name in self._fields if getattr(self, name) and not getattr(offered, name)]


NO_EXTRAS, ALL_EXTRAS = Extras(), Extras(temperatures=True, candidates=True)


class Statistics(NamedTuple):
    """Statistics of R requested tokens, in order, as numpy arrays. Every engine returns this type.

    `models.torch_engine.topk.RowStatistics` has the same columns as torch tensors, which may still be on a GPU.
    """

    logprob: np.ndarray
    """(R,) float32, nats: logprob of the token itself."""
    entropy: np.ndarray
    """(R,) float32, nats, in [0, ln k]: entropy of the k most likely tokens, renormalised."""
    rank: np.ndarray
    """(R,) int32, >= 1: rank of the token itself."""
    top_mass: np.ndarray
    """(R,) float32 in [0, 1]: probability of the k most likely tokens together."""
    collision: np.ndarray
    """(R,) float32 in [0, 1]: sum of the squared probabilities of the k most likely tokens."""
    log_z: np.ndarray | None = None
    """(R, G) float32: ln Z at each temperature of the grid, see `metrics.temperatures`."""
    top_logits: np.ndarray | None = None
    """(R, k) float32, largest first: logits of the k most likely tokens minus the largest logit. NaN for tokens whose
    entropy at the highest temperature is at most `temperatures.LEAST_ENTROPY`."""
    top_ids: np.ndarray | None = None
    """(R, k) int32: the k most likely tokens, the most likely first. -1 unless entropy > ln 2 and rank <= k."""
    top_logprobs: np.ndarray | None = None
    """(R, k) float16, nats: their logprobs. NaN where `top_ids` is -1."""

    @classmethod
    def concatenated(cls, parts: Sequence[Statistics]) -> Statistics:
        """The statistics of several groups of tokens, one after the other."""
        columns = zip(*parts, strict=True)
        whole: list[Any] = [None if column[0] is None else np.concatenate(column) for column in columns]
        return cls(*whole)


def with_candidates(statistics: Statistics, ids: np.ndarray, top: np.ndarray) -> Statistics:
    """The statistics with `top_ids` and `top_logprobs`.

    Args:
        statistics: of R tokens.
        ids: (R, k) the k most likely tokens, in any order.
        top: (R, k) their logprobs.
    """
    order = np.argsort(-top, axis=1, kind="stable")
    k = top.shape[1]
    kept = ((statistics.entropy > LEAST_ENTROPY) & (statistics.rank <= k))[:, None]
    with np.errstate(over="ignore"):  # what is below the range of float16 becomes minus infinity
        top_logprobs = np.where(kept, np.take_along_axis(top, order, axis=1), np.nan).astype(np.float16)
    top_ids = np.where(kept, np.take_along_axis(ids, order, axis=1), -1).astype(np.int32)
    return statistics._replace(top_ids=top_ids, top_logprobs=top_logprobs)


def statistics_of(target: np.ndarray, top: np.ndarray, rank_beyond: np.ndarray | None = None) -> Statistics:
    """The five statistics of R tokens that every run records.

    Args:
        target: (R,) logprob of each token, nats.
        top: (R, k) the k largest logprobs of each row, in any order.
        rank_beyond: (R,) the engine's rank of each token, used where the token is not among the top k; None if the
            engine returns no ranks.
    """
    target, top = np.asarray(target, np.float64), np.asarray(top, np.float64)
    k = top.shape[1]
    p = np.exp(top)  # (R, k)
    mass = p.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        q = p / mass[:, None]
        entropy = -np.where(q > 0, q * np.log(q), q).sum(axis=1)  # NaN where a logprob is NaN
    rank = 1 + (top > target[:, None]).sum(axis=1)
    beyond = np.full(len(target), k + 1) if rank_beyond is None else np.maximum(rank_beyond, k + 1)
    return Statistics(
        target.astype(np.float32),
        np.clip(entropy, 0, np.log(k)).astype(np.float32),
        np.where(rank > k, beyond, rank).astype(np.int32),
        np.minimum(mass, 1).astype(np.float32),
        np.minimum((p**2).sum(axis=1), 1).astype(np.float32),
    )
