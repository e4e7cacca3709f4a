"""Which checkpoints of a list are evaluated, and in which order."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.sweep.checkpoint import Checkpoint

ORDERS = ("oldest", "newest", "spread")

_RANGE = re.compile(r"(\d*):(\d*)(?::(\d*))?")
_LIST = re.compile(r"\d+(?:,\d+)*")
_SHARD = re.compile(r"(\d{1,9})/(\d{1,9})")


def steps_filter(given: str | None) -> Callable[[int | None], bool]:
    """Whether a step is kept by `--steps`. A checkpoint without a step is kept only if the option is not given.

    Args:
        given: `A:B` or `A:B:C`, which means A, A + C, ... up to B, or a list such as `100,200`; None keeps all. Each
            part of a range can be empty.

    Raises:
        InputError: it is neither.
    """
    if given is None:
        return lambda step: True
    if _LIST.fullmatch(given):
        steps = {int(part) for part in given.split(",")}
        return lambda step: step in steps
    found = _RANGE.fullmatch(given)
    every = int(found[3] or 1) if found else 0
    if not found or not every:
        raise InputError(
            f"--steps {given}: expected FIRST:LAST, FIRST:LAST:EVERY or a list of steps, such as 1000:5000:500 or "
            "100,200"
        )
    first, last = int(found[1] or 0), float(found[2] or math.inf)
    return lambda step: step is not None and first <= step <= last and (step - first) % every == 0


def by_step(checkpoints: Sequence[Checkpoint]) -> list[Checkpoint]:
    """The checkpoints in ascending order of their steps; those without a step come last, in the given order."""
    return sorted(checkpoints, key=lambda one: (one.step is None, one.step or 0))


def in_order(checkpoints: Sequence[Checkpoint], order: str) -> list[Checkpoint]:
    """The checkpoints in the order of their evaluation.

    Args:
        checkpoints: in any order.
        order: `oldest` or `newest` first; `spread`: the last, the first, then the middle, and the middles of the gaps.
    """
    oldest_first = by_step(checkpoints)
    if order == "spread":
        return [oldest_first[i] for i in _spread(len(oldest_first))]
    return oldest_first if order == "oldest" else oldest_first[::-1]


def _spread(n: int) -> list[int]:
    """The numbers below n: the last, the first, then the middle of each gap, all gaps of one round at a time."""
    order = [n - 1, 0][: min(n, 2)]
    gaps = [(0, n - 1)]
    while gaps:
        middles = [(low, (low + high) // 2, high) for low, high in gaps if high - low > 1]
        order += [middle for _, middle, _ in middles]
        gaps = [gap for low, middle, high in middles for gap in ((low, middle), (middle, high))]
    return order


def shard_of(given: str) -> tuple[int, int]:
    """I and N of `--shard I/N`.

    Raises:
        InputError: it is not a pair of numbers with 1 <= I <= N.
    """
    found = _SHARD.fullmatch(given)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        raise InputError(f"--shard {given}: expected I/N with I from 1 to N, such as 1/8")
    return int(found[1]), int(found[2])


def in_shard(checkpoints: Sequence[Checkpoint], shard: tuple[int, int]) -> list[Checkpoint]:
    """Every N-th checkpoint of the list sorted by name, beginning with the I-th. The N shards contain each one once."""
    first, every = shard
    chosen = {one.name for one in sorted(checkpoints, key=lambda one: one.name)[first - 1 :: every]}
    return [one for one in checkpoints if one.name in chosen]
