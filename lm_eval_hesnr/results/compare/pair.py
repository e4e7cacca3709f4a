"""Two runs in one scope: whether they can be compared, and the paired difference of every measure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.metrics.bootstrap import (
    FEWEST_DOCUMENTS,
    RESAMPLES,
    Difference,
    Interval,
    Sample,
    effective_documents,
    least_p,
    paired_difference,
    resampled,
)
from lm_eval_hesnr.metrics.bounds import DIRECTIONS
from lm_eval_hesnr.metrics.calibration import CALIBRATED, calibrated_difference
from lm_eval_hesnr.metrics.measures import measure, weights
from lm_eval_hesnr.metrics.profile import SUMS
from lm_eval_hesnr.results.compare.comparable import why_not
from lm_eval_hesnr.results.compare.compared_run import ComparedRun

HEADLINE = "he_snr"
ROUNDING = 1e-6
"""Smaller relative differences come from the rounding of the sums in a results file."""

_TESTED = (HEADLINE, "he_ppl", "ppl", "top1_acc")
"""The measures whose p-values are multiplied by the number of comparisons, and therefore need more resamples."""
_MOST_TIMES = 10
_ABOVE = len(SUMS)
_COLUMNS = [SUMS.index(name) for name in ("tokens", "rank_1", "nll")] + [
    _ABOVE + SUMS.index(name) for name in ("top_k", "snr", "nll_top_k")
]
"""The columns of the totals that these measures need."""
_TOKENS = SUMS.index("tokens")


class Samples:
    """The resamples of runs in one scope. Those of each run are computed once."""

    def __init__(self, scope: str, n_comparisons: int) -> None:
        self.scope = scope
        self.n_resamples = RESAMPLES * max(1, min(_MOST_TIMES, n_comparisons))
        """2 000 per comparison, at most 20 000: with fewer, no p-value after Holm would be small."""
        self._found: dict[str, tuple[Sample, Sample]] = {}

    def of(self, run: ComparedRun) -> tuple[Sample, Sample]:
        """With the usual number of resamples, and with the larger one for the measures of `_TESTED`."""
        if run.name not in self._found:
            sample = many = Sample.of(run.totals[self.scope])
            if self.n_resamples > RESAMPLES and sample.sums is not None:
                sums = np.zeros((self.n_resamples, sample.rows.shape[1]))
                rows = sample.rows[:, _COLUMNS]
                sums[:, _COLUMNS] = resampled(rows, len(rows), n_resamples=self.n_resamples)
                many = Sample(sample.rows, sums)
            self._found[run.name] = sample, many
        return self._found[run.name]


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """A run and the one that it is compared with."""

    baseline: ComparedRun
    run: ComparedRun
    scope: str
    reason: str | None
    """Why there is no verdict; None if he_snr has a p-value."""
    differences: Mapping[str, Difference | None]
    """Measure to the run's value minus the baseline's; empty if the runs cannot be paired."""
    n_resamples: int
    """The number of resamples behind the p-value of he_snr."""

    @classmethod
    def of(cls, baseline: ComparedRun, run: ComparedRun, samples: Samples) -> Pair:
        """Compare two runs with different names."""
        scope = samples.scope
        reason = why_not(baseline, run, scope)
        if reason is None and len(run.ids) < FEWEST_DOCUMENTS:
            reason = f"{counted(len(run.ids), 'trajectory')}; at least {FEWEST_DOCUMENTS} are needed"
        if reason:
            return cls(baseline, run, scope, reason, {}, samples.n_resamples)
        a, b = samples.of(baseline), samples.of(run)
        found = {name: _difference(name, a[name in _TESTED], b[name in _TESTED]) for name in run.measures}
        if scope in baseline.replicates and scope in run.replicates:
            found[CALIBRATED] = calibrated_difference(baseline.replicates[scope], run.replicates[scope])
        pair = cls(baseline, run, scope, None, found, samples.n_resamples)
        return replace(pair, reason=pair._nothing_to_test())

    @property
    def headline(self) -> Difference:
        """The difference of he_snr; its numbers may be missing."""
        return self.differences.get(HEADLINE) or Difference(math.nan, None, None)

    @property
    def weights(self) -> list[np.ndarray]:
        """The number of decisions in each document, of the baseline and of the run."""
        return [weights(HEADLINE, run.totals[self.scope]) for run in (self.baseline, self.run)]

    @property
    def least_p(self) -> float:
        """The smallest p-value before Holm that so many trajectories can give."""
        return least_p(min(effective_documents(one) or math.inf for one in self.weights), self.n_resamples)

    def sign(self, name: str) -> int:
        """1 if the run is better than the baseline by this measure, -1 if worse, 0 if the interval contains 0."""
        return sign(name, self.differences.get(name))

    def values(self, name: str) -> tuple[float, float]:
        """The measure of the baseline and of the run."""
        before, after = (float(measure(name, run.totals[self.scope].sum(axis=0))) for run in (self.baseline, self.run))
        return before, after

    def _nothing_to_test(self) -> str | None:
        """The reason why the difference of he_snr has no p-value; None if it has one."""
        if self.headline.p_value is not None:
            return None
        runs = list(zip((self.run, self.baseline), reversed(self.weights), strict=True))
        if unknown := [run for run, n_decisions in runs if not np.isfinite(n_decisions).all()]:
            names = " and ".join(run.name for run in unknown)
            known = any(run.thresholds.get(self.scope) is not None for run in unknown)
            return f"the decisions of {names} are not known" if known else f"no threshold was found in {names}"
        least, name = min((int(np.count_nonzero(n_decisions)), run.name) for run, n_decisions in runs)
        if least == 0 and (empty := [run.name for run, _ in runs if not run.totals[self.scope][:, _TOKENS].any()]):
            return f"{' and '.join(empty)} scored no tokens in scope {self.scope}"
        if least < FEWEST_DOCUMENTS:
            return f"{name} has decisions in {counted(least, 'trajectory')}; at least {FEWEST_DOCUMENTS} are needed"
        return (
            f"{name} has decisions in only {least} of {counted(len(self.run.ids), 'trajectory')}, so some resamples "
            "have no decisions"
        )


def sign(name: str, found: Difference | None) -> int:
    """1 if a difference is clear and says that the run is better, -1 if worse; 0 if it is not clear."""
    if found is None or not found.is_clear:
        return 0
    return 1 if (found.value > 0) == DIRECTIONS[name] else -1


def _difference(name: str, a: Sample, b: Sample) -> Difference | None:
    """The paired difference of a measure; exactly 0 if only the rounding of the sums differs."""
    found = paired_difference(name, a, b)
    if found is None or found.interval is None:
        return found
    of_a, of_b = measure(name, a.rows), measure(name, b.rows)
    pairs: Sequence[tuple[np.ndarray, np.ndarray]] = [(of_a, of_b), (weights(name, a.rows), weights(name, b.rows))]
    equal = all(np.allclose(*pair, rtol=ROUNDING, atol=0, equal_nan=True) for pair in pairs)
    return Difference(0.0, Interval(0.0, 0.0), 1.0) if equal else found
