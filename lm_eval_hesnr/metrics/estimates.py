"""Every measure of one scope with its uncertainty, all from the same resamples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lm_eval_hesnr.metrics.bootstrap import Interval, Sample, effective_documents, interval, spread
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
    sample = Sample.of(np.stack([totals(profile, epsilon) for profile in profiles]))
    return {name: estimate(name, sample) for name in HIGHER_IS_BETTER}


def estimate(name: str, sample: Sample) -> Estimate:
    """The estimate of one measure over the documents of a run."""
    value = number_or_none(measure(name, sample.rows.sum(axis=0)))
    if sample.sums is None:
        return Estimate(value, None, None)
    values, effective = measure(name, sample.sums), effective_documents(weights(name, sample.rows))
    return Estimate(value, spread(values, len(sample.rows)), interval(values, effective))
