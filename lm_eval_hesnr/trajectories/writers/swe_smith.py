"""A row of SWE-smith's trajectories, split `xml`: a chat as JSON text, calls in tags; outcome and patch are columns."""

from __future__ import annotations

import json
from typing import Any

from lm_eval_hesnr.trajectories.schema import Trajectory
from lm_eval_hesnr.trajectories.writers.turns import joined_text, patch_of, split_run

NAME, ENDING = "swe-smith-xml", ".jsonl"


def write(trajectory: Trajectory) -> dict[str, Any]:
    """Return the row."""
    system, task, turns = split_run(trajectory)
    chat = [{"role": "system", "content": segment.text} for segment in system]
    chat += [{"role": "user", "content": segment.text} for segment in task]
    for turn in turns:
        if turn.call is None:
            raise ValueError("a reply without a call; this format requires one in every reply")
        chat.append({"role": "assistant", "content": joined_text(turn.reply)})
        if turn.answer and turn.answer.kind == "observation":
            chat.append({"role": "user", "content": turn.answer.text})
        elif turn.answer:
            raise ValueError("a note after the last reply; this format ends with the reply, the patch is a column")
    return {
        "messages": json.dumps(chat, ensure_ascii=False),
        "instance_id": trajectory.id,
        "resolved": trajectory.resolved,
        "model": trajectory.model,
        "traj_id": trajectory.id,
        "patch": patch_of(trajectory),
    }
