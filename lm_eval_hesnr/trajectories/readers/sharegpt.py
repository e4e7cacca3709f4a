"""ShareGPT rows: `conversations` of `from` and `value`, or of `role` and `content`; one row may mix both.

A `function_call` turn may be prose with a call in it, or only JSON. An observation may have the role of the human.

Harbor's export (`*.traces.json`) has one row per episode, each with the whole chat so far. Of neighbouring rows of one
trial, only the longest is read; `is_beginning` finds the others. If the chat was rewritten between two rows, for
example summarised, neither row is the beginning of the other, and both are read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.readers.openai_messages import from_row, is_chat
from lm_eval_hesnr.trajectories.schema import Trajectory

FORMAT = "ShareGPT conversations"


def detect(data: Any) -> bool:
    """Whether the value is a row with a list `conversations` whose first elements are messages."""
    return isinstance(data, dict) and isinstance(data.get("conversations"), list) and is_chat(data["conversations"])


def is_beginning(earlier: Any, later: Any) -> bool:
    """Whether two rows are episodes of one trial, and the first row's chat is the beginning of the second's."""
    if "episode" not in earlier or "episode" not in later:
        return False
    start, whole = earlier["conversations"], later["conversations"]
    same = all(earlier.get(key) == later.get(key) for key in ("trial_name", "run_id", "task"))
    return same and len(start) < len(whole) and whole[: len(start)] == start


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one row. Raises ValueError that names a malformed message or key."""
    return from_row(data, "conversations", "sharegpt", path)
