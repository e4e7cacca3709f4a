"""CSV for spreadsheets and pandas: one row per measure and scope, with all digits of each number."""

from __future__ import annotations

from typing import Any

from lm_eval_hesnr.metrics.bootstrap import LEVEL
from lm_eval_hesnr.metrics.bounds import DIRECTIONS
from lm_eval_hesnr.results.csv_text import csv_text
from lm_eval_hesnr.results.export.exported_run import ExportedRun, Value
from lm_eval_hesnr.results.export.request import Request

COLUMNS = (
    "checkpoint", "step", "task", "scope", "measure", "value", "stderr", "low", "high", "confidence",
    "higher_is_better", "trajectories", "tokens", "decisions", "k", "epsilon", "model", "revision", "dtype",
    "tokenizer", "trajectories_digest", "label_rules", "version", "results_file",
)  # fmt: skip


def as_csv(request: Request) -> str:
    """The table, with CRLF line ends. An unknown number or setting is an empty field."""
    return csv_text([_row(run, value) for run in request.runs for value in request.every_value(run)], COLUMNS)


def _row(run: ExportedRun, value: Value) -> dict[str, Any]:
    is_better = DIRECTIONS[value.measure]
    decisions = run.value("decisions", value.scope).value
    return {
        "checkpoint": run.checkpoint,
        "step": run.step,
        "task": run.task,
        **value._asdict(),
        "confidence": None if value.low is None else LEVEL,
        "higher_is_better": None if is_better is None else str(is_better).lower(),
        "trajectories": run.trajectories(value.scope),
        "tokens": run.tokens(value.scope),
        "decisions": None if decisions is None else int(decisions),
        "k": run.k,
        "epsilon": run.epsilon(value.scope),
        **{name: run.setting(name) for name in ("model", "revision", "dtype", "tokenizer", "label_rules")},
        "trajectories_digest": run.setting("trajectories"),
        "version": run.setting("lm_eval_hesnr"),
        "results_file": str(run.file),
    }
