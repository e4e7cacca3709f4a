"""The statistics of groups of logits, computed for a few rows at once, so that on a CPU they stay in its cache."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from lm_eval_hesnr.models.torch_engine.topk import RowStatistics, row_statistics
from lm_eval_hesnr.scoring.statistics import NO_EXTRAS, Extras

_CPU_NUMBERS, _GPU_NUMBERS = 2**20, 2**26
"""The number of logits from which statistics are computed at once. On a CPU they fit into its cache; on a GPU they take
1/4 GiB."""


def statistics_in_blocks(
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
        at_once = max((_CPU_NUMBERS if logits.device.type == "cpu" else _GPU_NUMBERS) // logits.shape[1], 1)
        for block in logits.split(at_once):
            # if a model is spread over devices, its head and its input may be on different devices
            parts.append(row_statistics(block, targets[done : done + len(block)].to(block.device), k, extras))
            done += len(block)
        del logits, block  # free them before the next ones are made
    columns: list[Any] = [None if column[0] is None else torch.cat(column) for column in zip(*parts, strict=True)]
    return RowStatistics(*columns)
