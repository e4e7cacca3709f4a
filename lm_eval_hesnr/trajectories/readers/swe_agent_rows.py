"""Data set rows of SWE-agent runs: SWE-smith's in its three splits, and nebius's.

SWE-smith's split `tool` has SWE-agent's own messages. Its splits `xml` and `ticks` were rewritten from those: calls are
tags or a fence, and `xml` has another system prompt. If a run reached its cost limit, the rewritten row ends with an
invented reply, which is `other` here. nebius has the original replies.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, text_of
from lm_eval_hesnr.trajectories.readers.common import message_list
from lm_eval_hesnr.trajectories.readers.swe_agent import EXIT_NOTES, history_segments
from lm_eval_hesnr.trajectories.readers.swe_agent_parsers import PARSERS
from lm_eval_hesnr.trajectories.schema import Trajectory

FORMAT = "SWE-agent rows (SWE-smith, nebius)"

_INVENTED = "Since we have successfully fixed the issue and verified it works, let's submit the changes:"
"""The beginning of SWE-smith's invented reply, which replaces the note about the cost limit."""


def detect(data: Any) -> bool:
    """Whether the row has nebius's role `ai`, SWE-smith's `traj_id` or message keys, or SWE-agent's observations."""
    if not isinstance(data, dict) or "instance_id" not in data:
        return False
    if isinstance(data.get("trajectory"), list):
        return any(dict_of(message).get("role") == "ai" for message in data["trajectory"][:4])
    messages = data.get("messages")
    if "traj_id" in data and isinstance(messages, (str, list)):
        return True
    if not isinstance(messages, list):
        return False
    first = [dict_of(_unwrapped(message)) for message in messages[:6]]
    native = any({"agent", "message_type"} <= message.keys() for message in first)
    return native or any(
        m.get("role") == "user" and text_of(m.get("content")).startswith("OBSERVATION:") for m in first
    )


def read(data: dict[str, Any], path: Path) -> Trajectory:
    """Return the run of one row. Raises ValueError that names a malformed message."""
    nebius = "trajectory" in data
    key = "trajectory" if nebius else "messages"
    messages = [_as_history_message(row, i) for i, row in enumerate(message_list(data[key], key))]
    replies = [message for message in messages if message.get("role") == "assistant"]
    style = "ticks" if nebius else _style(replies)
    parser = {"xml": "xml_function_calling", "ticks": "thought_action"}.get(style, "function_calling")
    resolved, model = data.get("target" if nebius else "resolved"), data.get("model_name" if nebius else "model")
    # `submit` creates the patch: if there is a patch, a final reply that submits has run
    submitted = data.get("exit_status") == "submitted" if nebius else bool(data.get("patch"))
    return Trajectory(
        id=str(data.get("traj_id") or data["instance_id"]),
        source="nebius-swe-agent" if nebius else "swe-smith",
        resolved=resolved if isinstance(resolved, bool) else None,
        model=model if isinstance(model, str) else None,
        segments=tuple(
            history_segments(
                messages,
                parser=parser,
                submitted=submitted and _submits(messages[-1], parser),
                injected=[i for i, message in enumerate(messages) if _is_injected(message, parser)],
            )
        ),
        meta={"instance_id": data["instance_id"], "style": style}
        | ({"exit_status": data["exit_status"]} if data.get("exit_status") else {}),
    )


def _as_history_message(message: Any, i: int) -> dict[str, Any]:
    """One message with the roles and keys of a SWE-agent history."""
    message = _unwrapped(message)
    if not isinstance(message, dict):
        raise ValueError(f"message {i}: expected an object, found {type(message).__name__}")
    if "text" not in message:
        return message
    role = "assistant" if message.get("role") == "ai" else message.get("role")
    text = message["text"]
    return {"role": role, "content": message.get("system_prompt") if role == "system" and text is None else text}


def _unwrapped(message: Any) -> Any:
    """The message itself; some copies of the data put each message into a list."""
    return message[0] if isinstance(message, list) and len(message) == 1 else message


def _style(replies: list[dict[str, Any]]) -> str:
    """The SWE-smith split, by how its calls are written."""
    if any(message.get("tool_calls") for message in replies):
        return "tool"
    return "xml" if any("<function=" in text_of(message.get("content")) for message in replies) else "ticks"


def _is_injected(message: dict[str, Any], parser: str) -> bool:
    """Whether a reply is an exit note, with or without an empty call after it, or SWE-smith's invented submission."""
    text = text_of(message.get("content"))
    if message.get("role") != "assistant" or message.get("tool_calls"):
        return False
    commands = _called_names(text, parser)
    if text.startswith(_INVENTED):
        return text[len(_INVENTED) :].strip() == "<function=submit>\n</function>"
    return text.startswith(EXIT_NOTES) and not any(commands)


def _submits(message: dict[str, Any], parser: str) -> bool:
    recorded = text_of(message.get("action")).strip()  # in SWE-agent's own messages
    return recorded == "submit" or _called_names(text_of(message.get("content")), parser) == ["submit"]


def _called_names(text: str, parser: str) -> list[str]:
    """The commands of a reply's shell calls and the names of its other calls."""
    found = PARSERS[parser](text, None) if parser in PARSERS else []
    return [
        str(call.arguments.get("command", "")) if call.tool == "bash" else call.tool
        for place in found
        for call in place.calls
    ]
