"""ShareGPT rows: `conversations` of `from` and `value`, or of `role` and `content`; the keys are told per element.

A `function_call` turn may be prose and a call in a text syntax, or nothing but JSON; an observation may stand in the
human's name. Harbor's export (`*.traces.json`) writes one row an episode, each with the whole chat so far: of
neighbouring rows of one trial the longest is read and its beginnings are left out (`is_beginning`). Where the chat was
rewritten in between, as a summary of the context does, neither begins the other and both are read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.readers.openai_messages import from_row
from lm_eval_hesnr.trajectories.schema import Trajectory

FORMAT = "ShareGPT conversations"


def detect(data: Any) -> bool:
    """A row with a list `conversations`."""
    return isinstance(data, dict) and isinstance(data.get("conversations"), list)


def is_beginning(earlier: Any, later: Any) -> bool:
    """Whether a row is an episode of the same trial as another, and its chat the first part of the other's."""
    if "episode" not in earlier or "episode" not in later:
        return False
    begun, whole = earlier["conversations"], later["conversations"]
    same = all(earlier.get(key) == later.get(key) for key in ("trial_name", "run_id", "task"))
    return same and len(begun) < len(whole) and whole[: len(begun)] == begun


def read(data: Any, path: Path) -> Trajectory:
    """The trajectory in one row; raises ValueError naming the message or key that is not as it should be."""
    return from_row(data, data["conversations"], "sharegpt", path)
