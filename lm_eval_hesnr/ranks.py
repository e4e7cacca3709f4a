"""Which rank scores which trajectory, so that every rank has about as much to read, and what comes back from all."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any


def deal(sizes: Sequence[int], n_ranks: int) -> list[list[int]]:
    """The indices that each rank gets, in order: each item, largest first, goes to the rank with the least so far.

    With fewer items than ranks the smallest item is dealt to each idle rank once more: the harness lets no rank go
    without, and `as_of_one_process` drops what comes back twice.

    Args:
        sizes: one an item, at least one item; the sum of a rank's is what is balanced.
        n_ranks: how many ranks there are.
    """
    dealt: list[list[int]] = [[] for _ in range(n_ranks)]
    total = [0] * n_ranks
    largest_first = sorted(range(len(sizes)), key=lambda i: (-sizes[i], i))
    for i in largest_first + largest_first[-1:] * (n_ranks - len(sizes)):
        rank = min(range(n_ranks), key=lambda r: (total[r], len(dealt[r])))
        dealt[rank].append(i)
        total[rank] += sizes[i]
    return [sorted(indices) for indices in dealt]


def as_of_one_process(gathered: list[Any]) -> list[Any]:
    """What the harness gathered from all ranks, each document once, and samples in the order that one process has.

    Args:
        gathered: one dictionary a rank, as `evaluate` makes them: task to samples, or task to (metric, filter) to
            values. A value tells its document by `scoped.document`; values that do not are kept as they are.
    """
    seen: set[Hashable] = set()

    def first(place: Hashable) -> bool:
        new = place not in seen
        seen.add(place)
        return new

    kept = []
    samples: dict[Any, list[Any]] = {}
    for rank in gathered:
        own: dict[Any, Any] = {}
        for task, found in rank.items():
            if isinstance(found, list):
                samples.setdefault(task, []).extend(s for s in found if first((task, s["doc_id"], s["filter"])))
                own[task] = []
            else:
                own[task] = {
                    metric: [v for v in values if not hasattr(v, "scoped") or first((task, metric, v.scoped.document))]
                    for metric, values in found.items()
                }
        kept.append(own)
    for task, found in samples.items():
        filters = list(dict.fromkeys(sample["filter"] for sample in found))
        kept[0][task] = sorted(found, key=lambda s: (filters.index(s["filter"]), s["doc_id"]))
    return kept
