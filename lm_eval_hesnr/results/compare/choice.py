"""Which of several runs to take, and why."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from lm_eval_hesnr.messages.counts import listed, quoted
from lm_eval_hesnr.metrics.calibration import CALIBRATED
from lm_eval_hesnr.metrics.estimates import Estimate
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER
from lm_eval_hesnr.results.compare.comparable import contexts
from lm_eval_hesnr.results.compare.compared_run import ComparedRun
from lm_eval_hesnr.results.compare.pair import HEADLINE, ROUNDING, Pair
from lm_eval_hesnr.results.compare.verdict import (
    ALPHA,
    NO_VERDICT,
    NOT_DISTINGUISHABLE,
    SAME_TOKENS,
    Family,
    Verdict,
    holm,
    is_temperature,
)
from lm_eval_hesnr.results.text_table import number

Values = Mapping[str, Mapping[str, Estimate]]
"""Run to measure to estimate."""
Pairs = Mapping[str, Pair]
"""Each other run to its differences from one of them."""

_REASONS = ("he_ppl", "ppl", "top1_acc")
"""Measures that are named if the run with the highest he_snr has their best value, too."""
SEE_PARTS = " See which tokens changed (--decompose)."
NOT_SHOWN = (
    "It is not shown that he_snr predicts solved tasks better than bits_per_byte does (docs/lab/README.md of the "
    "project). Look at both."
)
"""The caution of every comparison."""
_MOST_NAMES = 4
_NO_CHOICE = "No choice: there is no verdict about any run."
_OTHER_BASELINE = f"{_NO_CHOICE} There may be one with another --baseline."


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The runs to take."""

    take: Sequence[str]
    """One run, or several if neither he_snr nor ppl decides. Empty without any verdict."""
    highest: str | None
    """The run with the highest he_snr, of those with a verdict."""
    as_good: Sequence[str]
    """The runs that are not distinguishable from it. With 95 % confidence, the truly best run of those with a verdict
    is `highest` or one of these: each other run is worse than `highest` by a test at 0.05 over all comparisons."""
    reasons: Sequence[str]
    """Sentences: which run to take and why, and cautions."""
    not_considered: Mapping[str, str]
    """The runs without a verdict, and why they have none."""
    has_opposite: bool = False
    """Whether a reason says that a worse run is better by ppl or top1_acc."""

    @property
    def sentences(self) -> list[str]:
        """All that is said about the choice."""
        runs = self.not_considered.items() if self.take else ()
        return [*self.reasons, *(f"Not considered, as there is no verdict: {name}: {why}." for name, why in runs)]


def choice(
    family: Family, runs: Sequence[ComparedRun], values: Values, left_out: Mapping[str, str] | None = None
) -> Choice:
    """The run to take.

    The run with the highest he_snr is taken, of those that have a verdict against another run. If other runs are not
    distinguishable from it, the one of these with the lowest ppl is taken, if its ppl is lower by more than chance.

    Args:
        family: the comparisons so far. The run with the highest he_snr is compared with all others.
        runs: those that can be compared with the baseline, the highest he_snr first.
        values: the measures of each run.
        left_out: the runs that cannot be compared with the baseline, and why.
    """
    best, found = _highest(family, runs, values)
    if best is None:
        reason = _OTHER_BASELINE if len(left_out or ()) > 1 else _NO_CHOICE
        return Choice(take=(), highest=None, as_good=(), reasons=[reason], not_considered=dict(left_out or {}))
    by_name = {run.name: run for run in runs}
    kinds = {one.run: one.kind for one in found if one.kind != NO_VERDICT}
    without = {one.run: str(one.reason) for one in found if one.kind == NO_VERDICT} | dict(left_out or {})
    pairs = {name: family.pair(best, by_name[name]) for name in kinds}
    values = {name: values[name] for name in (best.name, *kinds)}
    as_good = [name for name, kind in kinds.items() if kind == NOT_DISTINGUISHABLE]
    take, sentence = _take(best.name, as_good, pairs, values, is_complete=not without)
    if take[0] != best.name:
        sentence += _other_context(best, by_name[take[0]], found[0].scope)
    worse = {name: family.pair(by_name[take[0]], by_name[name]) for name in kinds if name not in as_good}
    worse = {name: one for name, one in worse.items() if one.reason is None}
    opposite = list(_contradictions(take[0], worse, values)) if "ppl" in values[take[0]] else []
    cautions = [*opposite, *_not_supported(take[0], worse, on_set="ppl" not in values[take[0]])]
    by_headline = cautions and take[0] == best.name
    reasons = [f"By {HEADLINE}, t{sentence[1:]}" if by_headline else sentence, *cautions]
    return Choice(
        take=take,
        highest=best.name,
        as_good=as_good,
        reasons=reasons,
        not_considered=without,
        has_opposite=bool(opposite),
    )


