"""The tokens of a trajectory before and after something: the sums from which the parts of a change follow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from lm_eval_hesnr.metrics.decomposition import part_totals
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.scoring.token_scores import TokenScores

RANKS = (1, 2, 3, 5, 10, 20, 50)
"""The k of the top-k accuracies."""
SET_COLUMNS = ("tokens", "rank_1", "top_k", "nll", "snr")
"""The sums over the decisions *before*, with the numbers *after*: tokens, those with rank 1 and with rank <= k,
-logprob, and p / max(entropy, epsilon) (`lm_eval_hesnr.results.compare.set_of`)."""


class Decided(NamedTuple):
    """What is kept of one trajectory before the change."""

    digest: str
    """Of its tokens."""
    snr: np.ndarray
    """(n,) p / entropy of the scored tokens."""
    decisions: np.ndarray
    """(n,) bool."""

    @classmethod
    def of(cls, scores: TokenScores) -> Decided:
        """Those of one trajectory."""
        chosen = scores.scored
        return cls(scores.digest, scores.snr[chosen], scores.decisions(EPSILON)[chosen])


def parts(before: Decided, after: TokenScores) -> np.ndarray:
    """(len(decomposition.COLUMNS),) sums of one trajectory."""
    other = Decided.of(after)
    return part_totals(before.snr, before.decisions, other.snr, other.decisions)


def on_set(before: Decided, after: TokenScores) -> np.ndarray:
    """(len(SET_COLUMNS),) sums of one trajectory."""
    places = np.flatnonzero(after.scored)[before.decisions]
    rank, logprob = after.rank[places], after.logprob[places].astype(np.float64)
    bounded = np.maximum(after.entropy[places].astype(np.float64), EPSILON)
    return np.array(
        [len(places), (rank == 1).sum(), (rank <= after.k).sum(), -logprob.sum(), (np.exp(logprob) / bounded).sum()]
    )


def ranks(after: TokenScores, chosen: np.ndarray) -> np.ndarray:
    """(len(RANKS),) how many of the chosen tokens have a rank up to each k."""
    return np.array([(after.rank[chosen] <= k).sum() for k in RANKS])


def line(numbers: np.ndarray) -> str:
    """The numbers as one text."""
    return " ".join(f"{number:.9g}" for number in numbers)


def rows_of(lines: Sequence[str]) -> np.ndarray:
    """(D, C) numbers of texts of `line`."""
    return np.array([[float(number) for number in one.split(" ")] for one in lines])


def write_decided(path: Path, found: Sequence[Decided], **others: np.ndarray) -> None:
    """Write what is kept of all trajectories, and other arrays. A process that is killed leaves no half of a file."""
    partial = path.with_suffix(f".{os.getpid()}.tmp.npz")
    path.parent.mkdir(parents=True, exist_ok=True)
    arrays: dict[str, Any] = {
        "digests": np.array([one.digest for one in found]),
        "ends": np.cumsum([len(one.snr) for one in found]),
        "snr": np.concatenate([one.snr for one in found]),
        "decisions": np.concatenate([one.decisions for one in found]),
        **others,
    }
    np.savez(partial, **arrays)
    partial.replace(path)


def read_decided(path: Path) -> list[Decided]:
    """What `write_decided` wrote, without the other arrays."""
    with np.load(path) as found:
        ends = found["ends"][:-1]
        pairs = zip(np.split(found["snr"], ends), np.split(found["decisions"], ends), strict=True)
        return [Decided(str(one), *pair) for one, pair in zip(found["digests"], pairs, strict=True)]
