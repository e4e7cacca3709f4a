"""The change of one scope's measures from one run to another on the same trajectories."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lm_eval_hesnr.metrics.bootstrap import Difference, Sample, paired_difference
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER
from lm_eval_hesnr.results.compare.comparable import other_data
from lm_eval_hesnr.results.compare.compared_run import ComparedRun, from_results
from lm_eval_hesnr.results.run import Run

SMALLEST_MOVE = 0.005
"""Smaller relative changes of a measure count as no change."""


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """Two runs in one scope."""

    before: Run
    after: Run
    scope: str
    samples: tuple[Sample, Sample] | None
    """The totals of the same documents in both runs; None if the results files do not have them."""

    def values(self, name: str) -> tuple[float, float] | None:
        """The value of a measure before and after; None if one of them has no number."""
        before, after = self.before.value(name, self.scope), self.after.value(name, self.scope)
        return None if before is None or after is None else (before, after)

    def difference(self, name: str) -> Difference | None:
        """The paired difference of a measure; None if it is not known."""
        if self.samples is None or name not in HIGHER_IS_BETTER:
            return None
        return paired_difference(name, *self.samples)

    def move(self, name: str) -> float | None:
        """The relative change of a measure.

        None if a value is missing or 0, or the change counts as no change: it is below `SMALLEST_MOVE`, or the 95 %
        interval of the paired difference contains 0. Fewer than five trajectories have no interval, so no change.
        """
        values = self.values(name)
        if values is None or not values[0]:
            return None
        relative = values[1] / values[0] - 1
        if not abs(relative) >= SMALLEST_MOVE:  # also not a number
            return None
        found = self.difference(name)
        return None if found and not found.is_clear else relative

    @property
    def is_opposite(self) -> bool:
        """Whether he_snr says that one run is better, and ppl that the other one is."""
        he_snr, ppl = self.move("he_snr"), self.move("ppl")
        return he_snr is not None and ppl is not None and he_snr * ppl > 0

    def text(self, name: str, decimals: int = 4) -> str:
        """The values of a measure, as `0.1040 -> 0.1052`."""
        return " -> ".join(f"{value:.{decimals}f}" for value in self.values(name) or ())


def in_scopes(found: Iterable[Change], *names: str) -> str:
    """Each scope with the values of these measures: `action he_snr 0.1040 -> 0.1052, ppl 3.120 -> 3.050; all ...`."""
    return "; ".join(
        f"{change.scope} " + ", ".join(f"{name} {change.text(name, 3 if name == 'ppl' else 4)}" for name in names)
        for change in found
    )


def sizes(found: Iterable[Change], name: str) -> dict[str, float]:
    """Scope to the absolute change of a measure; 0 if it is not known."""
    pairs = {change.scope: change.values(name) for change in found}
    return {scope: abs(values[1] - values[0]) if values else 0 for scope, values in pairs.items()}


def changes(before: Run, after: Run, scopes: Iterable[str]) -> list[Change]:
    """One change for each of these scopes, in which the runs are comparable by `other_documents`."""
    both = _compared(before, after)
    if both is None:
        return [Change(before, after, scope, None) for scope in scopes]
    found = []
    for scope in scopes:
        a, b = (run.totals.get(scope) for run in both)
        samples = None if a is None or b is None else (Sample.of(a), Sample.of(b))
        found.append(Change(before, after, scope, samples))
    return found


def other_documents(before: Run, after: Run, scope: str) -> str | None:
    """Why runs with the same settings cannot be compared in a scope, by the rule of `hesnr measure`; None if they can.

    It is not known if one of the results files has no documents, as those of older versions.
    """
    both = _compared(before, after)
    return other_data(*both, scope) if both else None


def _compared(before: Run, after: Run) -> tuple[ComparedRun, ComparedRun] | None:
    """Both runs with the totals of their documents, in the same order if they are the same; None without documents."""
    if not before.config.get("documents") or not after.config.get("documents"):
        return None
    a, b = (from_results(run, Path(run.name)).named(run.name) for run in (before, after))
    return a, b
