"""The tables about all runs, and about the difference of two of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lm_eval_hesnr.metrics.bounds import DIRECTIONS
from lm_eval_hesnr.results.compare.pair import HEADLINE
from lm_eval_hesnr.results.report.cells import Cell, HtmlTable, interval_cell_of, name_cell, step_cell, value_cell
from lm_eval_hesnr.results.report.inputs import ReportRun
from lm_eval_hesnr.results.report.subject import Document, Subject
from lm_eval_hesnr.results.text_table import interval_cell, number

COMPANIONS = ("self_he_snr", "calibrated_he_snr", "q_over_entropy", "bits_per_byte")
"""The measures that help to read he_snr."""
COLUMNS = ("he_ppl", "ppl", "top1_acc", "topk_acc", "decisions")
"""The measures of the main table after he_snr and its interval."""


def checkpoints_table(subject: Subject) -> HtmlTable:
    """The main table: the measures of each run, and its difference from the baseline."""
    comparison, scope = subject.comparison, subject.scope
    take = comparison.choice.take if comparison and len(subject.runs) > 1 else ()
    head = [
        "checkpoint", "step", HEADLINE, "95 % interval", *COLUMNS,
        f"difference from {subject.baseline.name}", "95 % interval", "p after Holm",
    ]  # fmt: skip
    best, rows = _clearly_highest(subject), []
    for run in subject.runs:
        marks = ["take"] if run.name in take else []
        marks += ["baseline"] if run is subject.baseline and len(subject.runs) > 1 else []
        is_best = run.name == best
        cells = [name_cell(run, ", ".join(marks)), step_cell(run), value_cell(run, HEADLINE, scope, is_strong=is_best)]
        cells += [interval_cell_of(run, HEADLINE, scope)]
        cells += [value_cell(run, name, scope) for name in COLUMNS]
        rows.append([*cells, *_against_baseline(subject, run)])
    width = 4 + len(COLUMNS) if len(subject.runs) == 1 else len(head)
    caption = f"Checkpoints, scope {scope}"
    shown = [i for i in range(width) if head[i] != "step" or any(run.step is not None for run in subject.runs)]
    return HtmlTable(caption, [head[i] for i in shown], [[row[i] for i in shown] for row in rows], len(rows) > 1)


def _clearly_highest(subject: Subject) -> str | None:
    """The run with the highest he_snr, if no other one has the same digits in the table."""
    found = subject.comparison.choice.highest if subject.comparison else None
    shown = {run.name: value_cell(run, HEADLINE, subject.scope).text for run in subject.runs}
    return found if found and list(shown.values()).count(shown[found]) == 1 else None


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
    """Every measure of the run in focus minus that of the reference."""
    verdict = subject.pair_verdict
    if verdict is None:
        return None
    rows = []
    for name, one in verdict.differences.items():
        value, interval, p_value = one or (None, None, None)
        better = {True: "higher is better", False: "lower is better", None: "diagnostic"}[DIRECTIONS.get(name)]
        form = "+.0f" if name == "decisions" else "+.4f"
        cells = number(value, form), interval_cell(interval, form), number(p_value, ".2g")
        rows.append([Cell(name, mark=better), *map(Cell, cells)])
    caption = f"{verdict.run} minus {verdict.baseline}, paired by trajectory"
    return HtmlTable(caption, ["measure", "difference", "95 % interval", "p, not corrected"], rows)


def documents_table(
    subject: Subject, documents: Sequence[Document], views: Mapping[int, int], caption: str
) -> HtmlTable:
    """The trajectories, in the given order.

    Args:
        subject: the runs.
        documents: the trajectories.
        views: the index of a document to the number of its token view.
        caption: of the table.
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
    head = ["trajectory", "tokens of the scope", "decisions", HEADLINE, "effect"]
    if subject.focus:
        a, b = subject.reference.name, subject.focus.name
        head = [
            "trajectory",
            "tokens of the scope",
            f"decisions, {a}",
            f"decisions, {b}",
            f"{HEADLINE}, {a}",
            f"{HEADLINE}, {b}",
        ]
        head += ["change", "effect"]
    return HtmlTable(caption, head, rows, can_sort=len(rows) > 1)
