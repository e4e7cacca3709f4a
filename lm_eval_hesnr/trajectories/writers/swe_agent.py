"""SWE-agent's `.traj` as release 1.1 writes it, with parser `function_calling`: one text and one tool call per reply.

Unknown values are null or empty: a step's duration is null, `state` (working folder, diff so far) is empty, and the
cost is 0. Token counts, `info.edited_files*` and most of `replay_config` are left out. `swe_agent_version` names the
layout, because SWE-agent did not run. No key has the outcome. The file's name is the run's name.
"""

from __future__ import annotations

import json
import shlex
from typing import Any

from lm_eval_hesnr.trajectories.schema import Call, Trajectory
from lm_eval_hesnr.trajectories.writers.answers import OBSERVED
from lm_eval_hesnr.trajectories.writers.turns import Turn, patch_of, split_run

NAME, ENDING = "swe-agent", ".traj"

_AGENT = "main"


def write(trajectory: Trajectory) -> dict[str, Any]:
    """Return the file's object."""
    system, task, turns = split_run(trajectory)
    history = [_history_message("system", segment.text, "system_prompt") for segment in system]
    history += [_history_message("user", [_part(segment.text)], "observation") for segment in task]
    steps = []
    for number, turn in enumerate(turns, start=1):
        reply, call = _reply(turn, f"call_{number:03}")
        answer = turn.answer.text if turn.answer else ""
        steps.append(
            {
                "action": reply["action"],
                "observation": answer.removeprefix(OBSERVED),
                "response": reply["content"],
                "thought": reply["thought"],
                "execution_time": None,
                "state": {},
                "query": list(history),
                "extra_info": {},
            }
        )
        history.append(reply)
        if turn.answer:
            result = _history_message("tool", [_part(answer)], "observation")
            history.append(result | {"tool_call_ids": [call["id"]]})
    patch = patch_of(trajectory)
    config = {"agent": {"model": {"name": trajectory.model}, "tools": {"parse_function": {"type": "function_calling"}}}}
    return {
        "environment": "main",
        "trajectory": steps,
        "history": history,
        "info": {
            "exit_status": "submitted" if patch else None,
            "submission": patch or None,
            "model_stats": {"instance_cost": 0, "api_calls": len(turns)},
            "swe_agent_version": "1.1.0",
        },
        "replay_config": json.dumps(config),
    }


def _reply(turn: Turn, call_id: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(message, its tool call) of one reply."""
    *thoughts, action = turn.reply
    if turn.call is None or not action.calls or len(thoughts) > 1 or action.continues:
        raise ValueError("a reply is not one text and one tool call, which SWE-agent's format requires")
    text = thoughts[0].text if thoughts else ""
    function = {"name": turn.call.tool, "arguments": action.text}
    call = {"id": call_id, "type": "function", "function": function}
    message = _history_message("assistant", text, "action")
    return message | {"thought": text, "action": command_line(turn.call), "tool_calls": [call]}, call


def command_line(call: Call) -> str:
    """The call as SWE-agent types it into its shell: a bash command unchanged, an editor's call with quoted options."""
    arguments = dict(call.arguments)
    if call.tool == "bash":
        return str(arguments.get("command", ""))
    words = [call.tool, *(str(arguments.pop(name)) for name in ("command", "path") if name in arguments)]
    for name, value in arguments.items():
        values = value if isinstance(value, list) else [value]
        words += [f"--{name}", *(shlex.quote(str(each)) for each in values)]
    return " ".join(words)


def _history_message(role: str, content: Any, kind: str) -> dict[str, Any]:
    return {"role": role, "content": content, "agent": _AGENT, "message_type": kind}


def _part(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}
