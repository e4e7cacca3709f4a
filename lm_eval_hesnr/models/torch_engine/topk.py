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
from collections.abc import Iterable
from typing import Any, NamedTuple

import torch

from lm_eval_hesnr.metrics.temperatures import INVERSE_TEMPERATURES, LEAST_ENTROPY
from lm_eval_hesnr.models.torch_engine.largest import block_maxima, largest, rows_at_once
from lm_eval_hesnr.scoring.statistics import NO_EXTRAS, Extras

_CPU_NUMBERS, _GPU_NUMBERS = 2**20, 2**26
"""The number of logits that are copied at once. On a CPU they fit into its cache; on a GPU they take 1/4 GiB."""

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


def statistics_of_groups(
    groups: Iterable[torch.Tensor], targets: torch.Tensor, k: int, extras: Extras = NO_EXTRAS
) -> RowStatistics:
    """The statistics of R targets.

    Args:
        groups: (R', V) logits of consecutive groups of rows, R rows in all. The next group may overwrite this one.
        targets: (R,) int64.
        k: size of the candidate set, at most V.
        extras: the optional columns to compute.
    """
    parts: list[RowStatistics] = []
    done = 0
    for logits in groups:
        # if a model is spread over devices, its head and its input may be on different devices
        parts.append(row_statistics(logits, targets[done : done + len(logits)].to(logits.device), k, extras))
        done += len(logits)
        del logits  # free them before the next ones are made
    columns: list[Any] = [None if column[0] is None else torch.cat(column) for column in zip(*parts, strict=True)]
    return RowStatistics(*columns)


@torch.no_grad()  # operations with out= refuse tensors that need a gradient
def row_statistics(logits: torch.Tensor, targets: torch.Tensor, k: int, extras: Extras = NO_EXTRAS) -> RowStatistics:
    """Statistics of each row's target.

    Only what needs every logit is computed for a few rows at a time. Each operation costs some microseconds, so all
    others are computed for all rows at once.

    Args:
        logits: (R, V) of any floating type; the computation is in float32.
        targets: (R,) int64, the token that each row predicts.
        k: size of the candidate set, at most V.
        extras: the optional columns to compute.
    """
    numbers = _CPU_NUMBERS if logits.device.type == "cpu" else _GPU_NUMBERS
    at_once = rows_at_once(numbers, logits.shape[1])
    maxima, total, log_z = _read(logits, k, at_once, temperatures=extras.temperatures)
    top, ids = largest(logits, maxima, k, numbers)
    highest = top[:, :1]
    target = logits.gather(1, targets[:, None]).float()  # (R, 1)
    rank = _ranks(logits, target, top, at_once)
    # (x - max) - log_sum keeps the last digits, which x - logsumexp would round away
    log_sum = total.log_()
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
    if extras.candidates:
        is_unneeded = ~((entropy > LEAST_ENTROPY) & (rank <= k))[:, None]  # also where the entropy is NaN
        found = found._replace(
            top_ids=ids.to(torch.int32).masked_fill(is_unneeded, -1),
            top_logprobs=top_logprob.to(torch.float16).masked_fill(is_unneeded, torch.nan),
        )
    return found


def _read(
    logits: torch.Tensor, k: int, at_once: int, *, temperatures: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """What needs every logit: the maxima for `largest`; (R, 1) sums of exp(x - max); (R, G) ln Z if asked for.

    Intermediate results share one memory for all rows: on a CPU, new memory costs page faults.
    """
    own = logits.new_empty((min(at_once, len(logits)), logits.shape[1]), dtype=torch.float32)
    maxima, total, log_z = [], [], []
    for block in logits.split(at_once):
        weights = own[: len(block)]
        values = block if block.dtype == torch.float32 else weights.copy_(block)
        maxima.append(block_maxima(values, k))
        torch.sub(values, maxima[-1].amax(-1, keepdim=True), out=weights)
        total.append(_exponentials(weights).sum(-1, keepdim=True))
        if temperatures:
            log_z.append(_log_partitions(weights))
    return torch.cat(maxima), torch.cat(total), torch.cat(log_z) if temperatures else None


def _ranks(logits: torch.Tensor, target: torch.Tensor, top: torch.Tensor, at_once: int) -> torch.Tensor:
    """(R,) int32. For targets among the candidates, the candidates suffice; only the others need the whole row."""
    rank = 1 + (top > target).sum(-1, dtype=torch.int32)
    outside = (target < top[:, -1:]).squeeze(1).nonzero().squeeze(1)
    for rows in outside.split(at_once):
        # on a CPU, index_select copies rows eight times as fast as brackets do, and a sum of 1.0 is exact up to 2^24
        values = logits.index_select(0, rows).float()
        rank[rows] = 1 + values.gt_(target[rows]).sum(-1).to(torch.int32)
    return rank


def _exponentials(values: torch.Tensor) -> torch.Tensor:
    """The exponential of each value, in place. On a CPU, PyTorch's `exp2` takes a third of the time of `exp`."""
    return values.mul_(_LOG2_E).exp2_() if values.device.type == "cpu" else values.exp_()


def _log_partitions(weights: torch.Tensor) -> torch.Tensor:
    """(R, G): the logarithm of each row's sum of weights^(1/T), at each temperature of the grid.

    The grid is uniform in 1/T. So each power is the one before, times the same factor. A product costs a fraction of an
    exponential. The weights are at most 1, so no power can overflow. A weight that underflows adds less than 1e-18 to a
    sum, which is at least 1.
    """
    at_once = rows_at_once(_CPU_WEIGHTS if weights.device.type == "cpu" else _GPU_WEIGHTS, weights.shape[1])
    sums = []
    for block in weights.split(at_once):
        power = block.sqrt()  # 1/T = 1/2
        factor = power.sqrt().sqrt_()  # 1/8, the step of the grid
        of_block = [power.sum(-1)]
        for _ in INVERSE_TEMPERATURES[1:]:
            of_block.append(power.mul_(factor).sum(-1))
        sums.append(torch.stack(of_block, dim=-1))
    return torch.cat(sums).log_()
