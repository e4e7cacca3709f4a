"""The thresholds that are tried, and the sums that are kept of each one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.metrics.profile import pooled
from lm_eval_hesnr.metrics.thresholds import threshold
from lm_eval_hesnr.scoring.token_scores import TokenScores, is_above

KS = (5, 10, 20)
"""Sizes of the candidate set."""
K = 10
"""The default."""
EPSILONS = (*(float(f"{one:.6f}") for one in np.linspace(0.4, 2.2, 60)), EPSILON)
"""Static thresholds, nats: 60 values, and last the default."""
PLATEAU = (math.log(2), math.log(5))
"""Between these, the threshold is said not to matter."""
QUANTILES = tuple(round(0.5 + 0.05 * i, 2) for i in range(10))
ADAPTIVE = (*(f"quantile {one:.2f}" for one in QUANTILES), "valley", "otsu")
"""Adaptive thresholds: from the pooled entropies of each checkpoint."""
TESTED = ("quantile 0.80", "valley", "otsu")
"""Those that are tested against the default: what the package offers, with its default quantile."""


def sums(scores: Sequence[TokenScores], chosen: Sequence[np.ndarray], k: int) -> dict[str, Any]:
    """The number of decisions, and the sum of p / entropy over them, at each threshold, over all trajectories.

    Args:
        scores: at least one trajectory, with candidate sets of size k.
        chosen: for each trajectory (T,) bool, the tokens that count.
        k: size of the candidate set.

    Returns:
        `static`: one text with both numbers for each element of `EPSILONS`; `adaptive`: for each element of `ADAPTIVE`
        a text with epsilon and both numbers, or None if there is no such threshold.
    """
    profile = pooled([one.profile(which, EPSILON) for one, which in zip(scores, chosen, strict=True)])
    entropy, rank, snr = (
        np.concatenate([getattr(one, name)[which] for one, which in zip(scores, chosen, strict=True)])
        for name in ("entropy", "rank", "snr")
    )

    def _line(epsilon: float) -> str:
        decided = is_above(entropy, epsilon) & (rank <= k)
        return f"{int(decided.sum())} {float(snr[decided].sum()):.6g}"

    adaptive: list[str | None] = []
    for name in ADAPTIVE:
        method, _, quantile = name.partition(" ")
        epsilon = threshold(profile, method, epsilon=EPSILON, quantile=float(quantile or 0.8))
        adaptive.append(None if epsilon is None else f"{epsilon:.7g} {_line(epsilon)}")
    return {"static": " ".join(map(_line, EPSILONS)), "adaptive": adaptive}


def static_values(text: str) -> np.ndarray:
    """(len(EPSILONS),) HE-SNR at each static threshold; NaN without decisions."""
    n, total = np.array([float(one) for one in text.split(" ")]).reshape(-1, 2).T
    return np.divide(total, n, out=np.full(len(n), math.nan), where=n > 0)


def adaptive_value(text: str | None) -> tuple[float, float]:
    """Epsilon in nats, and HE-SNR; NaN if there is no such threshold, or no decision."""
    if text is None:
        return math.nan, math.nan
    epsilon, n, total = (float(one) for one in text.split(" "))
    return epsilon, total / n if n else math.nan
