"""The findings of one or several runs: those of each run alone, then those between two runs of one task.

Each run is compared with the next one of its task, and the last one with the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from lm_eval_hesnr.results.compare.comparable import COMPARED, CONTEXT
from lm_eval_hesnr.results.diagnosis.finding import Finding
from lm_eval_hesnr.results.diagnosis.findings import LARGEST_WIDTH, findings_of_run
from lm_eval_hesnr.results.diagnosis.findings_of_change import findings_of_change
from lm_eval_hesnr.results.run import Run

_ROPE_ONLY = (
    "the model encoded the positions differently",
    "a change can come from the model or from the RoPE scaling",
)
_OTHER_LENGTH = (
    "their tokens were scored with contexts of different length",
    "a change can come from the model or the context; to see the model alone, give both the same max_length",
)
"""Effect and advice for runs that differ in keys of `CONTEXT`."""


def diagnose(runs: Sequence[Run], width: float = LARGEST_WIDTH) -> list[Finding]:
    """The findings, by task: those of single runs, then those of pairs. Equal ones are one finding that names all runs.

    Args:
        runs: of one or several tasks, in the order of training, with different names.
        width: largest accepted half width of the 95 % interval of he_snr, relative to its value.
    """
    if len(runs) == 1:
        return list(findings_of_run(runs[0], width))
    found: list[Finding] = []
    for task in dict.fromkeys(run.task for run in runs):
        series = [run for run in runs if run.task == task]
        of_runs = [
            finding._replace(task=task, runs=(run.name,)) for run in series for finding in findings_of_run(run, width)
        ]
        found += [*_together(of_runs), *_together(_of_pairs(task, series))]
    return found


def _of_pairs(task: str, series: Sequence[Run]) -> list[Finding]:
    """The findings of neighbours, and what the first and the last run add: no code that stands for neighbours."""
    found = [finding for before, after in pairwise(series) for finding in _named(task, before, after)]
    said = {finding.code for finding in found}
    ends = _named(task, series[0], series[-1]) if len(series) > 2 else ()
    return found + [finding for finding in ends if finding.code not in said]


def _named(task: str, before: Run, after: Run) -> Iterator[Finding]:
    for finding in _between(before, after):
        yield finding._replace(task=task, pairs=((before.name, after.name),))


def _together(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, ordered by code. Those that differ only in their runs are one."""
    found: dict[str, dict[tuple[str, str], Finding]] = {}
    for one in findings:
        same = found.setdefault(one.code, {})
        key = one.evidence, one.advice
        so_far = same.get(key)
        same[key] = one._replace(runs=so_far.runs + one.runs, pairs=so_far.pairs + one.pairs) if so_far else one
    return [finding for same in found.values() for finding in same.values()]


def _between(before: Run, after: Run) -> Iterator[Finding]:
    if differing := _differing(before, after, COMPARED):
        yield Finding(
            "not-comparable",
            f"the runs differ in {', '.join(differing)}",
            "this pair is not compared further; run both with the same settings",
        )
        return
    if differing := _differing(before, after, CONTEXT):
        effect, advice = _ROPE_ONLY if differing == ["rope"] else _OTHER_LENGTH
        yield Finding("other-context", f"the runs differ in {', '.join(differing)}: {effect}", advice)
    yield from findings_of_change(before, after)


def _differing(before: Run, after: Run, keys: Sequence[str]) -> list[str]:
    return [key for key in keys if before.config["signature"].get(key) != after.config["signature"].get(key)]
