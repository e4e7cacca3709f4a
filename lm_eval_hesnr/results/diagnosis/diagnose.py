"""The findings of one or several runs: those of each run alone, then those between two runs of one task.

Each run is compared with the next one of its task, and the last one with the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

from lm_eval_hesnr.results.compare.comparable import COMPARED, CONTEXT, differing_keys
from lm_eval_hesnr.results.diagnosis.change import other_documents
from lm_eval_hesnr.results.diagnosis.finding import ChangeFinding, Finding, largest_sizes
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
    """The findings of neighbours, and what the first and the last run add.

    They add a finding if no neighbours have it in one of its scopes, or if its change is larger than theirs.
    """
    found = [one for before, after in pairwise(series) for one in _named(task, before, after)]
    largest = largest_sizes(found)
    for one in _named(task, series[0], series[-1]) if len(series) > 2 else ():
        if any(size > largest.get((one.finding.code, key), -1) for key, size in one.sizes.items()):
            found.append(one)
    return [one.finding for one in found]


def _named(task: str, before: Run, after: Run) -> Iterator[ChangeFinding]:
    for one in _between(before, after):
        yield one._replace(finding=one.finding._replace(task=task, pairs=((before.name, after.name),)))


def _together(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, ordered by code. Those that differ only in their runs are one."""
    found: dict[str, dict[tuple[str, str], Finding]] = {}
    for one in findings:
        same = found.setdefault(one.code, {})
        key = one.evidence, one.advice
        so_far = same.get(key)
        same[key] = one._replace(runs=so_far.runs + one.runs, pairs=so_far.pairs + one.pairs) if so_far else one
    return [finding for same in found.values() for finding in same.values()]


def _between(before: Run, after: Run) -> Iterator[ChangeFinding]:
    settings = before.config["signature"], after.config["signature"]
    summaries = before.config["summary"], after.config["summary"]
    shared = [scope for scope in summaries[0] if scope in summaries[1]]
    if alone := [scope for summary in summaries for scope in summary if scope not in shared]:
        yield _not_comparable(f"only one of the runs has scope {', '.join(alone)}", alone)
    differing = {scope: tuple(differing_keys(*settings, COMPARED, scope)) for scope in shared}
    for keys in dict.fromkeys(filter(None, differing.values())):
        scopes = [scope for scope, found in differing.items() if found == keys]
        where = f" ({', '.join(scopes)})" if scopes != shared else ""
        about = [f"{scope}, {key}" for scope in scopes for key in keys]
        yield _not_comparable(f"the runs differ in {', '.join(keys)}{where}", about)
    alike = [scope for scope, keys in differing.items() if not keys]
    reasons = {scope: other_documents(before, after, scope) for scope in alike}
    for reason in dict.fromkeys(filter(None, reasons.values())):
        scopes = [scope for scope, found in reasons.items() if found == reason]
        where = f" ({', '.join(scopes)})" if scopes != shared else ""
        yield _not_comparable(f"{reason}{where}", scopes)
    comparable = [scope for scope in alike if reasons[scope] is None]
    if not comparable:
        return
    if context := differing_keys(*settings, CONTEXT, comparable[0]):
        effect, advice = _ROPE_ONLY if context == ["rope"] else _OTHER_LENGTH
        finding = Finding("other-context", f"the runs differ in {', '.join(context)}: {effect}", advice)
        yield ChangeFinding(finding, dict.fromkeys(context, 0))
    yield from findings_of_change(before, after, comparable)


def _not_comparable(evidence: str, about: Iterable[str]) -> ChangeFinding:
    advice = "these numbers are not compared; run both with the same settings on the same trajectories"
    return ChangeFinding(Finding("not-comparable", evidence, advice), dict.fromkeys(about, 0))
