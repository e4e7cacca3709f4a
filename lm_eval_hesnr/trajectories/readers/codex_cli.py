"""Codex CLI session logs: a rollout JSONL file of `{"type", "payload"}` lines, which together are one trajectory.

Only `response_item` lines are read, as `event_msg` lines repeat them for the screen. Reasoning is stored encrypted. If
its text is stored too, it is a thought. Summaries come from another model: they are thoughts that are not `generated`.
The input of a `custom_tool_call` is plain text, not JSON.

Instructions, and text that the program adds to the conversation, are system and task before the model's first reply
and `other` later. So is the text that replaces the history after a compaction.

Does not cover the unwrapped lines of 2025's first releases, nor web searches that the server ran. The log does not
contain the outcome of the task.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, text_of
from lm_eval_hesnr.trajectories.readers.segments import reasoning_item, shown, thought, tool_call
from lm_eval_hesnr.trajectories.schema import Call, Segment, Trajectory

FORMAT = "Codex CLI rollout"

_LINE_TYPES = ("session_meta", "turn_context", "response_item", "event_msg", "compacted")
_INJECTED = ("<environment_context>", "<user_instructions>", "<turn_aborted>", "<user_shell_command>", "# AGENTS.md")
_REFUSED = ("failed to parse function arguments", "unsupported call", "unsupported custom tool call")
"""The beginnings of results for calls that were not valid: broken arguments or an unknown tool."""
_DECLINED = ("exec command rejected by user", "rejected by user", "patch rejected by user")


def is_event(data: Any) -> bool:
    """Whether one decoded line is from a rollout; line types of future releases are accepted."""
    if not isinstance(data, dict) or not isinstance(data.get("payload"), dict):
        return False
    return data.get("type") in _LINE_TYPES or (isinstance(data.get("type"), str) and "timestamp" in data)


def detect(data: Any) -> bool:
    """Whether the value is a list of a rollout's lines, with at least one item of the conversation."""
    return (
        isinstance(data, list)
        and all(is_event(line) for line in data)
        and any(line["type"] == "response_item" for line in data)
    )


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one rollout's lines."""
    session: dict[str, Any] = next((line["payload"] for line in data if line["type"] == "session_meta"), {})
    models = [line["payload"].get("model") for line in data if line["type"] == "turn_context"]
    meta = {"agent_version": session.get("cli_version"), "model_provider": session.get("model_provider")}
    return Trajectory(
        id=str(session.get("id") or path.stem),
        source="codex-cli",
        resolved=None,
        model=next((str(model) for model in models if model), None),
        segments=tuple(_segments(data, session)),
        meta={key: value for key, value in meta.items() if value},
    )


def _segments(lines: list[dict[str, Any]], session: dict[str, Any]) -> Iterator[Segment]:
    """Yield the segments of all items. The kind of a user message depends on whether the model has begun."""
    outputs = {
        str(line["payload"].get("call_id")): _output(line["payload"])
        for line in lines
        if line["type"] == "response_item" and str(line["payload"].get("type")).endswith("_output")
    }
    base = session.get("base_instructions") or session.get("instructions")
    yield from shown("system", text_of(base) or text_of(dict_of(base).get("text")))
    begun = False
    for line in lines:
        item = line["payload"]
        kind = str(item.get("type"))
        if line["type"] == "compacted":
            yield from shown("other", text_of(item.get("message")))
        elif line["type"] != "response_item":
            continue
        elif kind.endswith("_output"):
            yield from shown("observation", _output(item))
        elif kind == "message" and item.get("role") != "assistant":
            yield from _input_message(item, begun)
        else:
            begun = True
            yield from _reply_item(item, kind, outputs.get(str(item.get("call_id"))))


def _reply_item(item: dict[str, Any], kind: str, output: str | None) -> Iterator[Segment]:
    """Yield one item of the model's reply."""
    if kind == "message":
        yield from thought(text_of(item.get("content")))
    elif kind == "reasoning":
        yield from reasoning_item(item)
    elif kind in ("function_call", "local_shell_call", "custom_tool_call"):
        action = _action(item, kind, None if output is None else not output.startswith(_DECLINED))
        if output is not None and output.startswith(_REFUSED):
            yield from thought(action.text)
        elif action.text:
            yield action


def _action(item: dict[str, Any], kind: str, executed: bool | None) -> Segment:
    if kind == "function_call":
        return tool_call(str(item.get("name")), item.get("arguments"), executed)
    if kind == "local_shell_call":
        arguments = {key: value for key, value in dict_of(item.get("action")).items() if value is not None}
        return tool_call("shell", {key: value for key, value in arguments.items() if key != "type"}, executed)
    text = text_of(item.get("input"))
    return Segment("action", text, generated=True, calls=(Call(str(item.get("name")), {"input": text}, executed),))


def _input_message(item: dict[str, Any], begun: bool) -> Iterator[Segment]:
    """Yield a message to the model: instructions, the user's words, or text that the program added."""
    text = text_of(item.get("content"))
    if item.get("role") == "user":
        yield from shown("other" if begun and text.startswith(_INJECTED) else "task", text)
    else:
        yield from shown("other" if begun else "system", text)


def _output(item: dict[str, Any]) -> str:
    """The text that the model was shown; it is not decoded if it is JSON."""
    output = item.get("output")
    return text_of(output) or text_of(dict_of(output).get("content"))
