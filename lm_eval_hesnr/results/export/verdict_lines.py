"""The verdicts of `hesnr measure` for an export: each run against the first one, on the same trajectories."""

from __future__ import annotations

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.characters import one_line
from lm_eval_hesnr.results.compare.compared_run import from_results
from lm_eval_hesnr.results.compare.verdict import least_p_line, verdicts
from lm_eval_hesnr.results.export.request import Request


def verdict_lines(request: Request) -> list[str]:
    """One sentence for each run after the first, and the least possible p-value if a verdict has it.

    Empty for one run, several tasks, or results without documents.
    """
    if len(request.runs) < 2 or len({run.task for run in request.runs}) > 1:
        return []
    try:
        compared = [from_results(run.run, run.file).named(run.checkpoint) for run in request.runs]
    except InputError:  # results of a version that did not write the sums of each trajectory
        return []
    found = verdicts(compared, request.table_scope)
    least = least_p_line(found)
    return [one_line(text) for text in (*(verdict.sentence for verdict in found), least) if text]
