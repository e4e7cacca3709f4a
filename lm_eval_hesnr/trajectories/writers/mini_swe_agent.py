"""mini-swe-agent's `*.traj.json`, `trajectory_format` mini-swe-agent-1: a chat of texts, with one bash block per reply.

These unknown values are left out: `info.mini_version` (no release of the agent ran), all of `info.config` except the
model's name, and `extra` of a message (the API's response). The cost is 0.
"""

from __future__ import annotations

from typing import Any

from lm_eval_hesnr.trajectories.schema import Trajectory
from lm_eval_hesnr.trajectories.writers.turns import joined_text, split_run

NAME, ENDING = "mini-swe-agent", ".traj.json"


def write(trajectory: Trajectory) -> dict[str, Any]:
    """Return the file's object. It has no key for the outcome, which belongs in a report next to the file."""
    system, task, turns = split_run(trajectory)
    chat = [_chat_message("system", segment.text) for segment in system]
    chat += [_chat_message("user", segment.text) for segment in task]
    for turn in turns:
        if turn.call and turn.call.tool != "bash":
            raise ValueError(f"a call of {turn.call.tool}, but mini-swe-agent has only bash")
        chat.append(_chat_message("assistant", joined_text(turn.reply)))
        if turn.answer:
            chat.append(_chat_message("user", turn.answer.text))
    last = trajectory.segments[-1]
    ended = last.kind == "other" and bool(turns[-1].call)
    return {
        "info": {
            "exit_status": "Submitted" if ended else None,
            "submission": last.text if ended else "",
            "model_stats": {"instance_cost": 0.0, "api_calls": len(turns)},
            "config": {"model": {"model_name": trajectory.model}},
        },
        "messages": chat,
        "trajectory_format": "mini-swe-agent-1",
        "instance_id": trajectory.id,
    }


def _chat_message(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "content": text}
