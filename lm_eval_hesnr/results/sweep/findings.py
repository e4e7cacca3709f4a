"""The findings at the end of a sweep: one line for each kind, because many checkpoints often have the same one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from lm_eval_hesnr.results.diagnosis.finding import Finding

_NUMBER = re.compile(r"\d[\d.,]*")


def lines_by_kind(findings: Iterable[Finding]) -> Iterator[str]:
    """The first finding of each task, code and advice, and after it the names of the other runs that have one.

    Advice that differs only in its numbers is the same.
    """
    found: dict[tuple[str | None, str, str], list[Finding]] = {}
    for finding in findings:
        kind = finding.task, finding.code, _NUMBER.sub("", finding.advice)
        found.setdefault(kind, []).append(finding)
    for first, *others in found.values():
        yield str(first)
        if others:
            runs = tuple(run for one in others for run in one.runs)
            pairs = tuple(pair for one in others for pair in one.pairs)
            yield f"    the same with other numbers: {others[0]._replace(runs=runs, pairs=pairs).names}"
