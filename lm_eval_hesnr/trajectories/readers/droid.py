"""Droid (Factory) sessions: JSONL files of two kinds. Each file is one trajectory.

The session store (`~/.factory/sessions/<project>/<id>.jsonl`) begins with a `session_start` line, and its messages have
the content blocks of Anthropic's API. The model's name is in `<id>.settings.json` next to the file. The output of
`droid exec --output-format stream-json` has a line for each text, call and result. Its line `completion` has the final
text, which is left out if it repeats the model's last message.

Arguments are stored as an object, so an action's text is that object written as JSON. A result that is an object is
also written as JSON.
Neither kind has the system prompt or the outcome of the task. Text that the program adds to the conversation is `task`
before the model's first reply and `other` later; so is the summary of a compaction. A session that another session
started is a run of its own, with the id `<session>/<agent>`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, text_of
from lm_eval_hesnr.trajectories.readers.common import meta_of, run_name
from lm_eval_hesnr.trajectories.readers.session_parts import (
    Part,
    content_parts,
    id_of,
    is_session,
    message_of,
    session_segments,
)
from lm_eval_hesnr.trajectories.schema import Trajectory
from lm_eval_hesnr.trajectories.side_files import json_of

FORMAT = "Droid session"

_ADDED = ("<system-reminder>", "<system-notification>")
_STORE_NOTES = ("session_start", "todo_state", "session_end")
"""Types of lines in the store that have no text of the conversation."""
_STREAM_NOTES = ("system", "error")
_SESSION_KEYS = ("session_id", "sessionId")


def is_event(data: Any) -> bool:
    """Whether a decoded line is from a session store or a stream."""
    return _is_store_line(data) or _is_stream_line(data)


def detect(data: Any) -> bool:
    """Whether the value is a list of a session's lines. A store is recognised by its first line or by its calls."""
    if not is_session(data, is_event):
        return False
    store = [line for line in data if _is_store_line(line)]
    if not store:
        return True
    blocks = (block for line in store for block in _blocks(line))
    return any(line["type"] == "session_start" for line in store) or any(
        block.get("type") in ("tool_use", "tool_result") for block in blocks
    )


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one session's lines."""
    lines = [dict_of(line) for line in data]
    unknown: Counter[str] = Counter()
    start: dict[str, Any] = next((line for line in lines if line.get("type") in ("session_start", "system")), {})
    named = next((id_of(line, *_SESSION_KEYS) for line in lines if id_of(line, *_SESSION_KEYS)), "")
    settings = dict_of(json_of(path.with_name(f"{run_name(path)}.settings.json")))
    models = [start.get("model"), *(message_of(line).get("model") for line in lines), settings.get("model")]
    own = (id_of(start, "id") if start.get("type") == "session_start" else named) or run_name(path)
    caller = id_of(start, "callingSessionId")
    return Trajectory(
        id=f"{caller}/{own}" if caller else own,
        source="droid",
        resolved=None,
        model=next((str(model) for model in models if model), None),
        segments=session_segments(_parts(lines, unknown)),
        meta=meta_of(unknown, agent_version=start.get("version")),
    )


def _is_store_line(data: Any) -> bool:
    if not isinstance(data, dict) or not isinstance(data.get("id"), str):
        return False
    if data.get("type") == "session_start":
        return "cwd" in data or "title" in data
    message = message_of(data)
    return data.get("type") == "message" and message.get("role") in ("user", "assistant") and "content" in message


def _is_stream_line(data: Any) -> bool:
    if not isinstance(data, dict) or not any(key in data for key in _SESSION_KEYS):
        return False
    keys = {"message": ("role", "text"), "tool_call": ("toolName", "parameters"), "completion": ("finalText",)}
    keys["tool_result"] = ("value",)
    kind = data.get("type")
    return isinstance(kind, str) and kind in keys and all(key in data for key in keys[kind])


def _blocks(line: dict[str, Any]) -> Iterator[dict[str, Any]]:
    content = message_of(line).get("content")
    yield from map(dict_of, content if isinstance(content, list) else [])


def _parts(lines: list[dict[str, Any]], unknown: Counter[str]) -> Iterator[Part]:
    """Yield the parts of all lines, of either kind."""
    said = ""
    for line in lines:
        kind = line.get("type")
        if _is_store_line(line) and kind == "message":
            message = message_of(line)
            yield from content_parts(message["content"], message["role"] == "assistant", _ADDED, unknown)
        elif kind == "completion" and _is_stream_line(line):
            if text_of(line["finalText"]).strip() != said.strip():
                yield Part("thought", text_of(line["finalText"]))
        elif _is_stream_line(line):
            said = text_of(line["text"]) if line.get("role") == "assistant" and kind == "message" else said
            yield _stream_part(line)
        elif kind == "compaction_state":
            yield Part("added", text_of(line.get("summaryText")))
        elif kind not in (*_STORE_NOTES, *_STREAM_NOTES):
            unknown[str(kind)[:80]] += 1


def _stream_part(line: dict[str, Any]) -> Part:
    """The part of one line of a stream."""
    if line["type"] == "tool_call":
        identity = id_of(line, "toolCallId", "id")
        return Part("call", id=identity, tool=str(line["toolName"]), arguments=line["parameters"])
    if line["type"] == "tool_result":
        value = line["value"]
        text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else text_of(value)
        return Part("result", text, id_of(line, "toolCallId", "id"))
    if line["role"] == "assistant":
        return Part("thought", text_of(line["text"]))
    text = text_of(line["text"])
    return Part("added" if line["role"] != "user" or text.startswith(_ADDED) else "task", text)
