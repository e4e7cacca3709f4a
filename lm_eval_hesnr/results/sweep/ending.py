"""The end of a sweep: the table, signal-to-noise, verdicts, the choice, what may be wrong, and the report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.results.compare.compared_run import from_results
from lm_eval_hesnr.results.compare.comparison import compare
from lm_eval_hesnr.results.compare.verdict import HEADLINE, least_p_line
from lm_eval_hesnr.results.diagnosis.diagnose import diagnose
from lm_eval_hesnr.results.run import Run
from lm_eval_hesnr.results.sweep.findings import lines_by_kind
from lm_eval_hesnr.results.sweep.rows import Row, first_scope, tasks_in
from lm_eval_hesnr.results.sweep.state import STATUSES
from lm_eval_hesnr.results.sweep.table import noise_lines, text_table

REPORT = "report.html"
"""The report's name in OUT."""


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
    lines = list(lines_by_kind(findings))
    yield from lines
    where = "; the report has the numbers of each one" if len(lines) < len(findings) else ""
    yield counted(len(findings), "finding") + where if findings else "no findings"


def summary_line(rows: Sequence[Row], out: Path) -> str:
    """How many checkpoints have which status, and where the table is."""
    statuses = Counter(row.status for row in rows)
    known = ", ".join(f"{statuses[status]} {status}" for status in STATUSES if statuses[status])
    return f"{out / 'table.csv'}: {counted(len(rows), 'checkpoint')}: {known or 'none'}"


def write_new_report(rows: Sequence[Row], out: Path) -> str | None:
    """Write OUT/report.html, if a checkpoint has results and has ended since the report was written.

    Returns:
        The reason if it cannot be written. This never ends the sweep.
    """
    path = out / REPORT
    try:
        ended = max((one.stat().st_mtime_ns for one in out.glob("*/state.json")), default=0)
        if tasks_in(rows) and not (path.is_file() and path.stat().st_mtime_ns >= ended):
            from lm_eval_hesnr.results.report.report import write_report  # slow to import, and seldom needed

            write_report([out], path)
    except Exception as error:  # a long evaluation must not end because its page cannot be made
        return f"no new report: {error}"
    return None


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
    page, values = compare(compared, scope), [run.value(HEADLINE, scope) or 0.0 for run in known]
    best = max(range(len(known)), key=lambda i: values[i])
    others = dict.fromkeys(i for i in (0, best - 1) if i >= 0 and i != best)
    found = page.family.verdicts((compared[best], compared[i]) for i in others)
    for verdict in found:
        yield f"{verdict.sentence}."
        yield from (f"caution: {caution}." for caution in verdict.cautions)
    if least := least_p_line(found):
        yield f"{least}."
    yield from page.choice.sentences
