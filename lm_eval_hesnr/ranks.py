"""Splits trajectories between ranks so that each reads about the same amount, and merges the ranks' results.

Only the first rank logs. All ranks have the same options and read the same files, so the others would repeat its lines.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Hashable, Sequence
from typing import Any


def is_first_rank(record: logging.LogRecord | None = None) -> bool:
    """Whether this process is the first one of its launcher (torchrun, accelerate), or the only one."""
    return os.environ.get("RANK") in (None, "", "0")


logging.getLogger("lm_eval.hesnr").addFilter(is_first_rank)


def split_by_size(sizes: Sequence[int], n_ranks: int) -> list[list[int]]:
    """The indices of each rank's items, in ascending order.

    The largest item is assigned first. Each item goes to the rank with the smallest sum of sizes so far. If there are
    fewer items than ranks, each idle rank gets the smallest item again, because the harness needs a document on every
    rank. `merge_ranks` removes these repeated items.

    Args:
        sizes: the size of each item; at least one item.
        n_ranks: number of ranks.
    """
    assigned: list[list[int]] = [[] for _ in range(n_ranks)]
    total = [0] * n_ranks
    largest_first = sorted(range(len(sizes)), key=lambda i: (-sizes[i], i))
    for i in largest_first + largest_first[-1:] * (n_ranks - len(sizes)):
        rank = min(range(n_ranks), key=lambda r: (total[r], len(assigned[r])))
        assigned[rank].append(i)
        total[rank] += sizes[i]
    return [sorted(indices) for indices in assigned]


def merge_ranks(gathered: list[Any]) -> list[Any]:
    """The results of all ranks, as one process would have them: each document once, samples in order.

    Args:
        gathered: one dictionary per rank, as the harness's `evaluate` makes them. It maps a task to its samples,
            or a task to a dictionary from (metric, filter) to values. A value's attribute `document` names its
            document; values without this attribute are kept unchanged.
    """
    seen: set[Hashable] = set()

    def _is_new(place: Hashable) -> bool:
        new = place not in seen
        seen.add(place)
        return new

    merged = []
    samples: dict[Any, list[Any]] = {}
    for rank in gathered:
        own: dict[Any, Any] = {}
        for task, found in rank.items():
            if isinstance(found, list):
                samples.setdefault(task, []).extend(s for s in found if _is_new((task, s["doc_id"], s["filter"])))
                own[task] = []
            else:
                own[task] = {
                    metric: [v for v in values if not hasattr(v, "document") or _is_new((task, metric, v.document))]
                    for metric, values in found.items()
                }
        merged.append(own)
    for task, found in samples.items():
        filters = list(dict.fromkeys(sample["filter"] for sample in found))
        merged[0][task] = sorted(found, key=lambda s: (filters.index(s["filter"]), s["doc_id"]))
    return merged
