"""Names of files next to runs that are not runs."""

from __future__ import annotations

REPORTS = ("report.json", "results.json")
"""Reports of an evaluation that name the outcome of a run."""

REPORT_NAMES = frozenset({*REPORTS, "result.json"})

PREDICTION_NAMES = frozenset({"preds.json", "all_preds.jsonl", "predictions.jsonl"})

NOTE_NAMES = frozenset({"config.json", "metadata.json", "base_state.json", "lock.json", "sessions-index.json"})
"""Files that agents and harnesses write about themselves: an object with any keys."""

NOT_RUNS = REPORT_NAMES | PREDICTION_NAMES | NOTE_NAMES
