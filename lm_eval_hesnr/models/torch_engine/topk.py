"""The five statistics of a token, from the logits of the row that predicts it.

The definitions are those of HE-SNR (arXiv 2601.20255). With p = softmax(logits), C the k most likely entries, and
q = p / p(C):

    logprob = ln p(target)      top_mass = p(C)      entropy = - sum over C of q ln q
    collision = sum over C of p^2
    rank = 1 + number of entries whose logit is strictly greater than the target's
"""

from __future__ import annotations

from typing import NamedTuple

import torch

_BLOCK = 128
"""Vocabulary entries per block in `top_values`."""


class RowStatistics(NamedTuple):
    """Statistics of R rows as tensors. `scoring.statistics.Statistics` has the same five columns as arrays."""

    logprob: torch.Tensor
    """(R,) float32, nats."""
    entropy: torch.Tensor
    """(R,) float32, nats, in [0, ln k]."""
    rank: torch.Tensor
    """(R,) int32."""
    top_mass: torch.Tensor
    """(R,) float32."""
    collision: torch.Tensor
    """(R,) float32."""


def row_statistics(logits: torch.Tensor, targets: torch.Tensor, k: int) -> RowStatistics:
    """Statistics of each row's target.

    Args:
        logits: (R, V) of any floating type; the computation is in float32.
        targets: (R,) int64, the token that each row predicts.
        k: size of the candidate set, at most V.
    """
    logits = logits.float()
    top = top_values(logits, k)  # (R, k), largest first
    highest = top[:, :1]
    # (x - max) - log_sum keeps the last digits, which x - logsumexp would round away
    log_sum = (logits - highest).exp_().sum(-1, keepdim=True).log_()  # (R, 1)
    target = logits.gather(1, targets[:, None])  # (R, 1)
    top_logprob = (top - highest) - log_sum  # (R, k)
    p = top_logprob.exp()
    q = torch.softmax(top, dim=-1)
    entropy = torch.special.entr(q).sum(-1)
    # for targets among the candidates, the k values give the rank; only the others need the whole vocabulary
    rank = 1 + (top > target).sum(-1, dtype=torch.int32)
    outside = (target < top[:, -1:]).squeeze(1).nonzero().squeeze(1)
    if len(outside):
        rank[outside] = 1 + (logits[outside] > target[outside]).sum(-1, dtype=torch.int32)
    logprob = ((target - highest) - log_sum).squeeze(1)
    return RowStatistics(logprob, entropy, rank, p.sum(-1).clamp_(max=1.0), p.square().sum(-1).clamp_(max=1.0))


def top_values(rows: torch.Tensor, k: int) -> torch.Tensor:
    """(R, k): the exact k largest values of each row of (R, V), largest first.

    The k largest values are in the k blocks with the largest maxima, so only these blocks are sorted. This is several
    times faster than `torch.topk` over the vocabulary. If two entries are equal, it may choose one
    and `torch.topk` the other, but the values are the same.
    """
    n_rows, vocabulary = rows.shape
    n_blocks = vocabulary // _BLOCK
    if n_blocks <= k:
        return rows.topk(k, dim=-1).values
    blocks = rows[:, : n_blocks * _BLOCK].unflatten(1, (n_blocks, _BLOCK))  # (R, blocks, _BLOCK)
    best = blocks.amax(-1).topk(k, dim=-1).indices  # (R, k)
    candidates = blocks.gather(1, best[:, :, None].expand(n_rows, k, _BLOCK)).flatten(1)
    tail = rows[:, n_blocks * _BLOCK :]  # the entries after the last full block
    return torch.cat([candidates, tail], dim=1).topk(k, dim=-1).values
