"""Every measure of one scope with its uncertainty, all from the same resamples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lm_eval_hesnr.metrics.bootstrap import Interval, effective_documents, interval, resampled, spread
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER, measure, number_or_none, totals, weights
from lm_eval_hesnr.metrics.profile import EntropyProfile


class Estimate(NamedTuple):
    """A measure, in its own unit. A field is None if it cannot be computed."""

    value: float | None
    stderr: float | None
    interval: Interval | None


def estimates(profiles: Sequence[EntropyProfile], epsilon: float | None) -> dict[str, Estimate]:
    """Measure name to its estimate over at least one document. All measures use the same resamples.

    Args:
        profiles: one per document.
        epsilon: the threshold, an edge of the profiles. If it is None (no threshold was found), the measures of
            decisions are None.
    """
    rows = np.stack([totals(profile, epsilon) for profile in profiles])
    sums = resampled(rows, len(rows)) if len(rows) > 1 else None
    return {name: _estimate(name, rows, sums) for name in HIGHER_IS_BETTER}


def _estimate(name: str, rows: np.ndarray, sums: np.ndarray | None) -> Estimate:
    value = number_or_none(measure(name, rows.sum(axis=0)))
    if sums is None:
        return Estimate(value, None, None)
    values = measure(name, sums)
    return Estimate(value, spread(values, len(rows)), interval(values, effective_documents(weights(name, rows))))
