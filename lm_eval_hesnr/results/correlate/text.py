"""A correlation as text: the answers, the tables, and what would have to be true for them to mislead."""

from __future__ import annotations

import textwrap

from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.results.compare.text import WIDTH
from lm_eval_hesnr.results.correlate.correlation import Correlation
from lm_eval_hesnr.results.correlate.points import Points
from lm_eval_hesnr.results.correlate.sentences import cautions, headline
from lm_eval_hesnr.results.correlate.tables import Table, tables
from lm_eval_hesnr.results.text_table import aligned


def correlation_lines(found: Correlation) -> list[str]:
    """The whole page."""
    lines = [*_wrapped(about(found.points)), ""]
    for sentence in headline(found):
        lines += _wrapped(sentence, "  ")
    for table in tables(found):
        lines += ["", *_table(table)]
    lines.append("")
    lines.append("What would have to be true for this page to mislead:")
    for sentence in cautions(found):
        lines += _wrapped(f"- {sentence}", "  ")
    return lines


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def about(points: Points) -> str:
    """What the data are, in one sentence."""
    rates = [score.rate for score in points.scores]
    runs = len(set(points.families))
    of_runs = "" if points.scores[0].family is None else f" of {counted(runs, 'training run')}"
    trials = sorted({int(n) for n in points.trials})
    n_trials = str(trials[0]) if len(trials) == 1 else f"{trials[0]} to {trials[-1]}"
    seeds = max(len(score.passed) for score in points.scores)
    of_seeds = f" (up to {seeds} seeds)" if seeds > 1 else ""
    by_task = " by task" if all(score.by_task is not None for score in points.scores) else ""
    n_documents = len(points.runs[0].ids)
    trajectories = f"{counted(n_documents, 'trajectory')}"
    return (
        f"{counted(len(points.names), 'checkpoint')}{of_runs}; outcome: {min(rates):.1%} to {max(rates):.1%} of "
        f"{n_trials} trials passed{of_seeds}{by_task}; measures over {trajectories}."
    )


def _table(table: Table) -> list[str]:
    rows = aligned(table.rows, right=range(table.n_left, len(table.rows[0]))) if table.rows else []
    return [*rows, *(line for note in table.notes for line in _wrapped(note))]
