"""What a sweep prints at its end: the table, signal-to-noise, verdicts, the choice, and what may be wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.results.compare.compared_run import ComparedRun, from_results
from lm_eval_hesnr.results.compare.comparison import compare
from lm_eval_hesnr.results.compare.verdict import HEADLINE, least_p_line, verdicts
from lm_eval_hesnr.results.diagnosis.diagnose import diagnose
from lm_eval_hesnr.results.diagnosis.finding import finding_lines
from lm_eval_hesnr.results.run import Run
from lm_eval_hesnr.results.sweep.rows import Row, first_scope, tasks_in
from lm_eval_hesnr.results.sweep.state import STATUSES
from lm_eval_hesnr.results.sweep.table import noise_lines, text_table


def ending(rows: Sequence[Row]) -> Iterator[str]:
    """The lines, without line ends."""
    if not rows:
        yield "no checkpoints yet"
        return
    yield from text_table(rows)
    if not tasks_in(rows):
        return
    yield ""
    compared = [*noise_lines(rows)]
    for task in tasks_in(rows):
        compared += verdict_lines([run for row in rows for run in row.runs if run.task == task])
    if compared:
        yield from (*compared, "")
    findings = diagnose([run for row in rows for run in row.runs])
    yield from finding_lines(findings)
    yield counted(len(findings), "finding") if findings else "no findings"


def summary_line(rows: Sequence[Row], out: Path) -> str:
    """How many checkpoints have which status, and where the table is."""
    statuses = Counter(row.status for row in rows)
    known = ", ".join(f"{statuses[status]} {status}" for status in STATUSES if statuses[status])
    return f"{out / 'table.csv'}: {counted(len(rows), 'checkpoint')}: {known or 'none'}"


def verdict_lines(runs: Sequence[Run]) -> Iterator[str]:
    """The first run and the one before the best against the best, and which run to take.

    Args:
        runs: of one task, with different names, in the order of the steps.
    """
    scope = first_scope(runs[0]) if runs else None
    known = [run for run in runs if scope is not None and run.value(HEADLINE, scope) is not None]
    if scope is None or len(known) < 2:
        return
    try:
        compared = [from_results(run, Path(run.name)).named(run.name) for run in known]
    except InputError as error:
        yield f"no verdict: {error}"
        return
    for sentence in _sentences(compared, [run.value(HEADLINE, scope) or 0.0 for run in known], scope):
        yield f"{sentence}."
    yield from compare(compared, scope).choice.sentences


def _sentences(runs: Sequence[ComparedRun], values: Sequence[float], scope: str) -> Iterator[str]:
    best = max(range(len(runs)), key=lambda i: values[i])
    others = dict.fromkeys(i for i in (0, best - 1) if i >= 0 and i != best)
    chosen = [runs[best], *(runs[i] for i in others)]
    found = verdicts(chosen, scope) if others else []
    for verdict in found:
        yield verdict.sentence
        yield from (f"caution: {caution}" for caution in verdict.cautions)
    if least := least_p_line(found):
        yield least
