"""All numbers that are reported about one scope of one run, computed from its profiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lm_eval_hesnr.metrics.calibration import CALIBRATED, calibration
from lm_eval_hesnr.metrics.estimates import Estimate, estimates
from lm_eval_hesnr.metrics.profile import EntropyProfile, pooled
from lm_eval_hesnr.metrics.summary import summary
from lm_eval_hesnr.metrics.thresholds import threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeResult:
    """The result of one scope of one run with D documents."""

    profiles: Sequence[EntropyProfile]
    """D profiles, one per document."""
    names: Sequence[str]
    """The D names of the documents."""
    threshold: float | None
    """Nats; None if an adaptive method found no threshold."""
    estimates: dict[str, Estimate]
    """Measure name to its estimate. `calibrated_he_snr` is there only if the run recorded temperatures."""
    summary: dict[str, Any]
    """Plain values for the results JSON, from `metrics.summary`."""
    digests: Sequence[str] = ()
    """The D digests of the documents' token ids; empty if only profiles are known."""
    decisions_by_label: dict[str, int] | None = None
    """Label name to its number of decisions; None if only profiles are known."""
    token_counts: dict[str, int] | None = None
    """Counts over whole trajectories, the same for every scope; None if only profiles are known."""


def scope_result(
    profiles: Sequence[EntropyProfile],
    names: Sequence[str],
    *,
    method: str,
    epsilon: float,
    digests: Sequence[str] = (),
    decisions_by_label: dict[str, int] | None = None,
    token_counts: dict[str, int] | None = None,
) -> ScopeResult:
    """The threshold of a scope, every measure with it, and the summary.

    Args:
        profiles: one per document, at least one.
        names: the names of the documents, in the same order.
        method: how the threshold is chosen, a name of `thresholds.METHODS`.
        epsilon: the run's own epsilon, nats. It is the threshold if `method` is `static`.
        digests: of the documents' token ids, in the same order. Their order decides which document belongs to which
            half in `calibration`; without them, the names decide.
        decisions_by_label: stored unchanged in the result.
        token_counts: stored unchanged in the result.
    """
    chosen = threshold(pooled(profiles), method, epsilon=epsilon)
    found = estimates(profiles, chosen)
    summarised = summary(profiles, chosen, static=epsilon, found=found)
    if influence := summarised["largest_influence"]:
        influence["id"] = names[influence.pop("document")]
    calibrated = calibration(profiles, digests or names, epsilon if method == "static" else None)
    if calibrated is not None:
        found[CALIBRATED] = calibrated.estimate
        summarised["intervals"][CALIBRATED] = calibrated.estimate.interval and list(calibrated.estimate.interval)
        summarised["calibration"] = {"temperatures": calibrated.temperatures, "reason": calibrated.reason}
    return ScopeResult(
        profiles=profiles,
        names=names,
        threshold=chosen,
        estimates=found,
        summary=summarised,
        digests=digests,
        decisions_by_label=decisions_by_label,
        token_counts=token_counts,
    )