def _highest(
    family: Family, runs: Sequence[ComparedRun], values: Values
) -> tuple[ComparedRun | None, Sequence[Verdict]]:
    """The run with the highest he_snr that has a verdict, and the verdicts on all others against it.

    A run without an interval has no verdict. Of the others, two can be comparable with the baseline but not with each
    other, if the baseline does not know all settings.
    """
    for run in runs:
        if values[run.name][HEADLINE].interval is not None:
            found = family.verdicts((run, one) for one in runs if one is not run)
            if any(one.kind != NO_VERDICT for one in found):
                return run, found
    return None, []


def _other_context(best: ComparedRun, taken: ComparedRun, scope: str) -> str:
    """A sentence if the contexts of the two runs differ; empty if they do not."""
    differing, _ = contexts([best, taken], scope)
    return f" {taken.name} and {best.name} differ in {_and(differing)}." if differing else ""


def _take(
    best: str, as_good: Sequence[str], pairs: Pairs, values: Values, *, is_complete: bool
) -> tuple[list[str], str]:
    """The runs to take, and the sentence that says so."""
    highest, why = _highest_and_why(best, values, is_complete=is_complete)
    if not as_good:
        return [best], f"Take {best}: {why}. {_are_worse(list(pairs), is_complete)}"
    other = "ppl" if "ppl" in values[best] else "he_ppl"
    leaders = _leaders(other, {name: values[name] for name in (best, *as_good)}) or [best]
    if best in leaders:
        are = f"{_names(as_good)} {_are(as_good)} not distinguishable from it on these trajectories"
        return [best], f"Take {best}: {why}. {are}."
    leader = leaders[0]
    against = _against(leader, best, [other], values)
    if leader in _better(other, {name: pairs[name] for name in as_good}):
        rest = [name for name in as_good if name != leader]
        also = f" Also not distinguishable from {best}: {_names(rest)}." if rest else ""
        return [leader], (
            f"Take {leader}: {HEADLINE} does not distinguish it from {best} on these trajectories, and its {other} is "
            f"lower by more than chance ({against}). {highest}.{also}"
        )
    return [best, *as_good], (
        f"Take {_names([best, *as_good], 'or')}: neither {HEADLINE} nor {other} distinguishes the best of them on "
        f"these trajectories. {highest}, and {leader} the lowest {other} of these ({against})."
    )


def _highest_and_why(best: str, values: Values, *, is_complete: bool) -> tuple[str, str]:
    """That a run has the highest he_snr, in two forms: with its name, and with all that it is the best in."""
    value = number(values[best][HEADLINE].value)
    leaders = _leaders(HEADLINE, values)
    if leaders != [best]:
        run = "run" if is_complete else "run with a verdict"
        return f"{_names(leaders)} have the highest {HEADLINE} ({value})", f"no {run} has a higher {HEADLINE} ({value})"
    has = f"has the highest {HEADLINE}{'' if is_complete else ' of the runs with a verdict'} ({value})"
    leads = [f"the {_extreme(name)} {name}" for name in _REASONS if _leaders(name, values) == [best]]
    return f"{best} {has}", _and([f"it {has}", *leads])


def _are_worse(worse: Sequence[str], is_complete: bool) -> str:
    if not is_complete:
        return f"{_names(worse)} {_are(worse)} worse."
    return "The other run is worse." if len(worse) == 1 else "All other runs are worse."


