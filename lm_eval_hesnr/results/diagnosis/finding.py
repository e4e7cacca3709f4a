"""A finding: a sign that results may mislead, with evidence and advice.

A finding is not a proof. It states what was observed and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Finding(NamedTuple):
    """One finding."""

    code: str
    evidence: str
    advice: str
    task: str | None = None
    """The task of the runs; None if only one run is diagnosed."""
    runs: tuple[str, ...] = ()
    """The names of the runs that it stands for, if it is about single runs."""
    pairs: tuple[tuple[str, str], ...] = ()
    """The names of the runs before and after a change, if it is about pairs of runs."""

    def __str__(self) -> str:
        where = f"{self.task}, {_names(self.runs, self.pairs)}: " if self.task else ""
        return f"{self.code}: {where}{self.evidence}; {self.advice}"


def finding_lines(findings: Iterable[Finding]) -> list[str]:
    """One line per finding. Advice that an earlier line of the same code gave is not repeated."""
    given: set[tuple[str, str]] = set()
    lines = []
    for finding in findings:
        advice = finding.code, finding.advice
        line = str(finding)
        lines.append(line.removesuffix(f"; {finding.advice}") if advice in given else line)
        given.add(advice)
    return lines


def _names(runs: Iterable[str], pairs: Iterable[tuple[str, str]]) -> str:
    """The names of runs, with commas; of pairs, `a -> b -> c, e -> f`."""
    chains: list[list[str]] = [[run] for run in runs]
    for before, after in pairs:
        if chains and chains[-1][-1] == before:
            chains[-1].append(after)
        else:
            chains.append([before, after])
    return ", ".join(" -> ".join(chain) for chain in chains)
