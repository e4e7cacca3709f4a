"""What lies beside runs and is none itself: reports, predictions, notes. Nothing is wrong with such a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from lm_eval_hesnr.trajectories.outcomes import is_report
from lm_eval_hesnr.trajectories.readers.patch import predictions

REPORT = "report"
NOTES = "notes of an agent or a harness"
PREDICTIONS = "predictions, which are read where the file is named by itself"
PART = "part of a run that another file holds whole"

_REPORTS = {"report.json", "result.json", "results.json"}
_OF_REPORT = {"n_total_trials", "reports", "resolved", "resolved_ids", "stats", "trial_name", "verifier_result"}
"""Top-level keys of verdicts as SWE-agent, SWE-bench, terminal-bench and Harbor write them."""

_NOTES = {"config.json", "metadata.json", "base_state.json", "lock.json"}
"""What agents and harnesses write of themselves: an object with any keys."""


class PassedOver(NamedTuple):
    """Why a record gave no trajectory though nothing is wrong with it."""

    reason: str
    """One of the constants of this module."""
    whole: Path | None = None
    """The file that holds the run whole, for a part of one."""

    def __str__(self) -> str:
        return f"part of {self.whole}, which holds the run whole" if self.whole else self.reason


def passed_over(value: Any) -> PassedOver | None:
    """What a record is, by its content, that is passed over where it lies beside runs; None for all else."""
    if predictions(value) or predictions([value]):
        return PassedOver(PREDICTIONS)
    return PassedOver(REPORT) if is_report(value) else None


def passed_over_by_name(name: str, value: Any) -> PassedOver | None:
    """The same for a record that no reader knows: by its file's name and as much of its content as can be told."""
    if not isinstance(value, dict) or not value:
        return None
    if name in _REPORTS and not _OF_REPORT.isdisjoint(value):
        return PassedOver(REPORT)
    return PassedOver(NOTES) if name in _NOTES else None
