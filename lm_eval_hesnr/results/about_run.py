"""What a run says about itself in the results file: its signature, the counts of trajectories, and the summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lm_eval.api.instance import Instance

from lm_eval_hesnr import __version__
from lm_eval_hesnr.labels import LABEL_RULES_VERSION
from lm_eval_hesnr.metrics.scope_result import ScopeResult
from lm_eval_hesnr.options import Options
from lm_eval_hesnr.scoring.request import TrajectoryResult


def about_run(
    signature: dict[str, Any],
    counts: Mapping[str, int],
    generated_by: Iterable[str | None],
    results: Mapping[str, ScopeResult],
) -> dict[str, Any]:
    """The part of the task's configuration that `findings.Run` needs.

    Args:
        signature: the settings that make two runs comparable.
        counts: numbers of files and trajectories, as in `Selection`.
        generated_by: the model that generated each trajectory; None if it is not known.
        results: scope to its result. It is empty as long as nothing is aggregated.
    """
    token_counts = [result.token_counts or {} for result in results.values()]
    return {
        "signature": signature,
        "trajectories": {**counts, **(token_counts[-1] if token_counts else {})},
        "generated_by": Counter(model for model in generated_by if model),
        "decisions_by_label": {scope: result.decisions_by_label for scope, result in results.items()},
        "summary": {scope: result.summary for scope, result in results.items()},
    }


def own_signature(options: Options, *, has_template: bool, digest: str) -> dict[str, Any]:
    """The task's part of the signature: settings that make two runs comparable.

    Args:
        options: the options of the run.
        has_template: whether the text is rendered with a chat template.
        digest: names the content and order of the scored trajectories.
    """
    return options.signature | {
        "render": "chat" if has_template else "transcript",
        "label_rules": LABEL_RULES_VERSION,
        "lm_eval_hesnr": __version__,
        "trajectories": digest,
    }


def model_signature(instances: Sequence[Instance]) -> dict[str, Any]:
    """The model's part of the signature, from its last answer on this rank; empty before the first answer."""
    answers = [answer for instance in instances for answer in instance.resps]
    signatures = [answer.scores.signature for answer in answers if isinstance(answer, TrajectoryResult)]
    return signatures[-1] if signatures else {}
