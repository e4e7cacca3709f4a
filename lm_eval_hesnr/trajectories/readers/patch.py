"""Predictions as SWE-bench takes them, with a patch only: `{"instance_id", "model_name_or_path", "model_patch"}`.

The patch is the only action, with tool `apply_patch`. The file does not say whether the patch could be applied. Some
models write the patch themselves. If an agent edited files instead, the patch is the output of `git diff`. Then score
the agent's trajectory, not the patch. A `preds.json` has many predictions by instance; `predictions` lists them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.outcomes import resolved_by_report
from lm_eval_hesnr.trajectories.schema import Call, Segment, Trajectory

FORMAT = "SWE-bench predictions"

_RUN_KEYS = ("messages", "trajectory", "traj", "history", "conversations", "steps", "segments")
"""A record with one of these keys has a whole run, not only a patch."""


def detect(data: Any) -> bool:
    """Whether the value is one prediction, or an object with one prediction for each instance."""
    return _is_prediction(data) or bool(predictions(data))


def predictions(data: Any) -> list[dict[str, Any]]:
    """The predictions of a `preds.json` (an object with instances as keys) or of a JSON list; otherwise empty."""
    if isinstance(data, dict):
        records = [
            {"instance_id": name, **record} if isinstance(record, dict) else record for name, record in data.items()
        ]
    else:
        records = data if isinstance(data, list) else []
    return records if all(_is_prediction(record) for record in records) else []


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one prediction. Raises ValueError if the patch is empty or there are several."""
    if not _is_prediction(data):
        several = predictions(data)
        if len(several) != 1:
            raise ValueError(f"{len(several)} predictions in one record; write them as JSONL, one per line")
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
