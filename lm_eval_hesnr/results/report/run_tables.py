"""The tables about all runs, and about the difference of two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lm_eval_hesnr.metrics.bounds import DIRECTIONS
from lm_eval_hesnr.results.compare.pair import HEADLINE
from lm_eval_hesnr.results.report.cells import Cell, HtmlTable, interval_cell_of, name_cell, step_cell, value_cell
from lm_eval_hesnr.results.report.inputs import ReportRun
from lm_eval_hesnr.results.report.subject import Document, Subject
from lm_eval_hesnr.results.text_table import interval_cell, number

COMPANIONS = {
    "self_he_snr": "what he_snr would be if the model's own probabilities were true",
    "calibrated_he_snr": "he_snr at the temperature that fits best; only runs with the option temperatures have it",
    "q_over_entropy": "he_snr with the probabilities of the k candidates scaled to a sum of 1",
    "bits_per_byte": "as ppl, but per byte of text, so that other tokenizers are comparable",
    "top1_acc": "share of all tokens that the model would have chosen",
}
"""The measures that help to read he_snr, with one sentence each."""


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
        cells = [name_cell(run, ", ".join(marks)), step_cell(run), value_cell(run, HEADLINE, scope, is_strong=is_best)]
        cells += [interval_cell_of(run, HEADLINE, scope)]
        cells += [value_cell(run, name, scope) for name in ("he_ppl", "ppl", "decisions", "topk_acc")]
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
    rows = [
        [name_cell(run), *(value_cell(run, name, subject.scope) for name in (HEADLINE, *names))] for run in subject.runs
    ]
    return HtmlTable(f"Companions of {HEADLINE}, scope {subject.scope}", ["checkpoint", HEADLINE, *names], rows)


def differences_table(subject: Subject) -> HtmlTable | None:
    """Every measure of the run in focus minus that of the baseline."""
    if subject.focus is None or subject.comparison is None:
        return None
    rows = []
    for name, one in subject.comparison.verdicts[subject.focus.name].differences.items():
        value, interval, p_value = one or (None, None, None)
        better = {True: "higher is better", False: "lower is better", None: "diagnostic"}[DIRECTIONS.get(name)]
        cells = number(value, "+.4f"), interval_cell(interval, "+.4f"), number(p_value, ".2g")
        rows.append([Cell(name, mark=better), *map(Cell, cells)])
    caption = f"{subject.focus.name} minus {subject.baseline.name}, paired by trajectory"
    return HtmlTable(caption, ["measure", "difference", "95 % interval", "p"], rows)


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
