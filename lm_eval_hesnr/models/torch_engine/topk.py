"""The statistics of a token, from the logits of the row that predicts it.

The definitions are those of HE-SNR (arXiv 2601.20255). With p = softmax(logits), C the k most likely entries, and
q = p / p(C):

    logprob = ln p(target)      top_mass = p(C)      entropy = - sum over C of q ln q
    collision = sum over C of p^2
    rank = 1 + number of entries whose logit is strictly greater than the target's

Two options add columns. With `temperatures`, ln Z(T) at a grid that is uniform in 1/T, and the candidates' logits
(`metrics.temperatures`). With `candidates`, the candidates' ids and logprobs.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch

from lm_eval_hesnr.metrics.temperatures import INVERSE_TEMPERATURES, LEAST_ENTROPY
from lm_eval_hesnr.scoring.statistics import NO_EXTRAS, Extras

_BLOCK = 128
"""Vocabulary entries per block in `top_values`."""

_LOG2_E = 1 / math.log(2)

_CPU_WEIGHTS, _GPU_WEIGHTS = 2**19, 2**24
"""How many numbers `_log_partitions` multiplies again and again. Two copies of them fit into a CPU's cache."""


class RowStatistics(NamedTuple):
    """Statistics of R rows as tensors. `scoring.statistics.Statistics` has the same columns as arrays."""

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
    log_z: torch.Tensor | None = None
    """(R, G) float32."""
    top_logits: torch.Tensor | None = None
    """(R, k) float32; NaN in rows whose entropy at the highest temperature is at most `LEAST_ENTROPY`."""
    top_ids: torch.Tensor | None = None
    """(R, k) int32; -1 unless entropy > ln 2 and rank <= k."""
    top_logprobs: torch.Tensor | None = None
    """(R, k) float16; NaN where `top_ids` is -1."""


def row_statistics(logits: torch.Tensor, targets: torch.Tensor, k: int, extras: Extras = NO_EXTRAS) -> RowStatistics:
    """Statistics of each row's target.

    Args:
        logits: (R, V) of any floating type; the computation is in float32.
        targets: (R,) int64, the token that each row predicts.
        k: size of the candidate set, at most V.
        extras: the optional columns to compute.
    """
    given, logits = logits, logits.float()
    top = top_values(logits, k)  # (R, k), largest first
    highest = top[:, :1]
    target = logits.gather(1, targets[:, None])  # (R, 1)
    # for targets among the candidates, the k values give the rank; only the others need the whole vocabulary
    rank = 1 + (top > target).sum(-1, dtype=torch.int32)
    outside = (target < top[:, -1:]).squeeze(1).nonzero().squeeze(1)
    if len(outside):
        # on a CPU, index_select copies rows eight times as fast as brackets do, and a sum of 1.0 is exact up to 2^24
        some = logits.index_select(0, outside)
        rank[outside] = 1 + some.gt_(target[outside]).sum(-1).to(torch.int32)
        del some
    # (x - max) - log_sum keeps the last digits, which x - logsumexp would round away
    weights = _exponentials(logits - highest if logits is given else logits.sub_(highest))  # (R, V), in our own copy
    del logits
    log_sum = weights.sum(-1, keepdim=True).log_()  # (R, 1)
    log_z = _log_partitions(weights) if extras.temperatures else None
    del weights
    top_logits = top - highest  # (R, k)
    top_logprob = top_logits - log_sum  # (R, k)
    p = top_logprob.exp()
    q = torch.softmax(top, dim=-1)
    entropy = torch.special.entr(q).sum(-1)
    logprob = ((target - highest) - log_sum).squeeze(1)
    found = RowStatistics(logprob, entropy, rank, p.sum(-1).clamp_(max=1.0), p.square().sum(-1).clamp_(max=1.0), log_z)
    if extras.temperatures:
        hottest = torch.softmax(top_logits * float(INVERSE_TEMPERATURES[0]), dim=-1)
        is_needed = torch.special.entr(hottest).sum(-1, keepdim=True) > LEAST_ENTROPY
        found = found._replace(top_logits=top_logits.masked_fill(~is_needed, torch.nan))
    return _with_candidates(found, given, top_logprob) if extras.candidates else found


