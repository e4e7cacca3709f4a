"""The harness filter `hesnr_scope`, and the values that it returns to the task: profiles of documents."""

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
    """The result of one scope's filter for one answer. It is small enough to send between ranks."""

    scope: str
    document: int
    """Index of the trajectory in the run. Values from several ranks arrive in any order."""
    profile: EntropyProfile
    decisions_by_label: dict[str, int]
    """Label name to the number of decisions with this label, at the run's epsilon."""
    scored_tokens: int
    """Scored tokens of the whole trajectory, in any scope."""
    short_context_tokens: int
    """How many of these tokens were scored with a truncated context."""

    def __str__(self) -> str:
        return f"{self.scope}: {self.profile}"


class DocumentValue(float):
    """One document's value of a measure, as a float. Its profile goes into the pooled measure."""

    scoped: ScopedProfile

    def __new__(cls, value: float, scoped: ScopedProfile) -> DocumentValue:
        """Make a float with the profile as an attribute."""
        self = super().__new__(cls, value)
        self.scoped = scoped
        return self

    def __getnewargs__(self) -> tuple[float, ScopedProfile]:  # type: ignore[override]
        return float(self), self.scoped


class NoValue:
    """The value of a measure that has no number in one document. The harness writes it as `N/A` into sample files."""

    def __init__(self, scoped: ScopedProfile) -> None:
        self.scoped = scoped

    def __str__(self) -> str:
        return "N/A"


class ScopeFilter(Filter):
    """The harness filter `hesnr_scope`: the profile of the tokens that have one of a scope's labels."""

    def __init__(
        self, scope: str, epsilon: float, labels: frozenset[Label] | None = None, available: bool = True
    ) -> None:
        """Set the scope.

        Args:
            scope: the scope's name.
            labels: the labels in the scope; None for those of `labels.SCOPES[scope]`.
            epsilon: threshold in nats; it becomes an exact edge of the profile.
            available: False if the run did not score all tokens of the scope. The profile is then empty.
        """
        self.scope, self.epsilon, self.available = scope, epsilon, available
        self.labels = SCOPES[scope] if labels is None else labels

    def apply(self, resps: Any, docs: list[dict[str, Any]]) -> list[list[ScopedProfile]]:
        """For each document, a list with one profile per answer.

        Raises:
            InputError: an answer has no token scores.
        """
        return [
            [self._profile(answer, doc["index"]) for answer in answers]
            for answers, doc in zip(resps, docs, strict=True)
        ]

    def _profile(self, answer: Any, document: int) -> ScopedProfile:
        if not isinstance(answer, TrajectoryResult):
            raise InputError(
                "swe_hesnr: an answer has no token scores; it comes from another model or from the harness's cache. "
                "Use --model hf-topk, and run without --use_cache (score_store=DIR in --model_args also keeps scores)"
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
    """The result of one scope over all documents. It does not depend on the order in which they arrive.

    Args:
        found: one profile per document, at least one.
        ids: the ids of all trajectories of the run, by index.
        method: how the threshold is chosen, a name of `thresholds.METHODS`.
        epsilon: the run's own epsilon, nats.
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
