"""The verdicts of `hesnr measure` for an export: each run against the first one, on the same trajectories."""

from __future__ import annotations

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.characters import one_line
from lm_eval_hesnr.results.compare.compared_run import from_results
from lm_eval_hesnr.results.compare.verdict import verdicts
from lm_eval_hesnr.results.export.request import Request


def verdict_lines(request: Request) -> list[str]:
    """One sentence for each run after the first. Empty for one run, several tasks, or results without documents."""
    if len(request.runs) < 2 or len({run.task for run in request.runs}) > 1:
        return []
    try:
        compared = [from_results(run.run, run.file).named(run.checkpoint) for run in request.runs]
    except InputError:  # results of a version that did not write the sums of each trajectory
        return []
    return [one_line(verdict.sentence) for verdict in verdicts(compared, request.table_scope)]
