"""What a sweep prints at its end: the table, signal-to-noise, verdicts, and findings in the order of the steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.results.diagnose import diagnose
from lm_eval_hesnr.results.findings import Run
from lm_eval_hesnr.results.sweep.rows import Row, first_scope, tasks_in
from lm_eval_hesnr.results.sweep.table import noise_lines, text_table


def ending(rows: Sequence[Row]) -> Iterator[str]:
    """The lines, without line ends."""
    yield from text_table(rows)
    if not tasks_in(rows):
        return
    yield ""
    yield from noise_lines(rows)
    for task in tasks_in(rows):
        yield from verdict_lines([run for row in rows for run in row.runs if run.task == task])
    findings = diagnose([run for row in rows for run in row.runs])
    yield from map(str, findings)
    yield counted(len(findings), "finding") if findings else "no findings"


def verdict_lines(runs: Sequence[Run]) -> Iterator[str]:
    """The best run against the first one, and against the one before it, in the scope of the headline.

    Args:
        runs: of one task, in the order of the steps.
    """
    scope = first_scope(runs[0]) if runs else None
    if scope is None:
        return
    values = [run.value("he_snr", scope) for run in runs]
    known = [i for i, value in enumerate(values) if value is not None]
    if len(known) < 2:
        return
    best = max(known, key=lambda i: values[i] or 0.0)
    others = dict.fromkeys(i for i in (known[0], best - 1) if i != best and i >= 0)
    for other in others:
        yield from sentences(runs[other], runs[best], scope)


def sentences(before: Run, after: Run, scope: str) -> Iterator[str]:
    """The verdict on two runs."""
    yield from ()
