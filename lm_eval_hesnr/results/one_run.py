"""The measures of one run as a table: from token tables, from a results file, or on the decisions of another run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.characters import LONGEST_NAME, shortened
from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.metrics.bootstrap import Sample
from lm_eval_hesnr.metrics.calibration import CALIBRATED
from lm_eval_hesnr.metrics.estimates import estimate
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER
from lm_eval_hesnr.results.compare.compared_run import ComparedRun
from lm_eval_hesnr.results.compare.set_of import ReferenceSet
from lm_eval_hesnr.results.csv_text import csv_text
from lm_eval_hesnr.results.run import Run
from lm_eval_hesnr.results.text_table import aligned, number
from lm_eval_hesnr.results.token_tables import Tables, measure_tables

Measured = Mapping[str, Mapping[str, Any]]
"""For each scope: `measures`, `stderr` and `summary`, as `measure_tables` returns them."""


def table_measures(tables: Tables, threshold: str, epsilon: float) -> tuple[str, Measured]:
    """A line about the run of token tables, and its measures."""
    found = measure_tables(tables, threshold, epsilon)
    return _head(tables.folder, len(tables.names), tables.signature.get("model"), found), found


def results_measures(run: Run, scopes: Sequence[str] | None) -> tuple[str, Measured]:
    """A line about the run of a results file, and its measures, as the file has them.

    Args:
        run: the run.
        scopes: the scopes to return; None for all.

    Raises:
        InputError: the file does not have one of the scopes.
    """
    summaries = run.config["summary"]
    if missing := [scope for scope in scopes or () if scope not in summaries]:
        raise InputError(f"{run.name}: it has no scope {missing[0]}; it has {', '.join(summaries)}")
    found = {}
    for scope in scopes or summaries:
        names = [name for name in (*HIGHER_IS_BETTER, CALIBRATED) if f"{name},{scope}" in run.results]
        found[scope] = {
            "measures": {name: run.value(name, scope) for name in names},
            "stderr": {name: run.value(f"{name}_stderr", scope) for name in names},
            "summary": summaries[scope],
        }
    n_documents = max((summary["documents"] for summary in summaries.values()), default=0)
    return _head(run.name, n_documents, run.config["signature"].get("model"), found), found


def on_set(run: ComparedRun, reference: ReferenceSet) -> tuple[str, Measured]:
    """A line about a run and the set of a reference run, and the measures on this set."""
    found = {}
    for scope, rows in run.totals.items():
        sample = Sample.of(rows)
        estimates = {name: estimate(name, sample) for name in run.measures}
        found[scope] = {
            "measures": {name: one.value for name, one in estimates.items()},
            "stderr": {name: one.stderr for name, one in estimates.items()},
            "summary": {
                "documents": len(run.ids),
                "epsilon": reference.epsilon,
                "set_of": str(reference.folder),
                "intervals": {name: one.interval for name, one in estimates.items()},
            },
        }
    head = _head(run.source, len(run.ids), run.model, found)
    return f"{head}; all measures over the decisions of {reference.folder}", found


def _head(source: object, n_documents: int, model: str | None, found: Measured) -> str:
    thresholds, name = [], shortened(str(model), LONGEST_NAME)
    for scope, one in found.items():
        epsilon = one["summary"].get("epsilon")
        thresholds.append(f"{scope} {'none found' if epsilon is None else f'{epsilon:.6f}'}")
    return f"{source}: {counted(n_documents, 'trajectory')} by {name}; epsilon: {', '.join(thresholds)}"


def _rows(found: Measured) -> Iterable[tuple[str, str, float | None, float | None, Sequence[float] | None]]:
    for scope, one in found.items():
        for name, value in one["measures"].items():
            yield scope, name, value, one["stderr"][name], one["summary"]["intervals"].get(name)


def measures_lines(found: Measured) -> list[str]:
    """One line for each scope and measure, with its standard error and interval."""
    table = [("scope", "measure", "value", "stderr", "95 % interval")]
    for scope, name, value, stderr, interval in _rows(found):
        ends = "N/A" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}"
        table.append((scope, name, number(value), number(stderr), ends))
    return aligned(table)


def measures_csv(found: Measured) -> str:
    """One row for each scope and measure."""
    return csv_text(
        [
            {"scope": scope, "measure": name, "value": value, "stderr": stderr, "low": low, "high": high}
            for scope, name, value, stderr, interval in _rows(found)
            for low, high in [interval or (None, None)]
        ]
    )