def _contradictions(taken: str, worse: Pairs, values: Values) -> Iterator[str]:
    """A caution if a worse run is better by a measure of the same tokens, by more than chance."""
    found: dict[str, list[str]] = {}
    for name in SAME_TOKENS:
        better = _better(name, worse, of=SAME_TOKENS)
        for leader in _leaders(name, {run: values[run] for run in better})[:1]:
            found.setdefault(leader, []).append(name)
    if found:
        said = [
            f"by {_and(names)}, {leader} is better than {taken} ({_against(leader, taken, names, values)})"
            for leader, names in found.items()
        ]
        longer = (
            "Our tests do not show that he_snr is right where both disagree (docs/lab/README.md of the project). "
            if any("ppl" in names for names in found.values())
            else ""
        )
        yield (
            f"Caution: {_and(said)}. {longer}A model that is only more confident can also have a "
            f"higher {HEADLINE}. Compare top1_acc on the decisions of a third run (hesnr measure --set-of).{SEE_PARTS}"
        )


def _against(leader: str, taken: str, names: Sequence[str], values: Values) -> str:
    """The values of measures in two runs: `3 against 4, 0.26 against 0.25`."""
    return ", ".join(f"{_short(values[leader][name])} against {_short(values[taken][name])}" for name in names)


def _not_supported(taken: str, worse: Pairs, *, on_set: bool) -> Iterator[str]:
    """A caution if another measure does not say that a run with a lower he_snr is worse.

    On a set of tokens this is top1_acc, else calibrated_he_snr, if the runs have it.

    Args:
        taken: the run that is taken.
        worse: the worse runs, compared with it.
        on_set: whether the measures are over a set of tokens.
    """
    confident = f"So {taken} may only be more confident."
    if on_set:
        better = _better("top1_acc", worse)
        equal = [name for name, one in worse.items() if name not in better and one.sign("top1_acc") >= 0]
        found = [f"{_names(better)} {_are(better)} better than {taken}"] if better else []
        found += [f"{_names(equal)} {_are(equal)} not distinguishable from {taken}"] if equal else []
        if found:
            yield f"Caution: by top1_acc on these tokens, {_and(found)}. {confident}"
    elif equal := [name for name, one in worse.items() if one.sign(HEADLINE) < 0 and is_temperature(one, -1)]:
        yield f"Caution: {CALIBRATED} does not say that {_names(equal)} {_are(equal)} worse. {confident}"


def _better(name: str, pairs: Pairs, of: Sequence[str] = ()) -> list[str]:
    """The runs that are better by a measure: the p-value after Holm over all these runs is below 0.05.

    Args:
        name: the measure.
        pairs: the runs that are looked at.
        of: all measures that are looked at; only `name` if empty.
    """
    keys = [(measure, run) for measure in of or (name,) for run in pairs]
    found = [pairs[run].differences.get(measure) for measure, run in keys]
    adjusted = holm([1.0 if one is None or one.p_value is None else one.p_value for one in found])
    small = {run for (measure, run), p_value in zip(keys, adjusted, strict=True) if measure == name and p_value < ALPHA}
    return [run for run in pairs if run in small and pairs[run].sign(name) > 0]


def _leaders(name: str, values: Values) -> list[str]:
    """The runs with the best value of a measure. There are several if their values are equal to rounding."""
    known = {run: found[name].value for run, found in values.items() if name in found}
    numbers = {run: value for run, value in known.items() if value is not None}
    if not numbers:
        return []
    best = (max if HIGHER_IS_BETTER[name] else min)(numbers.values())
    return [run for run, value in numbers.items() if math.isclose(value, best, rel_tol=ROUNDING)]


def _extreme(name: str) -> str:
    return "highest" if HIGHER_IS_BETTER[name] else "lowest"


def _are(names: Sequence[str]) -> str:
    return "is" if len(names) == 1 else "are"


def _short(found: Estimate) -> str:
    return number(found.value, ".4g")


def _and(parts: Sequence[str], word: str = "and") -> str:
    return listed(parts, word, _MOST_NAMES)


def _names(runs: Sequence[str], word: str = "and") -> str:
    return _and([quoted(run) for run in runs], word)
