"""All runs on the decisions of one of them, as `hesnr measure --set-of` measures them."""

from __future__ import annotations

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.metrics.measures import measure, number_or_none
from lm_eval_hesnr.results.compare.compared_run import from_tables
from lm_eval_hesnr.results.compare.pair import HEADLINE
from lm_eval_hesnr.results.compare.set_of import ReferenceSet
from lm_eval_hesnr.results.report.cells import Cell, HtmlTable, name_cell
from lm_eval_hesnr.results.report.inputs import ReportRun
from lm_eval_hesnr.results.report.subject import Subject, run_of_name
from lm_eval_hesnr.results.report.table_runs import epsilon_of
from lm_eval_hesnr.results.report.views import scope_labels
from lm_eval_hesnr.results.text_table import number
from lm_eval_hesnr.results.token_tables import Scopes, Tables, read_tables

MEASURES = (HEADLINE, "q_over_entropy", "top1_acc", "topk_acc")
"""The measures of the table. The number of tokens is the same for all runs."""


def reference_table(subject: Subject, given: str) -> tuple[HtmlTable, list[str]]:
    """The table of all runs on the decisions of one run, and a note for each run that cannot be measured on them.

    All token tables of all runs are read.

    Args:
        subject: the runs.
        given: the name or the path of the reference run.

    Raises:
        InputError: there is no such run, or it has no token tables, or did not score the whole scope.
    """
    reference = run_of_name(given, subject.runs, "--set-of")
    scope, epsilon = subject.scope, epsilon_of(reference.run.config["signature"])
    scopes = {scope: scope_labels(reference, scope)}
    chosen = ReferenceSet.of(_tables(reference, scopes, epsilon), scopes, epsilon)
    rows, notes = [], []
    for run in subject.runs:
        try:
            measured = chosen.measured(from_tables(_tables(run, scopes, epsilon), scopes, epsilon))
            total = measured.totals[scope].sum(axis=0)
            values = [number_or_none(measure(name, total)) for name in MEASURES]
        except InputError as error:
            values = [None] * len(MEASURES)
            notes.append(f"note: {run.name} is not measured on the decisions of {reference.name}: {error}")
        mark = "chose these tokens" if run is reference else ""
        rows.append([name_cell(run, mark), *(Cell(number(value), sort=value) for value in values)])
    n = sum(len(positions[scope]) for positions in chosen.positions.values())
    caption = f"All runs on the {n} decisions of {reference.name}, scope {scope}"
    return HtmlTable(caption, ["checkpoint", *MEASURES], rows, can_sort=len(rows) > 1), notes


def _tables(run: ReportRun, scopes: Scopes, epsilon: float) -> Tables:
    if run.tables is None:
        raise InputError(f"{run.source}: --set-of needs the token tables of this run (--metadata token_table=DIR)")
    return read_tables(run.tables, scopes, epsilon, temperatures=False)
