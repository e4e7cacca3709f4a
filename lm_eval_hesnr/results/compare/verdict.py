"""Verdicts in words about runs on the same trajectories. `hesnr measure`, the sweep and the report print these.

Each run is compared with a baseline by the paired difference of he_snr. With many comparisons, one of the p-values is
below 0.05 by chance. Therefore they are multiplied as Holm does (A Simple Sequentially Rejective Multiple Test
Procedure, 1979). A run is better or worse than the baseline if the result is below 0.05.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri  # type: ignore[import-untyped]

from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.metrics.bootstrap import (
    FEWEST_DOCUMENTS,
    LEVEL,
    Difference,
    Interval,
    Sample,
    effective_documents,
    fewest_documents,
    least_p,
    paired_difference,
)
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER, measure, weights
from lm_eval_hesnr.metrics.profile import SUMS
from lm_eval_hesnr.results.compare.comparable import other_context, why_not
from lm_eval_hesnr.results.compare.compared_run import ComparedRun

BETTER, WORSE, NOT_DISTINGUISHABLE, NO_VERDICT = "better", "worse", "not distinguishable", "no verdict"
HEADLINE = "he_snr"

_TOKENS = SUMS.index("tokens")

ALPHA = 1 - LEVEL
_POWER = 0.8
"""The advised number of trajectories shows the difference in this share of cases."""
_MOST_ADVISED = 10_000
"""No larger number of trajectories is advised."""
ROUNDING = 1e-6
"""Smaller relative differences come from the rounding of the sums in a results file."""
_MAY_OPPOSE = ("ppl", "top1_acc")
"""Measures that are named in a caution if they say the opposite of he_snr. Both use all tokens of the scope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One run against the baseline, in one scope."""

    run: str
    baseline: str
    scope: str
    kind: str
    """`better`, `worse`, `not distinguishable` or `no verdict`."""
    reason: str | None
    """Why there is no verdict."""
    differences: Mapping[str, Difference | None]
    """Measure to the run's value minus the baseline's, before Holm; empty if the runs cannot be paired."""
    p_value: float | None
    """The p-value of he_snr after Holm; None without a verdict."""
    comparisons: int
    """Number of comparisons over which Holm multiplied; 0 without a verdict."""
    cautions: Sequence[str]
    sentence: str
    """The verdict in words, without the cautions."""

    def sign(self, name: str) -> int:
        """1 if the run is better than the baseline by this measure, -1 if worse, 0 if the interval contains 0."""
        return _sign(name, self.differences.get(name))


def verdicts(runs: Sequence[ComparedRun], scope: str, baseline: int = 0) -> list[Verdict]:
    """One verdict for each other run, in the given order.

    Args:
        runs: with different names.
        scope: the scope in which they are compared.
        baseline: the index of the run that all others are compared with.
    """
    first, others = runs[baseline], [run for i, run in enumerate(runs) if i != baseline]
    sample = Sample.of(first.totals[scope]) if scope in first.totals else None
    pairs = [_Pair.of(first, sample, run, scope) for run in others]
    tested = [pair for pair in pairs if pair.reason is None]
    p_values = [pair.headline.p_value or 1.0 for pair in tested]
    adjusted = zip(holm(p_values), _least_after_holm(p_values, [pair.least_p for pair in tested]), strict=True)
    return [pair.no_verdict() if pair.reason else pair.verdict(*next(adjusted), len(tested)) for pair in pairs]


def holm(p_values: Sequence[float]) -> list[float]:
    """The p-values after Holm, in the given order: the smallest times n, the next one times n - 1, ..., at most 1.

    They have the same order as before: a p-value that was larger does not become smaller than another one.
    """
    adjusted, largest = [0.0] * len(p_values), 0.0
    for nth, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        largest = max(largest, min(1.0, p_values[i] * (len(p_values) - nth)))
        adjusted[i] = largest
    return adjusted


def _least_after_holm(p_values: list[float], least: list[float]) -> list[float]:
    """The smallest p-value after Holm that each comparison can have, if the others keep theirs."""
    return [holm([*p_values[:i], one, *p_values[i + 1 :]])[i] for i, one in enumerate(least)]


def smallest_shown(interval: Interval, n_documents: int, n_wanted: int, n_tested: int = 1) -> float:
    """The smallest difference that a number of trajectories shows in four of five cases.

    The interval becomes narrower with the square root of the number of trajectories.

    Args:
        interval: of the paired difference over the trajectories of the run.
        n_documents: their number.
        n_wanted: the other number of trajectories.
        n_tested: number of comparisons; the level of each one is 0.05 / n_tested.
    """
    standard_errors = -ndtri(ALPHA / 2 / n_tested) + ndtri(_POWER)
    half = (interval.high - interval.low) / 2
    return float(half / -ndtri(ALPHA / 2) * standard_errors * math.sqrt(n_documents / n_wanted))


@dataclass(frozen=True, slots=True)
class _Pair:
    """A run and the baseline, before the p-values of all pairs are known."""

    baseline: ComparedRun
    run: ComparedRun
    scope: str
    reason: str | None
    """Why there is no verdict."""
    samples: Sequence[Sample] = ()
    """Of the baseline and of the run; empty if they cannot be paired."""
    differences: Mapping[str, Difference | None] | None = None

    @classmethod
    def of(cls, baseline: ComparedRun, sample: Sample | None, run: ComparedRun, scope: str) -> _Pair:
        reason = why_not(baseline, run, scope)
        if reason is None and len(run.ids) < FEWEST_DOCUMENTS:
            reason = f"{counted(len(run.ids), 'trajectory')}; at least {FEWEST_DOCUMENTS} are needed"
        if reason or sample is None:
            return cls(baseline, run, scope, reason)
        samples = sample, Sample.of(run.totals[scope])
        found = {name: _difference(name, *samples) for name in run.measures}
        pair = cls(baseline, run, scope, None, samples, found)
        return replace(pair, reason=pair._nothing_to_test())

    @property
    def headline(self) -> Difference:
        found = (self.differences or {}).get(HEADLINE)
        return found or Difference(math.nan, None, None)

    @property
    def least_p(self) -> float:
        """The smallest p-value before Holm that so many trajectories can give."""
        return least_p(min(effective_documents(one) or math.inf for one in self._weights))

    @property
    def _weights(self) -> list[np.ndarray]:
        return [weights(HEADLINE, sample.rows) for sample in self.samples]

    def _nothing_to_test(self) -> str | None:
        """The reason why the difference of he_snr has no p-value; None if it has one."""
        if self.headline.p_value is not None:
            return None
        runs = list(zip((self.run, self.baseline), reversed(self._weights), strict=True))
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

    def no_verdict(self) -> Verdict:
        return self._verdict(
            NO_VERDICT, None, 0, f"{self.run.name} and {self.baseline.name}: {NO_VERDICT}: {self.reason}"
        )

    def verdict(self, p_value: float, least: float, n_tested: int) -> Verdict:
        """The verdict.

        Args:
            p_value: after Holm.
            least: the smallest p-value after Holm that so many trajectories can give.
            n_tested: number of comparisons.
        """
        value, interval, _ = self.headline
        if interval is None:
            return self.no_verdict()
        after = " after Holm" if n_tested > 1 else ""
        around = f"95 % {interval.low:+.4f} to {interval.high:+.4f}, p = {p_value:.2g}{after}"
        a, b, numbers = self.baseline.name, self.run.name, f"{HEADLINE} {value:+.4f} ({around})"
        if p_value >= ALPHA:
            advice = self._advice(value, interval, least, n_tested)
            sentence = f"{b} is {NOT_DISTINGUISHABLE} from {a}: {numbers}; {advice}"
            return self._verdict(NOT_DISTINGUISHABLE, p_value, n_tested, sentence)
        kind = BETTER if value > 0 else WORSE
        return self._verdict(kind, p_value, n_tested, f"{b} is {kind} than {a}: {numbers}")

    def _verdict(self, kind: str, p_value: float | None, n_tested: int, sentence: str) -> Verdict:
        return Verdict(
            run=self.run.name,
            baseline=self.baseline.name,
            scope=self.scope,
            kind=kind,
            reason=self.reason,
            differences=self.differences or {},
            p_value=p_value,
            comparisons=n_tested,
            cautions=[] if kind == NO_VERDICT else self._cautions(kind),
            sentence=sentence,
        )

    def _advice(self, value: float, interval: Interval, least: float, n_tested: int) -> str:
        """How many trajectories would show the difference, and the least p-value of so few if that is not small."""
        if interval.low == interval.high == value == 0:
            return "both are equal to rounding in every trajectory"
        n_documents = len(self.run.ids)
        smallest = smallest_shown(interval, n_documents, _MOST_ADVISED, n_tested)
        fewest = max(fewest_documents(one, ALPHA / n_tested) for one in self._weights)
        if fewest > _MOST_ADVISED:
            advice = f"even {_MOST_ADVISED} trajectories are too few for {n_tested} comparisons; compare fewer runs"
        elif abs(value) < smallest:
            advice = f"even {_MOST_ADVISED} trajectories like these would only show a difference of {smallest:.4f}"
        else:
            n_needed = math.ceil(_MOST_ADVISED * (smallest / abs(value)) ** 2)
            # more than those that do not show it, and enough for a small p-value
            number = _round_up(max(n_needed, int(fewest), n_documents + 1))
            advice = f"about {number} trajectories like these would show a difference of {abs(value):.4f}"
        if least < ALPHA / 5:
            return advice
        after = " after Holm" if n_tested > 1 else ""
        return f"{advice}; the smallest possible p-value with {n_documents} trajectories is {least:.2g}{after}"

    def _cautions(self, kind: str) -> list[str]:
        found = []
        if differing := other_context(self.baseline, self.run, self.scope):
            found.append(f"they differ in {differing}: the difference can come from the model or from the context")
        opposite = [
            name
            for name in _MAY_OPPOSE
            if _sign(name, (self.differences or {}).get(name)) * {BETTER: 1, WORSE: -1}.get(kind, 0) < 0
        ]
        if opposite:
            moves = ", ".join(f"{name} ({self._move(name)})" for name in opposite)
            found.append(f"{moves} says the opposite")
        return found

    def _move(self, name: str) -> str:
        before, after = (float(measure(name, sample.rows.sum(axis=0))) for sample in self.samples)
        return f"{before:.4g} -> {after:.4g}"


def _sign(name: str, found: Difference | None) -> int:
    if found is None or not found.is_clear:
        return 0
    return 1 if (found.value > 0) == HIGHER_IS_BETTER[name] else -1


def _difference(name: str, a: Sample, b: Sample) -> Difference | None:
    """The paired difference of a measure; exactly 0 if only the rounding of the sums differs."""
    found = paired_difference(name, a, b)
    if found is None or found.interval is None:
        return found
    of_a, of_b = measure(name, a.rows), measure(name, b.rows)
    pairs = [(of_a, of_b), (weights(name, a.rows), weights(name, b.rows))]
    equal = all(np.allclose(*pair, rtol=ROUNDING, atol=0, equal_nan=True) for pair in pairs)
    return Difference(0.0, Interval(0.0, 0.0), 1.0) if equal else found


def _round_up(n: int) -> int:
    """The number, rounded up to two digits."""
    unit = 10 ** max(0, len(str(n)) - 2)
    return -(-n // unit) * unit
