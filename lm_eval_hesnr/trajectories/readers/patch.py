"""Patch-only predictions, as SWE-bench takes them: `{"instance_id", "model_name_or_path", "model_patch"}`.

The patch is the one action, tool `apply_patch`; whether it could be applied is not told. Where a model wrote the patch
itself, that is its text; where an agent edited files, the patch is what `git diff` printed afterwards, and the agent's
trajectory is what to score instead. `preds.json` holds many of them, keyed by instance: `predictions` gives each.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.outcomes import resolved_by_report
from lm_eval_hesnr.trajectories.schema import Call, Segment, Trajectory

FORMAT = "SWE-bench predictions"

_RUN_KEYS = ("messages", "trajectory", "traj", "history", "conversations", "steps", "segments")
"""Keys that say that a whole run stands in the record, and not its patch alone."""


def detect(data: Any) -> bool:
    """By its keys: one prediction, or a file of several that are keyed by instance."""
    return _is_prediction(data) or bool(predictions(data))


def predictions(data: Any) -> list[dict[str, Any]]:
    """Each prediction of a `preds.json`, keyed by instance, or of a JSON list; empty for anything else."""
    if isinstance(data, dict):
        records = [
            {"instance_id": name, **record} if isinstance(record, dict) else record for name, record in data.items()
        ]
    else:
        records = data if isinstance(data, list) else []
    return records if all(_is_prediction(record) for record in records) else []


def read(data: Any, path: Path) -> Trajectory:
    """The trajectory of one prediction; raises ValueError where the patch is empty or there are several."""
    if not _is_prediction(data):
        several = predictions(data)
        if len(several) != 1:
            raise ValueError(f"{len(several)} predictions in one record; give them as JSONL, one a line")
        data = several[0]
    identity, text, model = str(data["instance_id"]), data["model_patch"], data.get("model_name_or_path")
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"{identity}: model_patch is empty, so there is nothing to score")
    model = model if isinstance(model, str) else None
    return Trajectory(
        id=identity,
        source="patch",
        resolved=resolved_by_report(path, identity, model),
        model=model,
        segments=(Segment("action", text, generated=True, calls=(Call("apply_patch", {"patch": text}, None),)),),
    )


def _is_prediction(data: Any) -> bool:
    return (
        isinstance(data, dict)
        and data.keys() >= {"instance_id", "model_patch"}
        and not any(key in data for key in _RUN_KEYS)
    )
