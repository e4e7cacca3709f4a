"""Findings by kind: many checkpoints often have the same one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from lm_eval_hesnr.results.diagnosis.finding import Finding

_NUMBER = re.compile(r"\d[\d.,]*")


def by_kind(findings: Iterable[Finding]) -> list[list[Finding]]:
    """The findings of each task, code and advice. Advice that differs only in its numbers is the same."""
    found: dict[tuple[str | None, str, str], list[Finding]] = {}
    for finding in findings:
        kind = finding.task, finding.code, _NUMBER.sub("", finding.advice)
        found.setdefault(kind, []).append(finding)
    return list(found.values())


def names_of(findings: Sequence[Finding]) -> str:
    """The names of the runs that at least one finding is about."""
    runs = tuple(run for one in findings for run in one.runs)
    pairs = tuple(pair for one in findings for pair in one.pairs)
    return findings[0]._replace(runs=runs, pairs=pairs).names


def lines_by_kind(findings: Iterable[Finding]) -> Iterator[str]:
    """The first finding of each kind, and after it the names of the other runs that have one."""
    for first, *others in by_kind(findings):
        yield str(first)
        if others:
            yield f"    the same with other numbers: {names_of(others)}"
