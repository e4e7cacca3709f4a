"""LangChain and LangGraph chats: `messages` with `type` human, ai, tool or system instead of a role.

A message is stored as its own fields (`{"type": "ai", "content": ...}`), under `data` (`messages_to_dict`), or as a
constructor with `kwargs` (`dumpd`, LangSmith). The chat is read like any other chat, see `chat`.

LangChain parses calls into `tool_calls` with `args`. If the API's own calls are there too, under `additional_kwargs`,
they are used, because their arguments are the text that the model wrote. Calls that LangChain could not parse
(`invalid_tool_calls`) are thoughts. Written after the documentation of `langchain_core.messages`, without a real file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of
from lm_eval_hesnr.trajectories.readers.common import message_list
from lm_eval_hesnr.trajectories.readers.openai_messages import from_row
from lm_eval_hesnr.trajectories.schema import Trajectory

FORMAT = "LangChain messages"

_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool", "function": "function"}
_FIRST = 3
"""How many messages are checked to detect the format."""


def detect(data: Any) -> bool:
    """Whether the first messages have a type of LangChain, content and no role, and one is from a human or a model."""
    rows = data.get("messages") if isinstance(data, dict) else data
    if not isinstance(rows, list) or not rows:
        return False
    first = [_kind_and_fields(dict_of(row)) for row in rows[:_FIRST]]
    known = all(kind in _ROLES and "content" in fields and "role" not in fields for kind, fields in first)
    return known and any(kind in ("human", "ai") for kind, _ in first)


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one chat. Raises ValueError that names a malformed message or key."""
    row = data if isinstance(data, dict) else {"messages": data}
    messages = [_kind_and_fields(dict_of(message)) for message in message_list(row["messages"], "messages")]
    models = (dict_of(fields.get("response_metadata")).get("model_name") for kind, fields in messages if kind == "ai")
    model = next((name for name in models if isinstance(name, str)), None)
    converted = [_as_openai(kind, fields) for kind, fields in messages]
    return from_row({"model": model, **row, "messages": converted}, "messages", "langchain", path)


def _kind_and_fields(message: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The type of a message and its fields, from any of the three forms."""
    kind, fields = message.get("type"), message
    if isinstance(message.get("data"), dict):
        fields = message["data"]
    elif kind == "constructor" and isinstance(message.get("kwargs"), dict):
        names, fields = list_of(message.get("id")), message["kwargs"]
        kind = str(names[-1] if names else "").removesuffix("Chunk").removesuffix("Message").lower()
    return "ai" if kind == "AIMessageChunk" else str(kind), fields


def _as_openai(kind: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The message in the form of OpenAI's API. An unknown type stays, so that the generic reader names it."""
    message = {"role": _ROLES.get(kind, kind), "content": fields.get("content")}
    if kind in ("tool", "function"):
        return message | {"tool_call_id": fields.get("tool_call_id")}
    additional = dict_of(fields.get("additional_kwargs"))
    parsed = [*list_of(fields.get("tool_calls")), *list_of(fields.get("invalid_tool_calls"))]
    calls = list_of(additional.get("tool_calls")) or [_as_openai_call(dict_of(call)) for call in parsed]
    if calls and isinstance(message["content"], list):  # Anthropic's parts repeat the calls
        message["content"] = [part for part in message["content"] if dict_of(part).get("type") != "tool_use"]
    return message | {"tool_calls": calls, "reasoning_content": additional.get("reasoning_content")}


def _as_openai_call(call: dict[str, Any]) -> dict[str, Any]:
    return {"id": call.get("id"), "function": {"name": call.get("name"), "arguments": call.get("args")}}
