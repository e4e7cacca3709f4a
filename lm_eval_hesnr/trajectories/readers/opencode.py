"""OpenCode sessions: the object of `opencode export`, or the files of a session in OpenCode's storage.

An export is `{info, messages: [{info, parts}]}`. `storage.py` reads the files of a session as the same messages, one
event each, after the session's `info`. Newer versions keep sessions in a database, which is not read: export them. The
events of `opencode run --format json` are read too. They have the parts of the replies, but not the prompts.

Parts `text` and `reasoning` are thoughts. The reasoning may be a summary by the server, because summaries are not
marked. Parts `tool` are actions, with their result in `state`. The arguments are stored as an object, so an action's
text is that object as JSON. A call that never became complete has its text under `raw`. A call of the tool `invalid` is
the program's report of a refused call, whose text is lost. The report is `other`.

Text that is `synthetic` was added by the program. It is `task` before the model's first reply and `other` later. So is
a summary that replaces the history (`summary: true`). Text that is `ignored` was not shown to the model. A session
that another session started (a sub-agent) is a run of its own, with `parent_session` in `meta`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, text_of
from lm_eval_hesnr.trajectories.readers.common import meta_of, run_name
from lm_eval_hesnr.trajectories.readers.segments import shown, thought, tool_call
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory

FORMAT = "OpenCode session"

_ROLES = ("user", "assistant")
_WITHOUT_TEXT = ("agent", "compaction", "file", "patch", "retry", "snapshot", "step-finish", "step-start", "subtask")
"""Types of parts that the model was not shown as text, or whose text is in another part."""
_NOT_RUN = (
    "The user rejected permission",
    "The user has specified a rule",
    "The user dismissed",
    "Tool execution aborted",
)
"""Beginnings of errors for calls that the user declined or stopped."""


def is_event(data: Any) -> bool:
    """Whether a record is a session's `info` or one message, as `storage.py` returns them, or a part of a stream."""
    return _is_message(data) or _is_session(data) or _is_streamed(data)


def detect(data: Any) -> bool:
    """Whether the value is an export, or a list of one session's events."""
    if isinstance(data, list):
        return any(map(is_event, data))
    return _has_info(data) and isinstance(data.get("messages"), list) and any(map(_is_message, data["messages"]))


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one session."""
    events = data if isinstance(data, list) else data["messages"]
    sessions = [event["info"] for event in events if _is_session(event)]
    info: dict[str, Any] = data["info"] if isinstance(data, dict) else next(iter(sessions), {})
    messages = [event for event in events if _is_message(event)] + _streamed(events)
    unknown = Counter(_type(event) for event in events if not is_event(event))
    if not messages:
        raise ValueError("the session has no messages")
    segments = tuple(_segments(messages, unknown))
    replies = [message["info"] for message in messages if message["info"]["role"] == "assistant"]
    meta = {
        "agent_version": text_of(info.get("version")),
        "model_provider": next((name for reply in replies if (name := _model_key(reply, "providerID"))), ""),
        "parent_session": text_of(info.get("parentID")),
    }
    return Trajectory(
        id=text_of(info.get("id")) or text_of(messages[0]["info"].get("sessionID")) or run_name(path),
        source="opencode",
        resolved=None,
        model=next((name for one in (*replies, info) if (name := _model_key(one, "modelID"))), None),
        segments=segments,
        meta=meta_of(unknown, **meta),
    )


def _has_info(data: Any) -> bool:
    return isinstance(data, dict) and isinstance(data.get("info"), dict)


def _is_session(data: Any) -> bool:
    return _has_info(data) and data.keys() == {"info"} and "id" in data["info"]


def _is_message(data: Any) -> bool:
    return _has_info(data) and isinstance(data.get("parts"), list) and data["info"].get("role") in _ROLES


def _is_streamed(data: Any) -> bool:
    return isinstance(data, dict) and isinstance(data.get("sessionID"), str) and isinstance(data.get("part"), dict)


def _streamed(events: list[Any]) -> list[dict[str, Any]]:
    """All parts of a stream as one reply; an empty list if there are no parts."""
    found = [event for event in events if _is_streamed(event)]
    info = {"role": "assistant", "sessionID": found[0]["sessionID"]} if found else {}
    return [{"info": info, "parts": [event["part"] for event in found]}] if found else []


def _type(event: Any) -> str:
    """The name under which an event of unknown type is counted."""
    return str(dict_of(event).get("type") or "message")[:40]


def _model_key(info: dict[str, Any], key: str) -> str:
    """A key of the model, which is in the info itself or under `model`. The model may also be a plain name."""
    model = info.get("model")
    plain = model if key == "modelID" and isinstance(model, str) else ""
    return text_of(info.get(key)) or text_of(dict_of(model).get(key)) or plain


def _segments(messages: list[dict[str, Any]], unknown: Counter[str]) -> Iterator[Segment]:
    begun = False
    prompts: set[str] = set()
    for message in messages:
        info, parts = message["info"], [dict_of(part) for part in message["parts"]]
        for prompt in info["system"] if isinstance(info.get("system"), list) else [info.get("system")]:
            if isinstance(prompt, str) and prompt not in prompts:
                prompts.add(prompt)
                yield from shown("other" if begun else "system", prompt)
        unknown.update(_unknown(parts))
        if info["role"] == "user":
            yield from _input(parts, begun)
        elif info.get("summary") is True:
            for part in parts:
                yield from shown("other", text_of(part.get("text")) if part.get("type") == "text" else "")
        else:
            begun = True
            yield from _reply(parts)


def _unknown(parts: list[dict[str, Any]]) -> Iterator[str]:
    for part in parts:
        if part.get("type") not in ("text", "reasoning", "tool", *_WITHOUT_TEXT):
            yield str(part.get("type"))[:40]


def _input(parts: list[dict[str, Any]], begun: bool) -> Iterator[Segment]:
    for part in parts:
        if part.get("type") == "text" and part.get("ignored") is not True:
            yield from shown("other" if begun and part.get("synthetic") is True else "task", text_of(part.get("text")))


def _reply(parts: list[dict[str, Any]]) -> Iterator[Segment]:
    """Yield the parts of a reply. The results of one step come after everything that the model wrote in it."""
    results: list[str] = []
    in_step = False
    for part in parts:
        kind = part.get("type")
        if kind == "tool":
            yield _action(part)
            results.append(_result(part))
        elif kind == "text" and part.get("synthetic") is True:
            yield from shown("other", text_of(part.get("text")))
        elif kind in ("text", "reasoning"):
            yield from thought(text_of(part.get("text")))
        in_step = kind == "step-start" or (in_step and kind != "step-finish")
        if not in_step or kind == "step-start":
            for result in results:
                yield from shown("observation", result)
            results.clear()
    for result in results:
        yield from shown("observation", result)


def _action(part: dict[str, Any]) -> Segment:
    state = dict_of(part.get("state"))
    arguments = {} if state.get("input") is None else state["input"]
    if part.get("tool") == "invalid":
        return Segment("other", json.dumps(arguments, ensure_ascii=False))
    raw = state.get("raw")
    written = raw if isinstance(raw, str) and raw and not arguments else arguments
    return tool_call(str(part.get("tool")), written, _ran(state))


def _ran(state: dict[str, Any]) -> bool | None:
    error = text_of(state.get("error"))
    if error.startswith(_NOT_RUN):
        return False
    return True if error or isinstance(state.get("output"), str) else None


def _result(part: dict[str, Any]) -> str:
    """What the model was shown: the output, or the error."""
    state = dict_of(part.get("state"))
    return text_of(state.get("output")) or text_of(state.get("error"))
