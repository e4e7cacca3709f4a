"""The thresholds that are tried, and the sums that are kept of each one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.metrics.profile import pooled
from lm_eval_hesnr.metrics.thresholds import threshold
from lm_eval_hesnr.scoring.token_scores import TokenScores, is_above

KS = (5, 10, 20)
"""Sizes of the candidate set."""
K = 10
"""The default."""
PLATEAU = (math.log(2), math.log(5))
"""From the first to the second of these, the threshold is said not to matter."""
GRID = tuple(float(f"{one:.6f}") for one in np.linspace(0.4, 2.2, 60))
EPSILONS = (*GRID, *PLATEAU, EPSILON)
"""Static thresholds, nats: 60 values, both ends of the plateau, and last the default."""
GROUPS = 10
"""Trajectory i belongs to group i mod GROUPS. From the sums of the groups comes how exact he_snr is."""
COLUMNS = ("top_k", "snr", "tokens", "nll_top_k")
"""What is kept of each threshold: the decisions, the sum of p / entropy over them, all tokens above the threshold, and
the sum of -logprob over the decisions."""
IN_GROUPS = ("top_k", "snr")
"""What is kept of each group."""
QUANTILES = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
ADAPTIVE = (*(f"quantile {one:.2f}" for one in QUANTILES), "valley", "otsu")
"""Adaptive thresholds: from the pooled entropies of each checkpoint."""
TESTED = ("quantile 0.80", "valley", "otsu")
"""Those that are tested against the default: what the package offers, with its default quantile."""


def sums(scores: Sequence[TokenScores], chosen: Sequence[np.ndarray], k: int) -> dict[str, Any]:
    """The sums of `COLUMNS` at each threshold, over all trajectories, and those of `IN_GROUPS` over each group.

    Args:
        scores: at least one trajectory, with candidate sets of size k.
        chosen: for each trajectory (T,) bool, the tokens that count.
        k: size of the candidate set.

    Returns:
        `tokens`: how many count; `static`: one text with the numbers of each element of `EPSILONS`; `adaptive`: for
        each element of `ADAPTIVE` a text with epsilon and the numbers, or None if there is no such threshold. With the
        default k also `groups`: `static` and `adaptive`, each with one text per threshold, with the numbers of all
        groups, or None.
    """
    profile = pooled([one.profile(which, EPSILON) for one, which in zip(scores, chosen, strict=True)])
    tokens = _tokens(scores, chosen)
    found: list[float | None] = []
    for name in ADAPTIVE:
        method, _, quantile = name.partition(" ")
        found.append(threshold(profile, method, epsilon=EPSILON, quantile=float(quantile or 0.8)))
    value: dict[str, Any] = {
        "tokens": len(tokens.entropy),
        "static": " ".join(tokens.line(one, k) for one in EPSILONS),
        "adaptive": [None if one is None else f"{one:.7g} {tokens.line(one, k)}" for one in found],
    }
    if k == K:
        groups = [_tokens(scores[i::GROUPS], chosen[i::GROUPS]) for i in range(GROUPS)]
        lines = [
            None if one is None else " ".join(group.line(one, k, IN_GROUPS) for group in groups)
            for one in (*EPSILONS, *found)
        ]
        value["groups"] = {"static": lines[: len(EPSILONS)], "adaptive": lines[len(EPSILONS) :]}
    return value


class _Tokens(NamedTuple):
    """The tokens that count, of several trajectories."""

    entropy: np.ndarray
    rank: np.ndarray
    snr: np.ndarray
    logprob: np.ndarray

    def line(self, epsilon: float, k: int, columns: Sequence[str] = COLUMNS) -> str:
        """These columns at a threshold, as text."""
        above = is_above(self.entropy, epsilon)
        decided = above & (self.rank <= k)
        nll = -float(self.logprob[decided].astype(np.float64).sum())
        numbers = {
            "top_k": f"{int(decided.sum())}", "snr": f"{float(self.snr[decided].sum()):.6g}",
            "tokens": f"{int(above.sum())}", "nll_top_k": f"{nll:.7g}",
        }  # fmt: skip
        return " ".join(numbers[column] for column in columns)


def _tokens(scores: Sequence[TokenScores], chosen: Sequence[np.ndarray]) -> _Tokens:
    columns = [
        [getattr(one, name)[which] for one, which in zip(scores, chosen, strict=True)] for name in _Tokens._fields
    ]
    return _Tokens(*(np.concatenate(column) if column else np.empty(0) for column in columns))


def static_rows(text: str) -> np.ndarray:
    """(len(EPSILONS), len(COLUMNS)) the sums at each static threshold."""
    return np.array([float(one) for one in text.split(" ")]).reshape(-1, len(COLUMNS))


def adaptive_row(text: str | None) -> np.ndarray:
    """(1 + len(COLUMNS),) epsilon in nats, and the sums; NaN if there is no such threshold."""
    return np.array([math.nan] * (1 + len(COLUMNS)) if text is None else [float(one) for one in text.split(" ")])


def group_rows(text: str | None) -> np.ndarray:
    """(GROUPS, len(IN_GROUPS)) the sums of each group; NaN if there is no such threshold."""
    numbers = [math.nan] * (GROUPS * len(IN_GROUPS)) if text is None else [float(one) for one in text.split(" ")]
    return np.array(numbers).reshape(GROUPS, len(IN_GROUPS))


def he_snr_of(rows: np.ndarray) -> np.ndarray:
    """(...,) HE-SNR of rows that begin with decisions and the sum of p / entropy; NaN without decisions."""
    n, total = rows[..., 0], rows[..., 1]
    return np.divide(total, n, out=np.full(n.shape, math.nan), where=n > 0)


def squared_error(groups: np.ndarray) -> np.ndarray:
    """(...,) the squared standard error of HE-SNR, by the jackknife over (..., GROUPS, len(IN_GROUPS)) sums."""
    without = he_snr_of(groups.sum(axis=-2, keepdims=True) - groups)
    return np.asarray((GROUPS - 1) / GROUPS * ((without - without.mean(axis=-1, keepdims=True)) ** 2).sum(axis=-1))
