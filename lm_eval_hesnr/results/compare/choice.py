"""Which of several runs to take, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lm_eval_hesnr.metrics.estimates import Estimate
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER
from lm_eval_hesnr.results.compare.compared_run import ComparedRun
from lm_eval_hesnr.results.compare.verdict import HEADLINE, NO_VERDICT, NOT_DISTINGUISHABLE, WORSE, Verdict, verdicts

Values = Mapping[str, Mapping[str, Estimate]]
"""Run to measure to estimate."""

_REASONS = ("he_ppl", "ppl", "top1_acc")
"""Measures that are named if the run with the highest he_snr has their best value, too."""
_SAME_TOKENS = ("ppl", "top1_acc")
"""Measures that ask all models about the same tokens, and that may contradict he_snr."""
_MOST_NAMES = 4
_NO_CHOICE = "No choice: there is no verdict about any run. See the reasons, or try another --baseline."


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The runs to take."""

    take: Sequence[str]
    """One run, or several if neither he_snr nor ppl decides. Empty without any verdict."""
    highest: str | None
    """The run with the highest he_snr."""
    as_good: Sequence[str]
    """The runs that are not distinguishable from it. With 95 % confidence, the truly best run is `highest` or one of
    these: each other run is worse than `highest` by a test at 0.05 over all comparisons."""
    sentences: Sequence[str]


def choice(runs: Sequence[ComparedRun], scope: str, values: Values, left_out: Sequence[str] = ()) -> Choice:
    """The run to take.

    The run with the highest he_snr is taken. If other runs are not distinguishable from it, the one of these with the
    lowest ppl is taken, if its ppl is lower by more than chance.

    Args:
        runs: those that can be compared with each other, the highest he_snr first.
        scope: the scope in which they are compared.
        values: the measures of each run.
        left_out: the names of the runs that cannot be compared with these.
    """
    verdict_of = {one.run: one for one in (verdicts(runs, scope) if len(runs) > 1 else []) if one.kind != NO_VERDICT}
    if not verdict_of:
        return Choice(take=(), highest=None, as_good=(), sentences=[_NO_CHOICE])
    best = runs[0].name
    values = {name: values[name] for name in (best, *verdict_of)}
    as_good = [name for name, verdict in verdict_of.items() if verdict.kind == NOT_DISTINGUISHABLE]
    take, sentence = _take(best, as_good, verdict_of, values)
    on_a_set = "ppl" not in values[best]
    cautions = list(
        _not_supported(best, verdict_of) if on_a_set else _contradictions(best, as_good, verdict_of, values)
    )
    sentences = [f"By {HEADLINE}, t{sentence[1:]}" if cautions else sentence, *cautions]
    if left_out:
        sentences.append(f"Not considered, as there is no verdict: {_and(left_out)}.")
    return Choice(take=take, highest=best, as_good=as_good, sentences=sentences)


def _take(
    best: str, as_good: Sequence[str], verdict_of: Mapping[str, Verdict], values: Values
) -> tuple[list[str], str]:
    """The runs to take, and the sentence that says so."""
    number = _number(values[best][HEADLINE])
    leads = [f"the {_extreme(name)} {name}" for name in _REASONS if _leader(name, values) == best]
    why = _and([f"it has the highest {HEADLINE} ({number})", *leads])
    if not as_good:
        return [best], f"Take {best}: {why}. {'The other run is' if len(values) == 2 else 'All other runs are'} worse."
    other = "ppl" if "ppl" in values[best] else "he_ppl"
    leader = _leader(other, {name: values[name] for name in (best, *as_good)}) or best
    are = "is" if len(as_good) == 1 else "are"
    if leader == best:
        return [best], f"Take {best}: {why}. {_and(as_good)} {are} not distinguishable from it on these trajectories."
    both = f"{best} has the highest {HEADLINE} ({number}), {leader} the lowest {other}"
    pair = f"{_short(values[leader][other])} against {_short(values[best][other])}"
    if verdict_of[leader].sign(other) > 0:
        names = _and([name for name in (best, *as_good) if name != leader])
        return [leader], (
            f"Take {leader}: {HEADLINE} does not distinguish it from {names} on these trajectories, and its {other} is "
            f"lower by more than chance. {both} ({pair})."
        )
    return [best, *as_good], (
        f"Take {_and([best, *as_good], 'or')}: neither {HEADLINE} nor {other} distinguishes the best of them on these "
        f"trajectories. {both} ({pair})."
    )


def _contradictions(
    best: str, as_good: Sequence[str], verdict_of: Mapping[str, Verdict], values: Values
) -> Iterator[str]:
    """A caution if a worse run is better by a measure of the same tokens, and not only by chance."""
    found = []
    for name in _SAME_TOKENS:
        leader = _leader(name, values)
        if leader is not None and leader in verdict_of and leader not in as_good and verdict_of[leader].sign(name) > 0:
            here, there = _short(values[leader][name]), _short(values[best][name])
            found.append(f"by {name}, {leader} is better than {best} ({here} against {there})")
    if found:
        yield (
            f"Caution: {_and(found)}. After a context extension this is the long-context tax on ppl. Otherwise {best} "
            "may only be more confident, which also raises he_snr: --set-of shows top1_acc on the same decisions, and "
            "--decompose which tokens changed."
        )


def _not_supported(best: str, verdict_of: Mapping[str, Verdict]) -> Iterator[str]:
    """A caution if, on a set of tokens, a run with a lower he_snr is not worse by top1_acc by more than chance."""
    found = [name for name, one in verdict_of.items() if one.kind == WORSE and one.sign("top1_acc") >= 0]
    if found:
        yield (
            f"Caution: by top1_acc on these tokens, {_and(found)} {'is' if len(found) == 1 else 'are'} not worse than "
            f"{best}. So {best} may only be more confident."
        )


def _leader(name: str, values: Values) -> str | None:
    """The run with the best value of a measure; None if no run has a value."""
    known = {run: found[name].value for run, found in values.items() if name in found}
    numbers = {run: value for run, value in known.items() if value is not None}
    pick = max if HIGHER_IS_BETTER[name] else min
    return pick(numbers, key=lambda run: numbers[run]) if numbers else None


def _extreme(name: str) -> str:
    return "highest" if HIGHER_IS_BETTER[name] else "lowest"


def _number(found: Estimate) -> str:
    return "N/A" if found.value is None else f"{found.value:.4f}"


def _short(found: Estimate) -> str:
    return "N/A" if found.value is None else f"{found.value:.4g}"


def _and(parts: Sequence[str], word: str = "and") -> str:
    """The parts as a list in a sentence: `a, b and c`. Of more than five, the first four and the number of the others.

    Args:
        parts: at least one.
        word: the word before the last one.
    """
    if len(parts) > _MOST_NAMES + 1:
        parts = [*parts[:_MOST_NAMES], f"{len(parts) - _MOST_NAMES} more"]
    return f" {word} ".join([part for part in (", ".join(parts[:-1]), parts[-1]) if part])