def _with_candidates(found: RowStatistics, logits: torch.Tensor, top_logprob: torch.Tensor) -> RowStatistics:
    """The statistics with the ids and logprobs of the candidates, where the token may be a decision."""
    k = top_logprob.shape[1]
    rows = ((found.entropy > LEAST_ENTROPY) & (found.rank <= k)).nonzero().squeeze(1)
    ids = torch.full(top_logprob.shape, -1, dtype=torch.int32, device=logits.device)
    values = torch.full_like(top_logprob, torch.nan, dtype=torch.float16)
    if len(rows):
        ids[rows] = _top_indices(logits[rows].float(), k).to(torch.int32)
        values[rows] = top_logprob[rows].to(torch.float16)
    return found._replace(top_ids=ids, top_logprobs=values)


def _exponentials(values: torch.Tensor) -> torch.Tensor:
    """The exponential of each value, in place. On a CPU, PyTorch's `exp2` takes a third of the time of `exp`."""
    return values.mul_(_LOG2_E).exp2_() if values.device.type == "cpu" else values.exp_()


def _log_partitions(weights: torch.Tensor) -> torch.Tensor:
    """(R, G): the logarithm of each row's sum of weights^(1/T), at each temperature of the grid.

    The grid is uniform in 1/T. So each power is the one before, times the same factor. A product costs a fraction of an
    exponential. The weights are at most 1, so no power can overflow. A weight that underflows adds less than 1e-18 to a
    sum, which is at least 1.
    """
    at_once = max((_GPU_WEIGHTS if weights.is_cuda else _CPU_WEIGHTS) // weights.shape[1], 1)
    sums = []
    for block in weights.split(at_once):
        power = block.sqrt()  # 1/T = 1/2
        factor = power.sqrt().sqrt_()  # 1/8, the step of the grid
        of_block = [power.sum(-1)]
        for _ in INVERSE_TEMPERATURES[1:]:
            of_block.append(power.mul_(factor).sum(-1))
        sums.append(torch.stack(of_block, dim=-1))
    return torch.cat(sums).log_()


def top_values(rows: torch.Tensor, k: int) -> torch.Tensor:
    """(R, k): the exact k largest values of each row of (R, V), largest first.

    The k largest values are in the k blocks with the largest maxima, so only these blocks are sorted. This is several
    times faster than `torch.topk` over the vocabulary. If two entries are equal, it may choose one
    and `torch.topk` the other, but the values are the same.
    """
    n_blocks = rows.shape[1] // _BLOCK
    if n_blocks <= k:
        return rows.topk(k, dim=-1).values
    return _in_best_blocks(rows, k)[0].topk(k, dim=-1).values


def _top_indices(rows: torch.Tensor, k: int) -> torch.Tensor:
    """(R, k) int64: the indices of `top_values`."""
    n_blocks = rows.shape[1] // _BLOCK
    if n_blocks <= k:
        return rows.topk(k, dim=-1).indices
    candidates, best = _in_best_blocks(rows, k)
    at = candidates.topk(k, dim=-1).indices
    n_in_blocks = k * _BLOCK
    block = best.gather(1, (at // _BLOCK).clamp(max=k - 1))
    return torch.where(at < n_in_blocks, block * _BLOCK + at % _BLOCK, at - n_in_blocks + n_blocks * _BLOCK)


def _in_best_blocks(rows: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The entries of the k blocks with the largest maxima, then those after the last full block; and these blocks."""
    n_rows, vocabulary = rows.shape
    n_blocks = vocabulary // _BLOCK
    blocks = rows[:, : n_blocks * _BLOCK].unflatten(1, (n_blocks, _BLOCK))  # (R, blocks, _BLOCK)
    best = blocks.amax(-1).topk(k, dim=-1).indices  # (R, k)
    candidates = blocks[torch.arange(n_rows, device=rows.device)[:, None], best].flatten(1)
    return torch.cat([candidates, rows[:, n_blocks * _BLOCK :]], dim=1), best
