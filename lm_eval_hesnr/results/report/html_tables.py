"""The tables of the page, as text in cells. A number has the digits of `hesnr measure`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER
from lm_eval_hesnr.results.compare.text import COLUMNS
from lm_eval_hesnr.results.compare.verdict import HEADLINE
from lm_eval_hesnr.results.report.inputs import ReportRun
from lm_eval_hesnr.results.report.subject import Document, Subject
from lm_eval_hesnr.results.report.summary_values import BIN, histogram, shift, threshold_points
from lm_eval_hesnr.results.text_table import interval_cell, number

COMPANIONS = {
    "self_he_snr": "what he_snr would be if the model's own probabilities were true",
    "calibrated_he_snr": "he_snr at the temperature that fits best; only runs with the option temperatures have it",
    "q_over_entropy": "he_snr with the probabilities of the k candidates scaled to a sum of 1",
    "bits_per_byte": "as ppl, but per byte of text, so that other tokenizers are comparable",
    "top1_acc": "share of all tokens that the model would have chosen",
}
"""The measures that help to read he_snr, with one sentence each."""
CURVES = ("he_snr", "he_ppl", "ppl", "decisions")
"""The measures that the page draws over steps."""
_MOST_HISTOGRAMS = 12
_FORMS = {**COLUMNS, HEADLINE: ".4f", "calibrated_he_snr": ".4f"}


class Cell(NamedTuple):
    """One cell of a table."""

    text: str
    mark: str = ""
    """A word after the text."""
    is_strong: bool = False
    sort: float | None = None
    """The number that it is sorted by."""
    link: int | None = None
    """The number of the token view that it opens."""


class HtmlTable(NamedTuple):
    """A table. The first cell of each row is its heading."""

    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    can_sort: bool = False


def form_of(name: str) -> str:
    """The format of a measure."""
    return _FORMS.get(name, ".4f")


def _value(run: ReportRun, name: str, scope: str, *, is_strong: bool = False) -> Cell:
    value = run.run.value(name, scope)
    return Cell(number(value, form_of(name)), is_strong=is_strong, sort=value)


def _interval(run: ReportRun, name: str, scope: str) -> Cell:
    summary = run.run.config["summary"].get(scope) or {"intervals": {}}
    return Cell(interval_cell(summary["intervals"].get(name), form_of(name)))


def _name(run: ReportRun, mark: str = "") -> Cell:
    return Cell(run.name, mark=mark, is_strong=mark.startswith("take"))


def _step(run: ReportRun) -> Cell:
    return Cell("" if run.step is None else str(run.step), sort=run.step)


def checkpoints_table(subject: Subject) -> HtmlTable:
    """The main table: the measures of each run, and its difference from the baseline."""
    comparison, scope = subject.comparison, subject.scope
    take = comparison.choice.take if comparison and len(subject.runs) > 1 else ()
    head = [
        "checkpoint", "step", HEADLINE, "95 % interval", "he_ppl", "ppl", "decisions", "topk_acc",
        f"difference from {subject.baseline.name}", "95 % interval", "p after Holm",
    ]  # fmt: skip
    rows = []
    for run in subject.runs:
        marks = ["take"] if run.name in take else []
        marks += ["baseline"] if run is subject.baseline and len(subject.runs) > 1 else []
        is_best = comparison is not None and run.name == comparison.choice.highest
        cells = [_name(run, ", ".join(marks)), _step(run), _value(run, HEADLINE, scope, is_strong=is_best)]
        cells += [_interval(run, HEADLINE, scope)]
        cells += [_value(run, name, scope) for name in ("he_ppl", "ppl", "decisions", "topk_acc")]
        rows.append([*cells, *_against_baseline(subject, run)])
    width = 8 if len(subject.runs) == 1 else len(head)
    caption = f"Checkpoints, scope {scope}"
    return HtmlTable(caption, head[:width], [row[:width] for row in rows], can_sort=len(rows) > 1)


def _against_baseline(subject: Subject, run: ReportRun) -> list[Cell]:
    if run is subject.baseline:
        return [Cell(""), Cell(""), Cell("")]
    verdict = subject.comparison.verdicts.get(run.name) if subject.comparison else None
    value, interval, _ = (verdict and verdict.differences.get(HEADLINE)) or (None, None, None)
    p_value = verdict.p_value if verdict else None
    return [
        Cell(number(value, "+.4f"), sort=value),
        Cell(interval_cell(interval, "+.4f")),
        Cell(number(p_value, ".2g"), sort=p_value),
    ]


def companions_table(subject: Subject) -> HtmlTable:
    """he_snr and the measures that help to read it."""
    names = [name for name in COMPANIONS if any(f"{name},{subject.scope}" in run.run.results for run in subject.runs)]
    rows = [[_name(run), *(_value(run, name, subject.scope) for name in (HEADLINE, *names))] for run in subject.runs]
    return HtmlTable(f"Companions of {HEADLINE}, scope {subject.scope}", ["checkpoint", HEADLINE, *names], rows)


def curves_table(subject: Subject) -> HtmlTable:
    """The numbers of the curves."""
    head = ["checkpoint", "step", *(title for name in CURVES for title in (name, f"{name}, 95 % interval"))]
    rows = [
        [_name(run), _step(run), *(cell for name in CURVES for cell in _with_interval(run, name, subject.scope))]
        for run in subject.runs
    ]
    return HtmlTable("Numbers of these curves", head, rows)


def _with_interval(run: ReportRun, name: str, scope: str) -> list[Cell]:
    return [_value(run, name, scope), _interval(run, name, scope)]


def differences_table(subject: Subject) -> HtmlTable | None:
    """Every measure of the run in focus minus that of the baseline."""
    if subject.focus is None or subject.comparison is None:
        return None
    rows = []
    for name, one in subject.comparison.verdicts[subject.focus.name].differences.items():
        value, interval, p_value = one or (None, None, None)
        better = {True: "higher is better", False: "lower is better", None: "diagnostic"}[HIGHER_IS_BETTER[name]]
        cells = number(value, "+.4f"), interval_cell(interval, "+.4f"), number(p_value, ".2g")
        rows.append([Cell(name, mark=better), *map(Cell, cells)])
    caption = f"{subject.focus.name} minus {subject.baseline.name}, paired by trajectory"
    return HtmlTable(caption, ["measure", "difference", "95 % interval", "p"], rows)


def thresholds_table(subject: Subject) -> HtmlTable | None:
    """he_snr of each run at other thresholds."""
    points = {run.name: _points(run, subject.scope) for run in subject.runs}
    thresholds = sorted({epsilon for found in points.values() for epsilon in found})
    if not thresholds:
        return None
    rows = [
        [Cell(f"{epsilon:.4f}"), *(Cell(number(found.get(epsilon))) for found in points.values())]
        for epsilon in thresholds
    ]
    return HtmlTable("Numbers of these lines: he_snr by threshold, nats", ["threshold", *points], rows)


def _points(run: ReportRun, scope: str) -> dict[float, float | None]:
    summary = run.run.config["summary"].get(scope) or {}
    return {one["epsilon"]: one["he_snr"] for one in threshold_points(summary) if one["epsilon"] is not None}


def ranking_sentence(subject: Subject) -> str | None:
    """At how many thresholds the run in focus is above the baseline, as it is at epsilon."""
    if subject.focus is None:
        return None
    before, after = (_points(run, subject.scope) for run in subject.pair)
    pairs = [(before[one], after[one]) for one in before if one in after]
    known = [(a, b) for a, b in pairs if a is not None and b is not None]
    if not known:
        return None
    higher = sum(b > a for a, b in known)
    return (
        f"At {higher} of {len(known)} thresholds, the {HEADLINE} of {subject.focus.name} is higher than that of "
        f"{subject.baseline.name}."
    )


def histogram_runs(subject: Subject) -> list[tuple[ReportRun, list[int]]]:
    """The runs whose entropies the page draws, with the tokens per bin: at most 12, evenly chosen."""
    found = [(run, histogram(run.run.config["summary"].get(subject.scope) or {})) for run in subject.runs]
    known = [(run, counts) for run, counts in found if counts is not None]
    if len(known) <= _MOST_HISTOGRAMS:
        return known
    places = [round(i * (len(known) - 1) / (_MOST_HISTOGRAMS - 1)) for i in range(_MOST_HISTOGRAMS)]
    return [known[i] for i in places]


def entropy_table(subject: Subject) -> HtmlTable | None:
    """The tokens in each bin of entropy."""
    shown = histogram_runs(subject)
    n_bins = max((len(counts) for _, counts in shown), default=0)
    if not n_bins:
        return None
    rows = [
        [Cell(f"{i * BIN:.2f} to {(i + 1) * BIN:.2f}"), *(Cell(str(_at(counts, i))) for _, counts in shown)]
        for i in range(n_bins)
    ]
    return HtmlTable(
        "Numbers of these bars: tokens by entropy, nats", ["entropy", *(run.name for run, _ in shown)], rows
    )


def _at(counts: Sequence[int], place: int) -> int:
    return counts[place] if place < len(counts) else 0


def shift_table(subject: Subject) -> HtmlTable | None:
    """How much of the mass near ln 3 and ln 4 is near ln 3."""
    found = [(run, shift(run.run.config["summary"].get(subject.scope) or {})) for run in subject.runs]
    rows = [[_name(run), Cell(number(one[0])), Cell(interval_cell(one[1]))] for run, one in found if one]
    return HtmlTable("ln3_ln4_shift", ["checkpoint", "shift", "95 % interval"], rows) if rows else None


def scopes_table(subject: Subject) -> HtmlTable:
    """he_snr of each run in each scope."""
    scopes = list(dict.fromkeys(scope for run in subject.runs for scope in run.run.config["summary"]))
    head = ["checkpoint", *(title for scope in scopes for title in (f"he_snr, {scope}", f"{scope}, 95 % interval"))]
    rows = [
        [_name(run), *(cell for scope in scopes for cell in _with_interval(run, HEADLINE, scope))]
        for run in subject.runs
    ]
    return HtmlTable("Numbers of these dots: he_snr by scope", head, rows)


def documents_table(subject: Subject, documents: Sequence[Document], views: Mapping[int, int]) -> HtmlTable:
    """The trajectories, the largest effect on the difference first.

    Args:
        subject: the runs.
        documents: the trajectories.
        views: the index of a document to the number of its token view.
    """
    rows = []
    for one in documents:
        (n_before, n_after), (before, after) = one.decisions, one.he_snr
        change = None if before is None or after is None else after - before
        cells = [
            Cell(one.id, link=views.get(one.index)),
            Cell("N/A" if one.tokens is None else str(one.tokens), sort=one.tokens),
        ]
        cells += [Cell(number(n_before, ".0f"), sort=n_before)]
        cells += [Cell(number(n_after, ".0f"), sort=n_after)] if subject.focus else []
        cells += [Cell(number(before), sort=before)]
        cells += [Cell(number(after), sort=after), Cell(number(change, "+.4f"), sort=change)] if subject.focus else []
        rows.append([*cells, Cell(number(one.effect, "+.4f"), sort=one.effect)])
    head = ["trajectory", "tokens", "decisions", HEADLINE, "effect"]
    if subject.focus:
        a, b = subject.baseline.name, subject.focus.name
        head = ["trajectory", "tokens", f"decisions, {a}", f"decisions, {b}", f"{HEADLINE}, {a}", f"{HEADLINE}, {b}"]
        head += ["change", "effect"]
    return HtmlTable("Trajectories, the largest effect first", head, rows, can_sort=len(rows) > 1)


def differing_table(subject: Subject) -> HtmlTable | None:
    """The settings that differ between the runs, one line for each run."""
    settings = [dict(_settings(run)) for run in subject.runs]
    keys = [key for key in _keys(settings) if len({one.get(key) for one in settings}) > 1]
    rows = [
        [_name(run), *(Cell(one.get(key, "")) for key in keys)] for run, one in zip(subject.runs, settings, strict=True)
    ]
    return HtmlTable("Settings that differ", ["checkpoint", *keys], rows) if keys else None


def shared_table(subject: Subject) -> HtmlTable:
    """The settings that are the same in all runs."""
    settings = [dict(_settings(run)) for run in subject.runs]
    keys = [key for key in _keys(settings) if len({one.get(key) for one in settings}) == 1]
    caption = "Settings of all runs" if len(settings) > 1 else "Settings"
    return HtmlTable(caption, ["setting", "value"], [[Cell(key), Cell(settings[0][key])] for key in keys])


def _keys(settings: Sequence[Mapping[str, str]]) -> list[str]:
    return list(dict.fromkeys(key for one in settings for key in one))


def _settings(run: ReportRun) -> Iterator[tuple[str, str]]:
    for key, value in run.run.config["signature"].items():
        yield str(key), _short(value)


def _short(value: Any, room: int = 120) -> str:
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else "N/A"
    try:
        text = "none" if value is None else str(value)
    except RecursionError:
        text = "..."
    return text if len(text) <= room else f"{text[:room]}..."


def inputs_table(subject: Subject) -> HtmlTable:
    """The files that the page is made from."""
    rows = []
    for run in subject.runs:
        versions = ", ".join(f"{name} {version}" for name, version in run.versions.items())
        cells = [run.date or "", versions, str(run.source), run.sha256 or ""]
        rows.append([_name(run), *map(Cell, cells)])
    return HtmlTable("Inputs", ["checkpoint", "date", "versions", "file", "SHA-256"], rows)
