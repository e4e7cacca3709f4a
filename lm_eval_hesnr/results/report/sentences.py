"""The first words of the page: which run to take, and what may be wrong with that answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lm_eval_hesnr.messages.counts import counted, listed
from lm_eval_hesnr.metrics.bounds import DIRECTIONS
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER
from lm_eval_hesnr.metrics.noise import scaled, signal_to_noise
from lm_eval_hesnr.results.compare.choice import NOT_SHOWN
from lm_eval_hesnr.results.compare.pair import HEADLINE
from lm_eval_hesnr.results.compare.verdict import Verdict, least_p_line
from lm_eval_hesnr.results.diagnosis.finding import Finding
from lm_eval_hesnr.results.report.subject import Subject
from lm_eval_hesnr.results.text_table import interval_cell, number

_CONTEXT = ("windows", "other-context")
"""Those about the length of the context. They do not stand there if the caution about the two runs names it."""
_CAUTIONS = ("few-decisions", "candidates-too-few", "opposite", "topk-falls", "own-family", "temperature", *_CONTEXT)
"""The codes of the findings that stand next to the verdict. The page also has a list of all findings."""


class Words(NamedTuple):
    """The first words of a page."""

    verdict: list[str]
    """Sentences, the answer first."""
    cautions: list[str]


def first_words(subject: Subject, findings: Sequence[Finding]) -> Words:
    """The verdict, in the sentences of `hesnr measure`, and its cautions."""
    return Words(list(_verdict(subject)), list(_cautions(subject, findings)))


def _verdict(subject: Subject) -> Iterator[str]:
    if subject.comparison is None or len(subject.runs) == 1:
        yield _alone(subject)
        if len(subject.runs) > 1:
            yield f"No verdict: {subject.baseline.name}: {subject.baseline.not_compared}."
        return
    verdicts, about_pair = subject.comparison.verdicts, subject.pair_verdict
    for sentence in subject.comparison.choice.sentences:
        yield _without_context(sentence, about_pair) if about_pair and about_pair.context else sentence
    if about_pair is not None:
        yield f"{about_pair.sentence}."
    elif len(verdicts) == 1:
        yield from (f"{verdict.sentence}." for verdict in verdicts.values())


def _without_context(sentence: str, about_pair: Verdict) -> str:
    """The sentence without the words that the caution about the contexts of this pair says with their values."""
    differ = re.escape(f" {about_pair.run} and {about_pair.baseline} differ in ")
    return re.sub(rf"{differ}\w+(?:(?:, | and )\w+)*\.", "", sentence)


def _alone(subject: Subject) -> str:
    run, scope = subject.baseline.run, subject.scope
    summary = run.config["summary"][scope]
    interval = interval_cell(summary["intervals"].get(HEADLINE))
    n = counted(summary["documents"], "trajectory")
    return f"{run.name}: {HEADLINE} {number(run.value(HEADLINE, scope))} (95 % {interval}), {n}, scope {scope}."


def _cautions(subject: Subject, findings: Sequence[Finding]) -> Iterator[str]:
    about_pair = subject.pair_verdict
    has_context = about_pair is not None and about_pair.context is not None
    if about_pair is not None:
        both = f"{about_pair.run} and {about_pair.baseline}"
        for caution in about_pair.cautions:
            yield f"{both} {caution.removeprefix('they ')}." if caution.startswith("they ") else f"{caution}."
    yield from (f"{run.name} is not compared: {run.not_compared}." for run in subject.runs if run.not_compared)
    main = (subject.focus or subject.baseline).name
    codes = set(_CAUTIONS) - (set(_CONTEXT) if has_context else set())
    pair = [run.name for run in subject.pair]
    about = [_of_run(one, pair if one.code in _CONTEXT else [main]) for one in findings if one.code in codes]
    yield from dict.fromkeys(one.without_task for one in about if one is not None)
    if subject.comparison is not None and len(subject.runs) > 1:
        yield NOT_SHOWN


def _of_run(finding: Finding, names: Sequence[str]) -> Finding | None:
    """The finding about these runs alone, or about the change to them; None if it is about other runs."""
    if finding.task is None:
        return finding
    runs = tuple(run for run in finding.runs if run in names)
    pairs = tuple(pair for pair in finding.pairs if pair[1] in names)
    return finding._replace(runs=runs, pairs=pairs) if runs or pairs else None


def headed(sentence: str) -> tuple[str, str]:
    """The first sentence of the verdict as a heading and the rest, which begins with a capital or with a measure."""
    heading, colon, rest = sentence.partition(": ")
    if not colon:
        return "", sentence
    first = rest.split(" ", 1)[0]
    return heading, rest if first in DIRECTIONS else rest[:1].upper() + rest[1:]


def pair_sentence(subject: Subject) -> str:
    """Which two runs the page compares token by token, and why."""
    if subject.focus is None or subject.comparison is None:
        return ""
    take, a, b = subject.comparison.choice.take, subject.reference, subject.focus
    if b.name in take:
        one = "the run to take" if len(take) == 1 else "one of the runs to take"
        why = f"{b.name} is {one}, {a.name} "
        others = [run.name for run in subject.comparison.runs if run.name != b.name]
        rival = [f"its closest rival by {HEADLINE}"] if others[:1] == [a.name] and len(others) > 1 else []
        why += listed([*(["the baseline"] if a is subject.baseline else []), *rival] or ["a rival"])
    elif a.name in take:
        why = f"{a.name} is the run to take, {b.name} its closest rival by {HEADLINE}"
    else:
        why = f"{a.name} is the baseline, {b.name} the run with the highest {HEADLINE} that can be compared with it"
    return f"{why}. For another pair, give --baseline." if len(subject.runs) > 2 else f"{why}."


def holm_sentence(subject: Subject) -> str:
    """Over how many comparisons Holm multiplies, and the least p-value that is possible; empty for one comparison."""
    verdicts = list(subject.comparison.verdicts.values()) if subject.comparison else []
    n_tested, least = max((one.comparisons for one in verdicts), default=0), least_p_line(verdicts)
    if n_tested < 2:
        return f"{least}." if least else ""
    after = f"p after Holm is corrected for the {n_tested} comparisons of this page"
    return f"{after}; {least}." if least else f"{after}."


def certainty(subject: Subject) -> list[str]:
    """Which runs may be the best one, the noise between checkpoints, and what more trajectories would give."""
    return [*_as_good(subject), *_widths(subject), *_noise(subject), *_contexts(subject)]


def _contexts(subject: Subject) -> Iterator[str]:
    found = subject.comparison
    if found and any(one.context for one in (*found.verdicts.values(), *found.rivals)):
        yield (
            "Not all runs read the same context (Settings that differ, below). A difference between such runs can come "
            "from the model or from the context."
        )


def _noise(subject: Subject) -> Iterator[str]:
    """The signal-to-noise of the measures over the checkpoints, if they are those of one training run."""
    if subject.places is None:
        return
    runs = [run for _, run in sorted(zip(subject.places[1], subject.runs, strict=True), key=lambda pair: pair[0])]
    found = {}
    for name, better in HIGHER_IS_BETTER.items():
        values = scaled(name, [run.run.value(name, subject.scope) for run in runs])
        if better is not None and (ratio := signal_to_noise([values])) is not None:
            found[name] = ratio
    if found:
        shown = ", ".join(f"{name} {ratio:.1f}" for name, ratio in found.items())
        yield f"Signal-to-noise, the range of all checkpoints divided by the noise from one to the next: {shown}."


def _as_good(subject: Subject) -> Iterator[str]:
    """With 95 % confidence, the truly best run is the highest one or one that is not distinguishable from it."""
    found = subject.comparison.choice if subject.comparison else None
    if found is None or found.highest is None:
        return
    if found.as_good:
        names = ", ".join([found.highest, *found.as_good])
        yield f"With 95 % confidence, the run with the truly highest {HEADLINE} is one of these: {names}."
    else:
        yield f"With 95 % confidence, {found.highest} is the run with the truly highest {HEADLINE}."


def _widths(subject: Subject) -> Iterator[str]:
    run = subject.focus or subject.baseline
    summary = run.run.config["summary"][subject.scope]
    interval = summary["intervals"].get(HEADLINE)
    widths = summary.get("he_snr_interval_width_by_documents") or {}
    if interval is None or not widths:
        return
    n_documents = summary["documents"]
    larger = {str(size): f"{float(width):.4f}" for size, width in widths.items() if int(size) > n_documents}
    if larger:
        own, n = f"{interval[1] - interval[0]:.4f}", counted(n_documents, "trajectory")
        sizes, values = listed(list(larger), "or"), listed(list(larger.values()), "or")
        yield f"The interval of {run.name} is {own} wide with {n}. With {sizes} like these, it would be {values}."


def rival_lines(subject: Subject) -> list[str]:
    """The verdicts on the run to take, compared with the runs that are nearest to it."""
    return [_with_cautions(one) for one in subject.comparison.rivals] if subject.comparison else []


def verdict_lines(subject: Subject) -> list[str]:
    """The verdict on each run, compared with the baseline; the highest he_snr first."""
    comparison = subject.comparison
    if comparison is None:
        return []
    return [_with_cautions(comparison.verdicts[run.name]) for run in comparison.runs if run.name in comparison.verdicts]


def _with_cautions(verdict: Verdict) -> str:
    cautions = [f"Caution: {caution}." for caution in verdict.cautions if caution != verdict.context]
    return " ".join([f"{verdict.sentence}.", *cautions])
