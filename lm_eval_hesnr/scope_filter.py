"""The harness filter `hesnr_scope`, and what it hands to the task: profiles, and values that carry them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from lm_eval.api.filter import Filter

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labels import SCOPES, Label
from lm_eval_hesnr.metrics.profile import EntropyProfile
from lm_eval_hesnr.metrics.scope_result import ScopeResult, scope_result
from lm_eval_hesnr.scoring.request import TrajectoryResult


class ScopedProfile(NamedTuple):
    """What a scope's filter makes of one answer: all that is needed of it, and small enough to travel."""

    scope: str
    document: int
    """The trajectory's place among all of the run: values come from several processes in any order."""
    profile: EntropyProfile
    decisions_by_label: dict[str, int]
    """How many of the decisions (at the run's epsilon) carry each label."""
    scored_tokens: int
    """Of the whole trajectory, whatever the scope."""
    short_context_tokens: int
    """How many of them saw less than everything before them."""

    def __str__(self) -> str:
        return f"{self.scope}: {self.profile}"


class DocumentValue(float):
    """One document's own value of a measure, as a plain number, with the profile that the pooled one is made from."""

    scoped: ScopedProfile

    def __new__(cls, value: float, scoped: ScopedProfile) -> DocumentValue:
        """A float with the profile beside it."""
        self = super().__new__(cls, value)
        self.scoped = scoped
        return self

    def __getnewargs__(self) -> tuple[float, ScopedProfile]:  # type: ignore[override]
        return float(self), self.scoped


class NoValue:
    """In the place of a document's value where it has none: no number, in sample files `N/A` as the harness has it."""

    def __init__(self, scoped: ScopedProfile) -> None:
        self.scoped = scoped

    def __str__(self) -> str:
        return "N/A"


class ScopeFilter(Filter):
    """The harness filter `hesnr_scope`: the profile of the tokens that carry one of a scope's labels."""

    def __init__(
        self, scope: str, epsilon: float, labels: frozenset[Label] | None = None, available: bool = True
    ) -> None:
        """Choose the scope.

        Args:
            scope: its name.
            labels: what it counts; those that `labels.SCOPES` has under the name if None.
            epsilon: the threshold that shall be an exact edge of the profile, nats.
            available: false where the run did not score all tokens of the scope: it then has none.
        """
        self.scope, self.epsilon, self.available = scope, epsilon, available
        self.labels = SCOPES[scope] if labels is None else labels

    def apply(self, resps: Any, docs: list[dict[str, Any]]) -> list[list[ScopedProfile]]:
        """[[profile]] for each [answer]; raises InputError for an answer of a model that cannot score trajectories."""
        return [
            [self._profile(answer, doc["index"]) for answer in answers]
            for answers, doc in zip(resps, docs, strict=True)
        ]

    def _profile(self, answer: Any, document: int) -> ScopedProfile:
        if not isinstance(answer, TrajectoryResult):
            raise InputError(
                "swe_hesnr: a plain loglikelihood without token scores, by a model that gives none or out of "
                "--use_cache: use --model hf-topk, and run without --use_cache (score_store=DIR keeps scores)"
            )
        scores = answer.scores
        chosen = scores.in_scope(self.labels) if self.available else np.zeros_like(scores.scored)
        decided = chosen & (scores.entropy > self.epsilon) & (scores.rank <= scores.k)
        counts = np.bincount(scores.labels[decided], minlength=len(Label))
        by_label = {label.label_name: int(counts[label]) for label in Label if counts[label]}
        return ScopedProfile(
            self.scope,
            document,
            scores.profile(chosen, self.epsilon),
            by_label,
            scored_tokens=int(scores.scored.sum()),
            short_context_tokens=scores.short_context,
        )


def pooled_result(found: Sequence[ScopedProfile], ids: Sequence[str], *, method: str, epsilon: float) -> ScopeResult:
    """The result of one scope over all documents. The order in which they arrive changes no byte.

    Args:
        found: one a document, at least one.
        ids: of all trajectories of the run, by their index.
        method: how the threshold is chosen, a name of `thresholds.METHODS`.
        epsilon: the run's own, nats.
    """
    found = sorted(found, key=lambda scoped: scoped.document)
    return scope_result(
        [scoped.profile for scoped in found],
        [ids[scoped.document] for scoped in found],
        method=method,
        epsilon=epsilon,
        decisions_by_label=sum((Counter(scoped.decisions_by_label) for scoped in found), Counter()),
        token_counts={
            "scored_tokens": sum(scoped.scored_tokens for scoped in found),
            "short_context_tokens": sum(scoped.short_context_tokens for scoped in found),
        },
    )
