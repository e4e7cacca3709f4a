"""The output of `gemini --output-format stream-json`: one event per line, which together are one trajectory.

The stream has the user's prompt, the model's text (in pieces with `delta`, which are joined), its calls and their
results. It has neither thoughts nor the system prompt. `result` shows whether the program ended normally, not whether
the task was solved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, text_of
from lm_eval_hesnr.trajectories.readers.common import meta_of, run_name
from lm_eval_hesnr.trajectories.readers.gemini_parts import FunctionCall, Result, action, result_of
from lm_eval_hesnr.trajectories.readers.segments import shown, thought
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory

FORMAT = "Gemini CLI stream"

_WITHOUT_TEXT = ("init", "result", "error")


def is_event(data: Any) -> bool:
    """Whether one decoded line is an event that only this stream has."""
    if not isinstance(data, dict) or "subtype" in data:
        return False
    keys = {"init": {"session_id", "model"}, "tool_use": {"tool_name", "tool_id"}, "tool_result": {"tool_id", "status"}}
    kind = data.get("type")
    return isinstance(kind, str) and kind in keys and keys[kind] <= data.keys() and "message" not in data


def detect(data: Any) -> bool:
    """Whether the value is a list of a stream's events."""
    return isinstance(data, list) and any(map(is_event, data))


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one stream."""
    unknown: Counter[str] = Counter()
    events = [dict_of(event) for event in data]
    start = next((event for event in events if event.get("type") == "init"), {})
    segments = tuple(_segments(events, unknown))
    if not segments:
        raise ValueError("the stream has no message")
    return Trajectory(
        id=str(start.get("session_id") or run_name(path)),
        source="gemini-stream",
        resolved=None,
        model=text_of(start.get("model")) or None,
        segments=segments,
        meta=meta_of(unknown),
    )


def _segments(events: list[dict[str, Any]], unknown: Counter[str]) -> Iterator[Segment]:
    results = {str(event.get("tool_id")): _result(event) for event in events if event.get("type") == "tool_result"}
    pieces: list[str] = []
    for event in events:
        kind, text = event.get("type"), text_of(event.get("content"))
        if kind == "message" and event.get("role") == "assistant":
            if not event.get("delta"):
                yield from thought("".join(pieces))
                pieces.clear()
            pieces.append(text)
            continue
        if kind in _WITHOUT_TEXT:
            continue
        yield from thought("".join(pieces))
        pieces.clear()
        if kind == "message" and event.get("role") == "user":
            yield from shown("task", text)
        elif kind == "tool_use":
            call = FunctionCall(str(event.get("tool_id")), str(event.get("tool_name")), event.get("parameters"))
            result = results.get(call.id)
            yield action(call, result.executed if result else None)
        elif kind == "tool_result":
            yield from shown("observation", _result(event).text)
        else:
            unknown[str(kind)[:40]] += 1
    yield from thought("".join(pieces))


def _result(event: dict[str, Any]) -> Result:
    error = dict_of(event.get("error"))
    text = text_of(event.get("output")) or text_of(error.get("message"))
    return result_of([{"text": text}], event.get("status"), error.get("type"))
