"""The harness filter `hesnr_scope`: from the answer of one document to its profile in one scope."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from lm_eval.api.filter import Filter

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.harness.documents import ScopeAnswer
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
    digest: str
    """Names the token ids of the whole trajectory."""
    notes: tuple[str, ...] = ()
    """What the model reported about this call, such as scores that could not be stored."""


class ScopeFilter(Filter):
    """The harness filter `hesnr_scope`: the profile of the tokens that have one of a scope's labels."""

    def __init__(self, scope: str, epsilon: float, labels: frozenset[Label] | None = None) -> None:
        """Set the scope.

        Args:
            scope: the scope's name.
            labels: the labels in the scope; None for those of `labels.SCOPES[scope]`.
            epsilon: threshold in nats; it becomes an exact edge of the profile.
        """
        self.scope, self.epsilon = scope, epsilon
        self.labels = SCOPES[scope] if labels is None else labels

    def apply(self, resps: Any, docs: list[dict[str, Any]]) -> list[list[ScopeAnswer]]:
        """For each document, a list with one value per answer, with a `ScopedProfile`.

        Raises:
            InputError: an answer has no token scores.
        """
        return [
            [self._answer(answer, doc["index"]) for answer in answers] for answers, doc in zip(resps, docs, strict=True)
        ]

    def _answer(self, answer: Any, document: int) -> ScopeAnswer:
        if not isinstance(answer, TrajectoryResult):
            raise InputError(
                "swe_hesnr: an answer has no token scores; it comes from another model or from the harness's cache. "
                "Use --model hf-topk, and run without --use_cache (score_store=DIR in --model_args also keeps scores)"
            )
        scores = answer.scores
        chosen = scores.in_scope(self.labels)
        decided = chosen & scores.decisions(self.epsilon)
        counts = np.bincount(scores.labels[decided], minlength=len(Label))
        by_label = {label.label_name: int(counts[label]) for label in Label if counts[label]}
        profile = ScopedProfile(
            self.scope,
            document,
            scores.profile(chosen, self.epsilon),
            by_label,
            scored_tokens=int(scores.scored.sum()),
            short_context_tokens=scores.short_context,
            digest=scores.digest,
            notes=answer.notes,
        )
        logprob = float(scores.logprob[chosen].sum(dtype=np.float64))
        return ScopeAnswer(logprob, bool((scores.rank[chosen] == 1).all()), profile)


def pooled_result(found: Sequence[ScopedProfile], ids: Sequence[str], *, method: str, epsilon: float) -> ScopeResult:
    """The result of one scope over all documents. It does not depend on the order in which they arrive.

    The documents are ordered by their tokens. So the same tokens have the same standard errors in every run and from
    every folder of token tables, whatever the order of the files.

    Args:
        found: one profile per document, at least one.
        ids: the ids of all trajectories of the run, by index.
        method: how the threshold is chosen, a name of `thresholds.METHODS`.
        epsilon: the run's own epsilon, nats.
    """
    found = sorted(found, key=lambda scoped: (scoped.digest, ids[scoped.document], scoped.document))
    return scope_result(
        [scoped.profile for scoped in found],
        [ids[scoped.document] for scoped in found],
        method=method,
        epsilon=epsilon,
        digests=[scoped.digest for scoped in found],
        decisions_by_label=sum((Counter(scoped.decisions_by_label) for scoped in found), Counter()),
        token_counts={
            "scored_tokens": sum(scoped.scored_tokens for scoped in found),
            "short_context_tokens": sum(scoped.short_context_tokens for scoped in found),
        },
    )
