"""Codex CLI session logs, which are one trajectory: `~/.codex/sessions/<year>/<month>/<day>/rollout-*.jsonl`.

There are three forms:

- lines of `{"type", "payload"}`, written since September 2025;
- in earlier releases: a header without `type` (`id`, `timestamp`, `instructions`, `git`), lines
  `{"record_type": "state"}`, and bare items;
- in the first releases: one object, `{"session", "items"}`.

In the first form, only `response_item` lines are read, because `event_msg` lines repeat them for the screen. Reasoning
is stored encrypted. If its text is stored too, it is a thought. Summaries come from another model: they are thoughts
that are not `generated`. The input of a `custom_tool_call` is plain text, not JSON. A web search, which the server
runs, is an action without a result.

Before the model's first reply, instructions are `system`, and text that the program adds is `task`. Later, both are
`other`, and so is the text that replaces the history after a compaction.

Lines and items of unknown types are counted in `meta`. Each sub-agent has a log of its own. The logs do not contain the
outcome of the task, and those of 2025 do not name the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.readers.common import run_name, unknown_records
from lm_eval_hesnr.trajectories.readers.segments import reasoning_item, shown, thought, tool_call
from lm_eval_hesnr.trajectories.schema import Call, Segment, Trajectory

FORMAT = "Codex CLI rollout"

_LINE_TYPES = ("session_meta", "turn_context", "response_item", "event_msg", "compacted")
_CALLS = ("function_call", "local_shell_call", "custom_tool_call", "web_search_call")
_NOTES = ("ghost_snapshot", "compaction", "compaction_summary", "compaction_trigger")
"""Types of items that have no text of the conversation."""
_INJECTED = ("<environment_context>", "<user_instructions>", "<turn_aborted>", "<user_shell_command>", "# AGENTS.md")
_REFUSED = ("failed to parse function arguments", "unsupported call", "unsupported custom tool call")
"""The beginnings of results for calls that were not valid: broken arguments or an unknown tool."""
_DECLINED = ("exec command rejected by user", "rejected by user", "patch rejected by user")


def is_event(data: Any) -> bool:
    """Whether one decoded line is of a known type. Lines of other types are counted if they stand among known ones.

    A bare item of 2025 is not an event here, because OpenAI's Responses API has the same items.
    """
    if not isinstance(data, dict):
        return False
    if isinstance(data.get("payload"), dict):
        return data.get("type") in _LINE_TYPES
    return _is_header(data) or data.get("record_type") == "state"


def detect(data: Any) -> bool:
    """Whether the value has a rollout's lines or items, with at least one item of the conversation."""
    if isinstance(data, dict):
        return isinstance(data.get("session"), dict) and any(map(_is_item, list_of(data.get("items"))))
    if not isinstance(data, list):
        return False
    is_old = any(isinstance(line, dict) and "payload" not in line and is_event(line) for line in data)
    return any(_is_item(item) for line in data if (item := _item(line)) and (is_old or item is not line))


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one rollout."""
    lines = _lines(data)
    session: dict[str, Any] = next((line["payload"] for line in lines if line["type"] == "session_meta"), {})
    models = [line["payload"].get("model") for line in lines if line["type"] == "turn_context"]
    meta = {"agent_version": session.get("cli_version"), "model_provider": session.get("model_provider")}
    return Trajectory(
        id=str(session.get("id") or run_name(path)),
        source="codex-cli",
        resolved=None,
        model=next((str(model) for model in models if model), None),
        segments=tuple(_segments(lines, session)),
        meta={key: value for key, value in meta.items() if value} | unknown_records(_unknown(data)),
    )


def _is_header(data: dict[str, Any]) -> bool:
    """Whether a line is the header of a rollout of 2025."""
    named = isinstance(data.get("id"), str) and isinstance(data.get("timestamp"), str)
    return named and not {"instructions", "git"}.isdisjoint(data) and {"type", "role"}.isdisjoint(data)


def _item(line: Any) -> dict[str, Any]:
    """The item of a line, wrapped or bare; empty for any other line."""
    line = dict_of(line)
    if isinstance(line.get("payload"), dict):
        return line["payload"] if line.get("type") == "response_item" else {}
    return line if isinstance(line.get("type"), str) and line["type"] not in _LINE_TYPES else {}


def _is_item(item: Any) -> bool:
    """Whether an item is of a known type and part of the conversation."""
    kind = dict_of(item).get("type")
    return isinstance(kind, str) and (kind in ("message", "reasoning", *_CALLS) or kind.endswith("_output"))


def _lines(data: Any) -> list[dict[str, Any]]:
    """The lines of any form, converted to the current form, without lines of unknown types."""
    parts = [{"type": "session_meta", "payload": data["session"]}, *data["items"]] if isinstance(data, dict) else data
    return [line for part in parts if (line := _line(part))]


def _line(part: Any) -> dict[str, Any]:
    """One line or bare item, converted to the current form; empty for any other value."""
    if isinstance(dict_of(part).get("payload"), dict):
        return part if isinstance(part.get("type"), str) else {}
    if item := _item(part):
        return {"type": "response_item", "payload": item}
    is_header = isinstance(dict_of(part).get("id"), str) and "timestamp" in part and "type" not in part
    return {"type": "session_meta", "payload": part} if is_header else {}


def _unknown(data: Any) -> Iterator[Any]:
    """Yield the lines and items that are skipped because their type is not known."""
    for part in data["items"] if isinstance(data, dict) else data:
        line, item = _line(part), _item(part)
        if item and not _is_item(item) and item.get("type") not in _NOTES:
            yield item
        elif not item and line.get("type") not in _LINE_TYPES and dict_of(part).get("record_type") != "state":
            yield part


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
    elif kind == "web_search_call":
        if isinstance(item.get("action"), dict):
            yield tool_call("web_search", item["action"], True if item.get("status") == "completed" else None)
    elif kind in _CALLS:
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
    """The text that the model was shown. JSON text is not decoded."""
    output = item.get("output")
    return text_of(output) or text_of(dict_of(output).get("content"))
