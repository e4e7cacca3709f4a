"""What the exports need of one results file: names, values with intervals, and the origin of the numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, NamedTuple

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.characters import one_line
from lm_eval_hesnr.messages.near import did_you_mean
from lm_eval_hesnr.metrics.bounds import DIRECTIONS, Bounds, bounds
from lm_eval_hesnr.results.run import Run


class Value(NamedTuple):
    """One measure of one scope. A number is None if it is not known."""

    scope: str
    measure: str
    value: float | None
    stderr: float | None
    low: float | None
    """Lower end of the 95 % interval."""
    high: float | None
    """Upper end of the 95 % interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedRun:
    """One of our tasks in one results file. Its texts have escapes, because a results file is not trusted."""

    checkpoint: str
    """The name of the checkpoint in tables."""
    step: int | None
    """The step of training; None if it is not known."""
    task: str
    run: Run
    file: Path
    """The results file."""
    sha256: str
    """64 hexadecimal digits: the digest of the results file."""
    commit: str | None
    """The commit of the model on the Hub; None if the results do not name one, as for a local model."""
    versions: Mapping[str, str]
    """Package name to the version that made the results."""
    timestamp: float | None
    """When the run ended, seconds since 1970; None if it is not known."""

    @property
    def signature(self) -> Mapping[str, Any]:
        """The settings that determine the numbers."""
        found: Mapping[str, Any] = self.run.config["signature"]
        return found

    @property
    def summaries(self) -> Mapping[str, Mapping[str, Any]]:
        """Scope to its summary."""
        found: Mapping[str, Mapping[str, Any]] = self.run.config["summary"]
        return found

    @property
    def date(self) -> str | None:
        """The day of the run in UTC, such as `2026-11-29`; None if it is not known."""
        if self.timestamp is None:
            return None
        return datetime.fromtimestamp(self.timestamp, timezone.utc).strftime("%Y-%m-%d")

    def setting(self, name: str) -> str:
        """A setting of the signature as text, with escapes; empty if it is not known."""
        found = self.signature.get(name)
        return "" if found is None else one_line(str(found))

    @property
    def k(self) -> int:
        """Size of the candidate set."""
        return int(self.signature["k"])

    def value(self, measure: str, scope: str) -> Value:
        """One measure of one scope."""
        stderr = self.run.results.get(f"{measure}_stderr,{scope}")
        low, high = map(_finite, self.summaries[scope]["intervals"].get(measure) or (None, None))
        return Value(
            one_line(scope),
            measure,
            _finite(self.run.value(measure, scope)),
            _finite(stderr if isinstance(stderr, float) else None),
            *((None, None) if low is None or high is None else (low, high)),
        )

    def values(self, scopes: Sequence[str] | None, measures: Sequence[str] | None) -> Iterator[Value]:
        """The values of these scopes and measures, also missing ones. None stands for all that the file contains."""
        for scope in self.summaries if scopes is None else scopes:
            for measure in DIRECTIONS if measures is None else measures:
                if f"{measure},{scope}" in self.run.results:
                    yield self.value(measure, scope)

    def bounds(self, measure: str, scope: str) -> Bounds:
        """The smallest and the largest possible value of a measure in this run."""
        return bounds(measure, k=self.k, epsilon=self.epsilon(scope))

    def epsilon(self, scope: str) -> float | None:
        """The threshold of a scope in nats; None if there is none."""
        return _finite(self.summaries[scope].get("epsilon"))

    def trajectories(self, scope: str) -> int:
        """The number of trajectories."""
        found: int = self.summaries[scope]["documents"]  # `runs_of` has checked it
        return found

    def tokens(self, scope: str) -> int | None:
        """The number of tokens of the scope; None if the file has no such number."""
        found = self.summaries[scope].get("tokens")
        return found if type(found) is int else None


def check_names(runs: Iterable[ExportedRun], scope: str | None, measures: Sequence[str] | None) -> None:
    """Check that every run has the scope and the measures.

    Raises:
        InputError: a name is unknown, or a run lacks it.
    """
    for name in measures or ():
        if name not in DIRECTIONS:
            hint = did_you_mean(name, DIRECTIONS)
            raise InputError(f"--measures {name}: {hint}the measures are {', '.join(DIRECTIONS)}")
    for run in runs:
        if scope is not None and scope not in run.summaries:
            hint = did_you_mean(scope, run.summaries)
            raise InputError(f"--scope {scope}: {hint}{run.file} has the scopes {', '.join(run.summaries)}")


def best(runs: Sequence[ExportedRun], measure: str, scope: str) -> ExportedRun:
    """The run with the best value of a measure, the first one of equal ones.

    Raises:
        InputError: neither higher nor lower values are better, or no run has a value.
    """
    sign = {True: 1, False: -1, None: 0}[DIRECTIONS[measure]]
    if not sign:
        raise InputError(f"--best: for {measure}, neither higher nor lower is better; name another measure first")
    values = [run.value(measure, scope).value for run in runs]
    if all(value is None for value in values):
        raise InputError(f"--best: no run has a value of {measure} in scope {scope}")
    return max(zip(runs, values, strict=True), key=lambda pair: -math.inf if pair[1] is None else sign * pair[1])[0]


def _finite(number: float | None) -> float | None:
    return float(number) if number is not None and math.isfinite(number) else None
