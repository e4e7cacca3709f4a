"""OpenHands runs as chat messages: rows of SWE-Gym and of nebius SWE-rebench-openhands.

The data sets are SWE-Gym `OpenHands-Sampled-Trajectories` (`run_id`, `messages`, `test_result`) and nebius
`SWE-rebench-openhands-trajectories` (`trajectory_id`, `trajectory`, `resolved` as 0 or 1). The SFT split of SWE-Gym is
not read here, because its rows are plain messages without other columns.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of
from lm_eval_hesnr.trajectories.readers.openhands_chat import openhands_segments, outcome
from lm_eval_hesnr.trajectories.schema import Trajectory

FORMAT = "OpenHands rows (SWE-Gym, SWE-rebench)"


def detect(data: Any) -> bool:
    """Whether the row has the columns of one of the two data sets, and messages with a role."""
    if not isinstance(data, dict):
        return False
    gym = _is_gym(data)
    messages = list_of(data.get("messages" if gym else "trajectory"))
    return bool(messages) and (gym or "trajectory_id" in data) and {"role", "content"} <= dict_of(messages[0]).keys()


def read(data: dict[str, Any], path: Path) -> Trajectory:
    """Return the run of one row. Raises ValueError that names a malformed message."""
    gym = _is_gym(data)
    instance = str(data.get("instance_id") or path.stem)
    name, split, _ = str(data.get("run_id")).partition("_maxiter_")  # <model>_maxiter_<n>_...
    model = name if gym and split else None
    return Trajectory(
        id=str(data.get("trajectory_id") or instance),
        source="swe-gym-openhands" if gym else "swe-rebench-openhands",
        resolved=outcome(data, path, instance, model),
        model=model,
        segments=tuple(openhands_segments(data["messages" if gym else "trajectory"], text_calls=False)),
        meta={key: data[key] for key in ("instance_id", "run_id", "exit_status") if data.get(key) is not None},
    )


def _is_gym(row: dict[str, Any]) -> bool:
    return {"run_id", "test_result"} <= row.keys()
