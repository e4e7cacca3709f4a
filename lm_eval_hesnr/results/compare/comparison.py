"""Everything that is known about several runs in one scope: their measures, their order, verdicts, and the choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lm_eval_hesnr.metrics.bootstrap import Sample
from lm_eval_hesnr.metrics.estimates import Estimate, estimate
from lm_eval_hesnr.results.compare.choice import Choice, choice
from lm_eval_hesnr.results.compare.comparable import why_not
from lm_eval_hesnr.results.compare.compared_run import ComparedRun
from lm_eval_hesnr.results.compare.verdict import HEADLINE, Verdict, verdicts


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Several runs in one scope."""

    scope: str
    runs: Sequence[ComparedRun]
    """The highest he_snr first; at the end those that cannot be compared with the baseline."""
    left_out: Mapping[str, str]
    """The runs that cannot be compared with the baseline, and why."""
    baseline: ComparedRun
    values: Mapping[str, Mapping[str, Estimate]]
    """Run to measure to estimate."""
    verdicts: Mapping[str, Verdict]
    """Run to its verdict; the baseline has none."""
    choice: Choice


def compare(runs: Sequence[ComparedRun], scope: str, baseline: int = 0) -> Comparison:
    """Compare runs with different names in one scope.

    Args:
        runs: at least one.
        scope: the scope.
        baseline: the index of the run that all others are compared with.
    """
    values = {run.name: _estimates(run, scope) for run in runs}
    first = runs[baseline]
    reasons = {run.name: why_not(first, run, scope) for run in runs if run is not first}
    left_out = {name: why for name, why in reasons.items() if why is not None}
    alike = [run for run in runs if run.name not in left_out]
    alike.sort(key=lambda run: -(values[run.name][HEADLINE].value or 0))
    return Comparison(
        scope=scope,
        runs=[*alike, *(run for run in runs if run.name in left_out)],
        left_out=left_out,
        baseline=first,
        values=values,
        verdicts={verdict.run: verdict for verdict in verdicts(runs, scope, baseline)},
        choice=choice(alike, scope, values, left_out),
    )


def _estimates(run: ComparedRun, scope: str) -> dict[str, Estimate]:
    if scope not in run.totals:
        return dict.fromkeys(run.measures, Estimate(None, None, None))
    sample = Sample.of(run.totals[scope])
    return {name: estimate(name, sample) for name in run.measures}
