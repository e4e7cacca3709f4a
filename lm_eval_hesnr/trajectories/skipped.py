"""Files found next to runs that are not runs: reports, predictions, notes. They are skipped, not errors."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.file_names import NOTE_NAMES, REPORT_NAMES
from lm_eval_hesnr.trajectories.outcomes import is_report
from lm_eval_hesnr.trajectories.readers.patch import predictions

REPORT = "report"
NOTES = "notes of an agent or a harness"
PREDICTIONS = "predictions, which are read only if the file is named by itself"
PART = "part of a run that another file contains completely"
NO_REPLY = "a run in which the model wrote nothing"
STORED = "part of a run that is read with its session's file"

_SETTINGS = ".settings.json"
"""Ending of the file with settings that Droid writes next to a session."""

_REPORT_KEYS = {"n_total_trials", "reports", "resolved", "resolved_ids", "stats", "trial_name", "verifier_result"}
"""Top-level keys of verdicts as SWE-agent, SWE-bench, terminal-bench and Harbor write them."""

_NOTE_KEYS = ({"agents", "createdAt", "workDir"}, {"current_model_id", "session_summary"})
"""Keys of notes that Kimi and Grok write next to a session, under any name."""

_NOTE_ENDING = ".meta.json"
"""Ending of the names of Claude Code's notes on a sub-agent."""
_ROVER_NAMES = {"cost.json", "meta.json", "tool_call_layers.json", "tool_call_sequence.json"}
_CLINE_NAMES = {"ui_messages.json", "task_metadata.json", "context_history.json", "history_item.json"}
"""Files that AutoCodeRover and Cline write next to a run: objects or lists."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A record that does not contain a trajectory and is not an error."""

    reason: str
    """One of the constants of this module."""
    whole: Path | None = None
    """For a part of a run: the file that contains the complete run."""

    def __str__(self) -> str:
        return f"part of {self.whole}, which contains the complete run" if self.whole else self.reason


def skipped_by_content(value: Any) -> Skipped | None:
    """Predictions or a report, which are skipped in a folder of runs; None for any other record."""
    if predictions(value) or predictions([value]):
        return Skipped(PREDICTIONS)
    return Skipped(REPORT) if is_report(value) else None


def skipped_by_name(name: str, value: Any) -> Skipped | None:
    """A report or notes, judged by the file's name and by the record's keys; for records that no reader knows."""
    if name in _ROVER_NAMES | _CLINE_NAMES and isinstance(value, (dict, list)):
        return Skipped(NOTES)
    if not isinstance(value, dict) or not value:
        return None
    if name.endswith(_SETTINGS):
        return Skipped(NOTES)
    if name in REPORT_NAMES and not _REPORT_KEYS.isdisjoint(value):
        return Skipped(REPORT)
    is_note = name in NOTE_NAMES or name.endswith(_NOTE_ENDING) or any(keys <= value.keys() for keys in _NOTE_KEYS)
    return Skipped(NOTES) if is_note else None
