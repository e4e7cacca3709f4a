"""The numbers of the charts, as tables below them."""

from __future__ import annotations

from collections.abc import Sequence

from lm_eval_hesnr.results.compare.pair import HEADLINE
from lm_eval_hesnr.results.report.cells import Cell, HtmlTable, name_cell, step_cell, with_interval
from lm_eval_hesnr.results.report.inputs import ReportRun
from lm_eval_hesnr.results.report.subject import Subject
from lm_eval_hesnr.results.report.summary_values import BIN, histogram, shift, threshold_points
from lm_eval_hesnr.results.text_table import interval_cell, number

CURVES = ("he_snr", "he_ppl", "ppl", "decisions")
"""The measures that the page draws over steps."""
_MOST_HISTOGRAMS = 12


def curves_table(subject: Subject) -> HtmlTable:
    """The numbers of the curves."""
    head = ["checkpoint", "step", *(title for name in CURVES for title in (name, f"{name}, 95 % interval"))]
    rows = [
        [name_cell(run), step_cell(run), *(cell for name in CURVES for cell in with_interval(run, name, subject.scope))]
        for run in subject.runs
    ]
    return HtmlTable("Numbers of these curves", head, rows)


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
    rows = [[name_cell(run), Cell(number(one[0])), Cell(interval_cell(one[1]))] for run, one in found if one]
    return HtmlTable("ln3_ln4_shift", ["checkpoint", "shift", "95 % interval"], rows) if rows else None


def scopes_table(subject: Subject) -> HtmlTable:
    """he_snr of each run in each scope."""
    scopes = list(dict.fromkeys(scope for run in subject.runs for scope in run.run.config["summary"]))
    head = ["checkpoint", *(title for scope in scopes for title in (f"he_snr, {scope}", f"{scope}, 95 % interval"))]
    rows = [
        [name_cell(run), *(cell for scope in scopes for cell in with_interval(run, HEADLINE, scope))]
        for run in subject.runs
    ]
    return HtmlTable("Numbers of these dots: he_snr by scope", head, rows)
