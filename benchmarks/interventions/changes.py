"""The changes of a model's logits, and how they are put together from what one pass measures.

Two of them raise the logit of the true token by 1 at some tokens only. The pass raises it at every token (`raised`).
`easiest` and `half` then take each token's statistics either from there or from the unchanged model.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.scoring.token_scores import STATISTICS, TokenScores

UNCHANGED, RAISED, EASIEST, HALF = "unchanged", "raised", "easiest", "half"

EASY_SHARE = 0.14
"""`easiest` raises this share of the decisions: those with rank 1 and the smallest entropies."""

Change = Callable[[torch.Tensor, torch.Tensor, list[int]], torch.Tensor]
"""From logits (R, V), the true tokens (R,) and one seed per row to changed logits (R, V)."""


def _raise_target(logits: torch.Tensor, targets: torch.Tensor, _: list[int]) -> torch.Tensor:
    return logits.scatter_add(1, targets[:, None], torch.ones_like(targets[:, None], dtype=logits.dtype))


def _add_noise(logits: torch.Tensor, _: torch.Tensor, seeds: list[int]) -> torch.Tensor:
    """Each row has its own seed, so the numbers do not depend on the sizes of blocks."""
    size = logits.shape[1]
    noise = [torch.randn(size, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    return logits + 0.5 * torch.stack(noise)


MEASURED: dict[str, Change] = {
    UNCHANGED: lambda logits, *_: logits,
    RAISED: _raise_target,
    "noise": _add_noise,
    "temperature 0.8": lambda logits, *_: logits / 0.8,
    "temperature 1.25": lambda logits, *_: logits / 1.25,
}
"""What the pass measures at every token."""

TITLES = {
    UNCHANGED: "nothing",
    EASIEST: "easiest +1",
    HALF: "half +1",
    "noise": "noise",
    "temperature 0.8": "T = 0.8",
    "temperature 1.25": "T = 1.25",
}
"""The columns of the table, in order."""


def seed_of(name: str, position: int) -> int:
    """The seed for one token: it depends only on the trajectory's name and the token's position."""
    return zlib.crc32(f"{name} {position}".encode())


def in_half(name: str, n_tokens: int) -> np.ndarray:
    """(T,) bool: the random half of a trajectory's tokens."""
    return np.random.default_rng(seed_of(name, n_tokens)).random(n_tokens) < 0.5


def easy_limit(runs: list[TokenScores]) -> float:
    """The entropy up to which decisions with rank 1 are raised, so that they are `EASY_SHARE` of all decisions."""
    entropies, easy = [], []
    for scores in runs:
        is_decision = scores.decisions(EPSILON)
        entropies.append(scores.entropy[is_decision])
        easy.append(scores.entropy[is_decision & (scores.rank == 1)])
    candidates = np.sort(np.concatenate(easy))
    n = min(round(EASY_SHARE * sum(map(len, entropies))), len(candidates))
    return float(candidates[n - 1]) if n else EPSILON


def raised_tokens(name: str, unchanged: TokenScores, limit: float) -> dict[str, np.ndarray]:
    """(T,) bool for `easiest` and for `half`: the tokens whose true logit is raised."""
    is_easy = unchanged.decisions(EPSILON) & (unchanged.rank == 1) & (unchanged.entropy <= limit)
    return {EASIEST: is_easy, HALF: unchanged.scored & in_half(name, len(unchanged.scored))}


def put_together(name: str, measured: Mapping[str, TokenScores], limit: float) -> dict[str, TokenScores]:
    """The scores of every column of the table, for one trajectory."""
    unchanged, raised = measured[UNCHANGED], measured[RAISED]
    found = dict(measured)
    for title, chosen in raised_tokens(name, unchanged, limit).items():
        columns: dict[str, Any] = {
            name: np.where(chosen if values.ndim == 1 else chosen[:, None], getattr(raised, name), values)
            for name in STATISTICS
            if (values := getattr(unchanged, name)) is not None
        }
        found[title] = replace(unchanged, signature=unchanged.signature | {"change": title}, **columns)
    return {title: found[title] for title in TITLES}
