"""What a report is about: one scope, the comparison of all runs in it, and the two runs whose tokens it shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.near import did_you_mean
from lm_eval_hesnr.metrics.measures import measure, number_or_none, weights
from lm_eval_hesnr.metrics.profile import SUMS
from lm_eval_hesnr.results.compare.compared_run import ComparedRun
from lm_eval_hesnr.results.compare.comparison import Comparison, compare
from lm_eval_hesnr.results.compare.pair import HEADLINE
from lm_eval_hesnr.results.compare.per_trajectory import moved_between
from lm_eval_hesnr.results.compare.verdict import NO_VERDICT, Verdict
from lm_eval_hesnr.results.reading import run_named
from lm_eval_hesnr.results.report.inputs import ReportRun

_TOKENS = SUMS.index("tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The runs of a report in one scope."""

    scope: str
    runs: Sequence[ReportRun]
    """In the order of the page."""
    baseline: ReportRun
    focus: ReportRun | None
    """The run that the page compares with another one token by token; None if there is no comparable one."""
    reference: ReportRun
    """The run that the one in focus is compared with: its closest rival, or the baseline."""
    comparison: Comparison | None
    """None if the baseline cannot be compared with any run."""

    @property
    def not_compared(self) -> Mapping[str, str]:
        """The runs that cannot be compared with the baseline, and why."""
        reasons = {run.name: run.not_compared for run in self.runs if run.not_compared}
        return reasons | dict(self.comparison.left_out if self.comparison else {})

    @property
    def places(self) -> tuple[str, list[int]] | None:
        """What the curves have on their x axis, and the place of each run there.

        It is the step, or the tokens seen if the steps are not all known and different. None if neither is.
        """
        for name, values in (
            ("step", [run.step for run in self.runs]),
            ("tokens seen", [run.tokens_seen for run in self.runs]),
        ):
            known = [value for value in values if value is not None]
            if len(values) > 1 and len(set(known)) == len(values):
                return name, known
        return None

    @property
    def pair(self) -> list[ReportRun]:
        """The reference, and the run in focus if there is one."""
        return [self.reference, *([self.focus] if self.focus else [])]

    @property
    def pair_verdict(self) -> Verdict | None:
        """The verdict on the run in focus, compared with the reference; None if there is no run in focus."""
        if self.comparison is None or self.focus is None:
            return None
        if self.reference is self.baseline:
            return self.comparison.verdicts[self.focus.name]
        return next(one for one in self.comparison.rivals if one.baseline == self.reference.name)


def subject_of(runs: Sequence[ReportRun], baseline: str | None, scope: str | None) -> Subject:
    """What the report is about.

    Args:
        runs: with different names.
        baseline: the name or the path of the baseline; None for the first run.
        scope: None for `action`, or the first scope of the baseline.

    Raises:
        InputError: there is no such run, or it does not have this scope.
    """
    first = runs[0] if baseline is None else run_of_name(baseline, runs, "--baseline")
    scopes = list(first.run.config["summary"])
    if scope is not None and scope not in scopes:
        raise InputError(f"--scope {scope}: {did_you_mean(scope, scopes)}{first.name} has {', '.join(scopes)}")
    if not scopes:
        raise InputError(f"{first.source}: it has no scope; score again")
    chosen = scope or ("action" if "action" in scopes else scopes[0])
    comparison = _compared(runs, first, chosen)
    focus = _focus(runs, first, comparison)
    rival = _closest_rival(runs, focus, comparison) if baseline is None else None
    return Subject(
        scope=chosen, runs=runs, baseline=first, focus=focus, reference=rival or first, comparison=comparison
    )


def run_of_name(given: str, runs: Sequence[ReportRun], option: str) -> ReportRun:
    """The run that the user names by its name or its path.

    Args:
        given: what the user wrote.
        runs: the runs of the report.
        option: the option, for the message.

    Raises:
        InputError: it is not one of the runs.
    """
    by_name = {run.name: run for run in runs}
    if given in by_name:
        return by_name[given]
    found = run_named(given, [run.compared for run in runs if run.compared], option)
    if isinstance(found, Path):
        raise InputError(f"{option} {given}: it is not one of the runs {', '.join(by_name)}")
    return by_name[found.name]


def _compared(runs: Sequence[ReportRun], baseline: ReportRun, scope: str) -> Comparison | None:
    if baseline.compared is None:
        return None
    known = [run.compared for run in runs if run.compared is not None]
    return compare(known, scope, [run.name for run in known].index(baseline.name))


def _focus(runs: Sequence[ReportRun], baseline: ReportRun, found: Comparison | None) -> ReportRun | None:
    """The run to take, or if that is the baseline, the comparable one with the highest he_snr."""
    if found is None:
        return None
    alike = [run.name for run in found.runs if run.name != baseline.name and run.name not in found.left_out]
    taken = [name for name in (*found.choice.take, found.choice.highest) if name in alike]
    chosen = next(iter([*taken, *alike]), None)
    return next((run for run in runs if run.name == chosen), None)


def _closest_rival(runs: Sequence[ReportRun], focus: ReportRun | None, found: Comparison | None) -> ReportRun | None:
    """The run with the highest he_snr of the others that the run in focus is compared with."""
    if found is None or focus is None:
        return None
    compared = {one.baseline for one in found.rivals if one.run == focus.name}
    if compared and found.verdicts[focus.name].kind != NO_VERDICT:
        compared.add(found.baseline.name)
    closest = next((run.name for run in found.runs if run.name in compared), None)
    return next((run for run in runs if run.name == closest), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One trajectory, in the reference and in the run in focus."""

    index: int
    """Its place in the runs."""
    id: str
    tokens: int | None
    """Tokens of the scope."""
    decisions: tuple[float | None, float | None]
    """Before and after; the same for a page with one run."""
    he_snr: tuple[float | None, float | None]
    effect: float | None
    """What it adds to the difference of he_snr. With one run, what it adds to he_snr, compared with the mean."""


def documents_of(subject: Subject) -> list[Document]:
    """The trajectories, the largest effect first; empty if they are not known."""
    reference = subject.reference.compared
    focus = subject.focus.compared if subject.focus else None
    if reference is None or subject.scope not in reference.totals:
        return []
    rows = _alone(reference, subject.scope) if focus is None else moved_between(reference, focus, subject.scope)
    tokens = reference.totals[subject.scope][:, _TOKENS]
    found = [
        Document(
            index=i,
            id=reference.ids[i],
            tokens=int(tokens[i]) if np.isfinite(tokens[i]) else None,
            decisions=(row["decisions_before"], row["decisions_after"]),
            he_snr=(row[f"{HEADLINE}_before"], row[f"{HEADLINE}_after"]),
            effect=row["effect"],
        )
        for i, row in enumerate(rows)
    ]
    return sorted(found, key=lambda one: -abs(one.effect or 0))


def _alone(run: ComparedRun, scope: str) -> list[dict[str, Any]]:
    """The same for one run: the effect is (he_snr - the run's he_snr) n / N."""
    totals = run.totals[scope]
    values, decisions = measure(HEADLINE, totals), weights(HEADLINE, totals)
    middle = measure(HEADLINE, totals.sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        effects = np.where(decisions > 0, (values - middle) * decisions / decisions.sum(), 0.0)
    return [
        {
            "decisions_before": number_or_none(n), "decisions_after": number_or_none(n),
            f"{HEADLINE}_before": number_or_none(value), f"{HEADLINE}_after": number_or_none(value),
            "effect": number_or_none(effect),
        }
        for value, n, effect in zip(values, decisions, effects, strict=True)
    ]  # fmt: skip
