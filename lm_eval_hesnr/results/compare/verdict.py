"""Verdicts in words about runs on the same trajectories. `hesnr measure`, the sweep and the report print these.

Each run is compared with a baseline by the paired difference of he_snr. With many comparisons, one of the p-values is
below 0.05 by chance. Therefore they are multiplied as Holm does (A Simple Sequentially Rejective Multiple Test
Procedure, 1979). A run is better or worse than the baseline if the result is below 0.05.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from scipy.special import ndtri  # type: ignore[import-untyped]

from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.metrics.bootstrap import LEVEL, Difference, Interval, fewest_documents
from lm_eval_hesnr.metrics.calibration import CALIBRATED
from lm_eval_hesnr.results.compare.comparable import other_context, why_not
from lm_eval_hesnr.results.compare.compared_run import ComparedRun
from lm_eval_hesnr.results.compare.pair import HEADLINE as HEADLINE
from lm_eval_hesnr.results.compare.pair import Pair, Samples, sign

BETTER, WORSE, NOT_DISTINGUISHABLE, NO_VERDICT = "better", "worse", "not distinguishable", "no verdict"

_EXPECTED = {BETTER: 1, WORSE: -1}
"""The sign that other measures should have."""

ALPHA = 1 - LEVEL
_POWER = 0.8
"""The advised number of trajectories shows the difference in this share of cases."""
_MOST_ADVISED = 10_000
"""No larger number of trajectories is advised."""
SAME_TOKENS = ("ppl", "top1_acc")
"""Measures that ask all models about the same tokens: all of the scope. A caution names those that contradict
he_snr."""
LARGEST_LEFT = 1 / 3
"""A change of he_snr comes from the temperature if at most this share of it is left in calibrated_he_snr, with the same
or the other sign. The share is not 0, because the temperatures are fitted. The limit is between what docs/measures.md
has for a change of temperature and for other changes. At the temperatures 0.8 and 1.25, the share is at most 0.03
with the embedded model and with SmolLM2-135M. If the true logits of the easiest decisions rise by 1, it is 0.57 and
0.64. If those of a random half rise, or with noise, it is at least 1.7 with either sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One run against the baseline, in one scope."""

    run: str
    baseline: str
    scope: str
    trajectories: int
    kind: str
    """`better`, `worse`, `not distinguishable` or `no verdict`."""
    reason: str | None
    """Why there is no verdict."""
    differences: Mapping[str, Difference | None]
    """Measure to the run's value minus the baseline's, before Holm; empty if the runs cannot be paired."""
    p_value: float | None
    """The p-value of he_snr after Holm; None without a verdict."""
    least_p: float | None
    """The smallest p-value after Holm that these trajectories can give, if the other comparisons keep theirs."""
    comparisons: int
    """Number of comparisons over which Holm multiplied; 0 without a verdict."""
    context: str | None
    """The caution about different contexts, which is one of `cautions`; None if the contexts are equal."""
    opposite: str | None
    """The caution that ppl or top1_acc says the opposite, which is one of `cautions`; None if none of them does."""
    cautions: Sequence[str]
    sentence: str
    """The verdict in words, without the cautions."""

    def sign(self, name: str) -> int:
        """1 if the run is better than the baseline by this measure, -1 if worse, 0 if the interval contains 0."""
        return sign(name, self.differences.get(name))


class Family:
    """The comparisons that belong together: Holm multiplies the p-values of all of them.

    A pair is one comparison, also if its verdict is asked for in both directions.
    """

    def __init__(self, scope: str, n_comparisons: int = 1) -> None:
        """Begin without comparisons.

        Args:
            scope: the scope in which runs are compared.
            n_comparisons: how many there will be, about. It decides the number of resamples.
        """
        self._samples = Samples(scope, n_comparisons)
        self._pairs: dict[tuple[str, str], Pair] = {}
        self._members: set[frozenset[str]] = set()

    def pair(self, baseline: ComparedRun, run: ComparedRun) -> Pair:
        """The differences between two runs. This alone is not a comparison of the family."""
        key = baseline.name, run.name
        if key not in self._pairs:
            self._pairs[key] = Pair.of(baseline, run, self._samples)
        return self._pairs[key]

    def add(self, pairs: Iterable[tuple[ComparedRun, ComparedRun]]) -> bool:
        """Add comparisons: baselines and runs. Return whether one of them is new and has a p-value."""
        found = {frozenset((a.name, b.name)) for a, b in pairs if self.pair(a, b).reason is None}
        is_new = not found <= self._members
        self._members |= found
        return is_new

    def verdicts(self, pairs: Iterable[tuple[ComparedRun, ComparedRun]]) -> list[Verdict]:
        """One verdict for each pair of a baseline and a run, which become comparisons of the family."""
        pairs = list(pairs)
        self.add(pairs)
        tested = {frozenset(key): pair for key, pair in self._pairs.items() if frozenset(key) in self._members}
        p_values = [pair.headline.p_value or 1.0 for pair in tested.values()]
        least = _least_after_holm(p_values, [pair.least_p for pair in tested.values()])
        adjusted = dict(zip(tested, zip(holm(p_values), least, strict=True), strict=True))
        found = [(self.pair(*pair), frozenset(one.name for one in pair)) for pair in pairs]
        return [
            _no_verdict(pair) if pair.reason else _verdict(pair, *adjusted[key], len(tested)) for pair, key in found
        ]


def verdicts(runs: Sequence[ComparedRun], scope: str, baseline: int = 0) -> list[Verdict]:
    """One verdict for each other run, in the given order.

    Args:
        runs: with different names.
        scope: the scope in which they are compared.
        baseline: the index of the run that all others are compared with.
    """
    first, others = runs[baseline], [run for i, run in enumerate(runs) if i != baseline]
    family = Family(scope, sum(why_not(first, run, scope) is None for run in others))
    return family.verdicts((first, run) for run in others)


def least_p_line(found: Iterable[Verdict]) -> str | None:
    """The least p-value that these trajectories can give, if a verdict has it or it is not small; None otherwise."""
    at_least = [
        one
        for one in found
        if one.p_value is not None
        and one.least_p is not None
        and (one.p_value <= one.least_p or (one.kind == NOT_DISTINGUISHABLE and one.least_p >= ALPHA / 5))
    ]
    if not at_least:
        return None
    least = sorted({f"{one.least_p:.2g}" for one in at_least}, key=float)
    n_trajectories, n_tested = at_least[0].trajectories, max(one.comparisons for one in at_least)
    values = least[0] if len(least) == 1 else f"{least[0]} to {least[-1]}"
    after = f" in {n_tested} comparisons" if n_tested > 1 else ""
    return f"p = {values} is the least that {counted(n_trajectories, 'trajectory')} can give{after}"


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


def _no_verdict(pair: Pair) -> Verdict:
    sentence = f"{pair.run.name} and {pair.baseline.name}: {NO_VERDICT}: {pair.reason}"
    return _made(pair, NO_VERDICT, sentence)


def _verdict(pair: Pair, p_value: float, least: float, n_tested: int) -> Verdict:
    """The verdict on a pair whose difference of he_snr has an interval.

    Args:
        pair: the pair.
        p_value: after Holm.
        least: the smallest p-value after Holm that so many trajectories can give.
        n_tested: number of comparisons.
    """
    value, interval, _ = pair.headline
    if interval is None:
        return _no_verdict(pair)
    after = " after Holm" if n_tested > 1 else ""
    around = f"95 % {interval.low:+.4f} to {interval.high:+.4f}, p = {p_value:.2g}{after}"
    a, b, numbers = pair.baseline.name, pair.run.name, f"{HEADLINE} {value:+.4f} ({around}){_calibrated(pair)}"
    if p_value >= ALPHA:
        sentence = f"{b} is {NOT_DISTINGUISHABLE} from {a}: {numbers}; {_advice(pair, value, interval, n_tested)}"
        return _made(pair, NOT_DISTINGUISHABLE, sentence, p_value, least, n_tested)
    kind = BETTER if value > 0 else WORSE
    return _made(pair, kind, f"{b} is {kind} than {a}: {numbers}", p_value, least, n_tested)


def _made(
    pair: Pair, kind: str, sentence: str, p_value: float | None = None, least: float | None = None, n_tested: int = 0
) -> Verdict:
    context = None
    if kind != NO_VERDICT and (differing := other_context(pair.baseline, pair.run, pair.scope)):
        context = f"they differ in {differing}: the difference can come from the model or from the context"
    opposite = _opposite(pair, _EXPECTED.get(kind, 0))
    return Verdict(
        run=pair.run.name,
        baseline=pair.baseline.name,
        scope=pair.scope,
        trajectories=len(pair.run.ids),
        kind=kind,
        reason=pair.reason,
        differences=pair.differences,
        p_value=p_value,
        least_p=least,
        comparisons=n_tested,
        context=context,
        opposite=opposite,
        cautions=[one for one in (context, opposite, _only_confident(pair, _EXPECTED.get(kind, 0))) if one],
        sentence=sentence,
    )


def _calibrated(pair: Pair) -> str:
    """The difference of calibrated_he_snr, if both runs have it."""
    found = pair.differences.get(CALIBRATED)
    if found is None:
        return ""
    around = f" (95 % {found.interval.low:+.4f} to {found.interval.high:+.4f})" if found.interval else ""
    return f", {CALIBRATED} {found.value:+.4f}{around}"


def _advice(pair: Pair, value: float, interval: Interval, n_tested: int) -> str:
    """How many trajectories would show the difference."""
    if interval.low == interval.high == value == 0:
        return "both are equal to rounding in every trajectory"
    n_documents = len(pair.run.ids)
    smallest = smallest_shown(interval, n_documents, _MOST_ADVISED, n_tested)
    fewest = max(fewest_documents(one, ALPHA / n_tested, pair.n_resamples) for one in pair.weights)
    if fewest > _MOST_ADVISED:
        return f"even {_MOST_ADVISED} trajectories are too few for {n_tested} comparisons; compare fewer runs"
    if abs(value) < smallest:
        return f"{_MOST_ADVISED} trajectories like these would show no difference under {smallest:.4f}"
    n_needed = math.ceil(_MOST_ADVISED * (smallest / abs(value)) ** 2)
    # more than those that do not show it, and enough for a small p-value
    number = _round_up(max(n_needed, int(fewest), n_documents + 1))
    return f"about {number} trajectories like these would show a difference of {abs(value):.4f}"


def _opposite(pair: Pair, expected: int) -> str | None:
    """A caution if ppl or top1_acc has the other sign than he_snr; `expected` is that of he_snr."""
    opposite = [name for name in SAME_TOKENS if pair.sign(name) * expected < 0]
    moves = ", ".join("{} ({:.4g} -> {:.4g})".format(name, *pair.values(name)) for name in opposite)
    return f"{moves} {'says' if len(opposite) == 1 else 'say'} the opposite" if opposite else None


def is_temperature(pair: Pair, expected: int) -> bool:
    """Whether little of the difference of he_snr is left in calibrated_he_snr; `expected` is the sign of he_snr."""
    found = pair.differences.get(CALIBRATED)
    return found is not None and found.value * expected <= LARGEST_LEFT * abs(pair.headline.value)


def _only_confident(pair: Pair, expected: int) -> str | None:
    """A caution if the difference of he_snr is one of temperature; `expected` is the sign of he_snr."""
    found = pair.differences.get(CALIBRATED)
    if not expected or found is None or not is_temperature(pair, expected):
        return None
    more, not_so = ("more", "better") if expected > 0 else ("less", "worse")
    if pair.sign(CALIBRATED) * expected < 0:
        return f"{CALIBRATED} says the opposite: {pair.run.name} is {more} confident, and not {not_so}"
    ends = found.interval or (-math.inf, math.inf)
    is_small = max(end * expected for end in ends) <= LARGEST_LEFT * abs(pair.headline.value)
    return (
        f"{CALIBRATED} does not say so: at the temperature that fits each run, little of the difference is left. "
        f"{pair.run.name} {'is' if is_small else 'may be only'} {more} confident, and not {not_so}"
    )


def _round_up(n: int) -> int:
    """The number, rounded up to two digits."""
    unit = 10 ** max(0, len(str(n)) - 2)
    return -(-n // unit) * unit
