"""Everything that is known about several runs in one scope: their measures, their order, verdicts, and the choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lm_eval_hesnr.metrics.bootstrap import Sample
from lm_eval_hesnr.metrics.calibration import CALIBRATED
from lm_eval_hesnr.metrics.estimates import Estimate, estimate
from lm_eval_hesnr.results.compare.choice import Choice, choice
from lm_eval_hesnr.results.compare.comparable import why_not
from lm_eval_hesnr.results.compare.compared_run import ComparedRun
from lm_eval_hesnr.results.compare.pair import HEADLINE
from lm_eval_hesnr.results.compare.verdict import Family, Verdict

_MOST_RIVALS = 3


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
    rivals: Sequence[Verdict]
    """The verdicts on the first run to take, compared with at most three others: those with the next highest he_snr.
    A pair that is already in `verdicts` is left out."""
    choice: Choice
    family: Family
    """All comparisons, for further verdicts that cannot contradict these."""


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
    n_comparisons = 2 * len(alike) - 3  # the baseline and the highest he_snr with each other run
    family = Family(scope, max(1, n_comparisons))
    with_baseline = [(first, run) for run in runs if run is not first]
    family.add(with_baseline)
    while True:  # the rivals are comparisons, too, so they can make the choice less clear
        chosen = choice(family, alike, values, left_out)
        rivals = _rivals(family, alike, chosen, first)
        if not family.add(rivals):
            break
    return Comparison(
        scope=scope,
        runs=[*alike, *(run for run in runs if run.name in left_out)],
        left_out=left_out,
        baseline=first,
        values=values,
        verdicts={verdict.run: verdict for verdict in family.verdicts(with_baseline)},
        rivals=family.verdicts(rivals),
        choice=chosen,
        family=family,
    )


def _rivals(
    family: Family, runs: Sequence[ComparedRun], chosen: Choice, baseline: ComparedRun
) -> list[tuple[ComparedRun, ComparedRun]]:
    """Each close rival with the run to take."""
    taken = next((run for run in runs if run.name in chosen.take[:1]), None)
    if taken is None or taken is baseline:
        return []
    others = [run for run in runs if run is not taken and family.pair(run, taken).reason is None]
    return [(run, taken) for run in others[:_MOST_RIVALS] if run is not baseline]


def _estimates(run: ComparedRun, scope: str) -> dict[str, Estimate]:
    if scope not in run.totals:
        return dict.fromkeys(run.measures, Estimate(None, None, None))
    sample = Sample.of(run.totals[scope])
    found = {name: estimate(name, sample) for name in run.measures}
    return found | ({CALIBRATED: run.calibrated[scope]} if scope in run.calibrated else {})
