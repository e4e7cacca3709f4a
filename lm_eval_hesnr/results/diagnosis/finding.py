"""A finding: a sign that results may mislead, with evidence and advice.

A finding is not a proof. It states what was observed and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from lm_eval_hesnr.messages.counts import quoted


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
        where = f"{self.task}, " if self.task else ""
        return f"{self.code}: {where}{self.without_task.partition(': ')[2]}"

    @property
    def without_task(self) -> str:
        """The finding without its task, for a page about one task."""
        where = f"{self.names}: " if self.task else ""
        return f"{self.code}: {where}{self.evidence}; {self.advice}"

    @property
    def names(self) -> str:
        """The names of the runs, with commas; of pairs, `a -> b -> c, e -> f`."""
        chains: list[list[str]] = [[run] for run in self.runs]
        for before, after in self.pairs:
            if chains and chains[-1][-1] == before:
                chains[-1].append(after)
            else:
                chains.append([before, after])
        return ", ".join(" -> ".join(map(quoted, chain)) for chain in chains)


class ChangeFinding(NamedTuple):
    """A finding about the change from one run to another."""

    finding: Finding
    sizes: Mapping[str, float]
    """Each scope, or setting in a scope, that it is about, with the size of the change. The size is not negative. It is
    comparable within one code and key; 0 if the change has no size."""


def largest_sizes(found: Iterable[ChangeFinding]) -> dict[tuple[str, str], float]:
    """The largest size of each code and key."""
    largest: dict[tuple[str, str], float] = {}
    for one in found:
        for key, size in one.sizes.items():
            largest[one.finding.code, key] = max(size, largest.get((one.finding.code, key), 0))
    return largest


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
