"""tau-bench results: a list of tasks, each with a chat in `traj` and a `reward`; each task is a run.

The user is a model too. Its first message is the task, later ones are `other`. A reward of 0 or 1 shows whether the
task was solved. The file does not name the agent's model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.readers.chat import chat_segments, parse_messages
from lm_eval_hesnr.trajectories.readers.common import first_verdict, message_list, run_name
from lm_eval_hesnr.trajectories.schema import Trajectory

FORMAT = "tau-bench results"


def detect(data: Any) -> bool:
    """Whether the value is one task of the results."""
    return isinstance(data, dict) and isinstance(data.get("traj"), list) and {"task_id", "reward"} <= data.keys()


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one task. Raises ValueError that names a malformed message."""
    task, trial = data["task_id"], data.get("trial")
    if not isinstance(task, (str, int)):
        raise ValueError(f"key 'task_id' should be text or a number, found {task!r:.40}")
    meta = {"task": task, "trial": trial}
    return Trajectory(
        id=f"{run_name(path)}/{task}" + (f"/trial {trial}" if isinstance(trial, int) and trial else ""),
        source="tau-bench",
        resolved=first_verdict([data["reward"]]),
        model=None,
        segments=tuple(chat_segments(parse_messages(message_list(data["traj"], "traj")))),
        meta={key: value for key, value in meta.items() if isinstance(value, (str, int))},
    )
