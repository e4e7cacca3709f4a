"""The whole page of `hesnr measure A B ...`: the comparison, what the options add, and the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lm_eval_hesnr.messages.counts import listed, quoted
from lm_eval_hesnr.metrics.bootstrap import Difference
from lm_eval_hesnr.results.compare.comparison import Comparison
from lm_eval_hesnr.results.compare.pair import HEADLINE
from lm_eval_hesnr.results.compare.per_trajectory import moved_lines
from lm_eval_hesnr.results.compare.text import (
    choice_lines,
    comparison_lines,
    differences_lines,
    left_out_lines,
    parts_lines,
    wrapped,
)
from lm_eval_hesnr.results.compare.verdict import ALPHA, BETTER, NO_VERDICT, NOT_DISTINGUISHABLE, WORSE, holm

Parts = Mapping[str, Difference | None]
"""Part to its value."""

_MOST_NAMES = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Extras:
    """What the options add to a page."""

    parts: Mapping[str, Parts] | None = None
    """Run to the parts of its difference from the baseline, with --decompose."""
    per_trajectory: bool = False
    set_of: str | None = None
    """The name of the reference run, with --set-of."""
    on_own_sets: Comparison | None = None
    """The same runs on their own decisions, with --set-of."""


def page_lines(found: Comparison, extras: Extras) -> list[str]:
    """The lines of the page. The answer is at the end."""
    lines = comparison_lines(found, set_of=extras.set_of)
    if len(found.runs) == 2:
        lines += differences_lines(found)
    for run, parts in (extras.parts or {}).items():
        lines += ["", *parts_lines(found.baseline.name, run, parts)]
    if extras.parts is not None:
        lines += left_out_lines(found, "no parts")
    if extras.per_trajectory:
        lines += moved_lines(found)
    closing = [*_within(found, extras.parts or {}), *_on_own_sets(found, extras)]
    answer = choice_lines(found, with_advice=extras.parts is None)
    return [*lines, "", *answer, *(line for text in closing for line in wrapped(text, ""))]


def _within(found: Comparison, parts: Mapping[str, Parts]) -> list[str]:
    """What --decompose adds to the answer: whether the change at the common decisions says the same as he_snr."""
    known = {run: one["within"] for run, one in parts.items() if one.get("within") is not None}
    p_values = {run: one.p_value for run, one in known.items() if one is not None and one.p_value is not None}
    adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    signs = {run: _sign(known[run], p_value) for run, p_value in adjusted.items()}
    if not signs:
        return []
    words = {1: (BETTER, "than"), -1: (WORSE, "than"), 0: (NOT_DISTINGUISHABLE, "from")}
    said = []
    for sign, (kind, than) in words.items():
        if runs := [run for run, one in signs.items() if one == sign]:
            said.append(f"{_names(runs)} {'is' if len(runs) == 1 else 'are'} {kind} {than} {found.baseline.name}")
    after = " (after Holm)" if len(signs) > 1 else ""
    sentences = [f"Parts: at the tokens that are decisions of both runs (within), {'; '.join(said)}{after}."]
    kinds = {run: found.verdicts[run].kind for run in signs}
    if other := [run for run, sign in signs.items() if kinds[run] not in (words[sign][0], NO_VERDICT)]:
        sentences.append(
            f"For {_names(other)}, {HEADLINE} does not say the same, because other tokens enter or leave the decisions."
        )
    return sentences


def _sign(found: Difference | None, p_value: float) -> int:
    return 0 if found is None or p_value >= ALPHA else 1 if found.value > 0 else -1


def _on_own_sets(found: Comparison, extras: Extras) -> list[str]:
    """What --set-of changes: the answer on the decisions of each run itself."""
    if extras.on_own_sets is None or not (take := extras.on_own_sets.choice.take):
        return []
    answer = "the same" if list(take) == list(found.choice.take) else f"take {_names(take, 'or')}"
    about = f"The answer is about the decisions of {extras.set_of}, the same tokens for every run. "
    return [
        f"{about if found.choice.take else ''}Without --set-of, on the decisions of each run itself, the answer is: "
        f"{answer}."
    ]


def _names(runs: Sequence[str], word: str = "and") -> str:
    return listed([quoted(run) for run in runs], word, _MOST_NAMES)
