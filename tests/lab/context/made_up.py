"""Made-up readings: what a checkpoint says about the same tokens before and after a known change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from lab.context.layout import Reference, reading_of
from lab.context.plan import AS_IT_IS, LONG, SHORT, names
from lab.families.plan import FLOOR
from lab.readings import Readings
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.scoring.token_scores import TokenScores
from tests import builders

N_RUNS = 12
N_TASKS = {"near": 100, "far": 40}
Change = Callable[[TokenScores], TokenScores]


def runs() -> list[TokenScores]:
    """What the checkpoint as it is says: twelve trajectories."""
    return [builders.token_scores(2600, seed=seed) for seed in range(N_RUNS)]


@cache
def reading(after: Change) -> dict[str, Any]:
    """A reading of a checkpoint that says something else in the long window. The short window never changes."""
    before = runs()
    return reading_of({SHORT: before, LONG: [after(one) for one in before]}, Reference.of(before))


def unchanged(scores: TokenScores) -> TokenScores:
    """The same scores."""
    return scores


def easy_tokens_worse(scores: TokenScores) -> TokenScores:
    """Perplexity rises, and no decision changes."""
    return less_likely(scores, ~scores.decisions(EPSILON), 0.4)


def all_tokens_worse(scores: TokenScores) -> TokenScores:
    """Perplexity rises, and HE-SNR falls."""
    return less_likely(scores, scores.scored, 0.4)


def all_tokens_better(scores: TokenScores) -> TokenScores:
    """Perplexity falls, and HE-SNR rises."""
    return less_likely(scores, scores.scored, -0.1)


def compensated(scores: TokenScores) -> TokenScores:
    """All tokens become worse by a tenth, and a tenth of the decisions with small values are no decisions any more."""
    worse = less_likely(easy_tokens_worse(scores), scores.decisions(EPSILON), 0.1)
    places = np.flatnonzero(worse.decisions(EPSILON))
    ordered = places[np.argsort(worse.snr[places])]
    rank = worse.rank.copy()
    rank[ordered[: round(len(ordered) * 0.0955)]] = worse.k + 1
    return replace(worse, rank=rank)


def less_likely(scores: TokenScores, chosen: np.ndarray, nats: float) -> TokenScores:
    """The chosen tokens have a smaller probability."""
    return replace(scores, logprob=np.where(chosen, np.minimum(scores.logprob - nats, 0), scores.logprob))


def fill(
    readings: Readings,
    change: Callable[[str], Change],
    solved: Callable[[str, str], float] = lambda name, kind: 0.3,
    *,
    fast: bool = False,
    control: Change | None = None,
) -> None:
    """Write the readings of all checkpoints.

    Args:
        readings: to write to.
        change: from a checkpoint's name to what changed in the long window.
        solved: from a checkpoint's name and the kind of tasks to the share of solved ones.
        fast: only those of the fast form.
        control: what changes in the long window for the checkpoint as it is; None for `all_tokens_worse`.
    """
    for name in names(fast=fast):
        after = (control or all_tokens_worse) if name == AS_IT_IS else change(name)
        about = {"base": {"model_sha256": "0"}, "model_sha256": name}
        readings.add(name, "reading", about, reading(after), {})
        readings.add(name, "outcome", about, outcome({kind: solved(name, kind) for kind in N_TASKS}), {})
    readings.add(FLOOR, "outcome", {"base": {"model_sha256": "0"}}, outcome(dict.fromkeys(N_TASKS, 0.0)), {})


def outcome(shares: Mapping[str, float]) -> dict[str, Any]:
    """An outcome with these shares of solved tasks."""
    digits = {kind: ("1" * round(n * shares[kind])).ljust(n, "0") for kind, n in N_TASKS.items()}
    losses = {
        f"{kind}_loss": " ".join(f"{i + 1 - shares[kind]:.4g}/2" for i in range(n)) for kind, n in N_TASKS.items()
    }
    return {"settings": {"steps": 200}, "tasks_sha256": "0", "examples_sha256": "0", **digits, **losses}
