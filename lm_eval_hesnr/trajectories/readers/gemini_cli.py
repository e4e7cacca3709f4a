"""Gemini CLI sessions: one JSON object, or JSON Lines in newer versions, or a saved chat.

- A session has `sessionId`, `projectHash` and `messages`. A message of the model has `content`, `thoughts` and
  `toolCalls`, which contain their results. Files: `~/.gemini/tmp/<project>/chats/session-*.json`.
- In `session-*.jsonl`, the first line has the session's data, and each other line has a message. A message may be
  written again while it grows: the last one counts. `$rewindTo` removes the messages from that id on. `$set` changes
  the session's data. Messages that `$set` adds, such as the summary of a compression, are `other`, because the program
  wrote them.
- A saved chat (`/chat save`) is a list of `{role, parts}`, or an object with that list under `history`.

`thoughts` are summaries that the server wrote, so they are thoughts that are not `generated`. Calls are stored as
objects, so an action's text is that object as JSON. Messages for the screen (`info`, `warning`, `error`) are left out,
because the model was never shown them. The files contain neither the system prompt nor the outcome.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.readers.common import meta_of, run_name
from lm_eval_hesnr.trajectories.readers.gemini_parts import (
    FunctionCall,
    Result,
    action,
    call_of,
    input_text,
    is_contents,
    parts_of,
    reply_text,
    result_of,
)
from lm_eval_hesnr.trajectories.readers.segments import shown
from lm_eval_hesnr.trajectories.schema import Kind, Segment, Trajectory

FORMAT = "Gemini CLI session"

_MODEL_TYPES = ("gemini", "model")
_SCREEN = ("info", "warning", "error")
_ACKNOWLEDGEMENTS = (["Got it. Thanks for the context!"], ["Got it. Thanks for the additional context!"])
"""Replies that the program puts into the chat before the user's first words, or after a compression."""
_ADDED = "$added"
"""Key that this module adds to a message that the program added to the history."""


def is_event(data: Any) -> bool:
    """Whether one decoded line is from a session in JSON Lines."""
    return _is_header(data) or _is_reply(data) or _is_change(data)


def detect(data: Any) -> bool:
    """Whether the value is a session, the lines of one, or a saved chat."""
    if isinstance(data, list):
        return any(_is_header(line) or _is_reply(line) for line in data) or is_contents(data)
    if not isinstance(data, dict):
        return False
    if is_contents(data.get("history")):
        return True
    messages = data.get("messages")
    return isinstance(messages, list) and (_has_session(data) or any(map(_is_reply, messages)))


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of a session or a saved chat."""
    unknown: Counter[str] = Counter()
    discarded = 0
    session = dict_of(data)
    contents = data if isinstance(data, list) else session.get("history")
    if isinstance(contents, list) and is_contents(contents):
        messages = [{**turn, "type": turn.get("role")} for turn in contents]
    elif isinstance(data, list):
        session, messages, discarded = _from_lines(data, unknown)
    else:
        messages = [dict_of(message) for message in list_of(session.get("messages"))]
    models = [message.get("model") for message in messages] + [dict_of(session.get("meta")).get("model")]
    if not messages:
        raise ValueError("the session has no messages")
    segments = tuple(_segments(messages, unknown))
    return Trajectory(
        id=_name(session, path),
        source="gemini-cli",
        resolved=None,
        model=next((model for model in models if isinstance(model, str) and model), None),
        segments=segments,
        meta=meta_of(unknown, discarded_messages=discarded),
    )


def _has_session(data: Any) -> bool:
    return (
        isinstance(data, dict) and isinstance(data.get("sessionId"), str) and isinstance(data.get("projectHash"), str)
    )


def _is_header(line: Any) -> bool:
    return _has_session(line) and "startTime" in line and "messages" not in line


def _is_reply(line: Any) -> bool:
    """Whether a line or message is a reply of the model in Gemini CLI's own form."""
    return (
        isinstance(line, dict)
        and line.get("type") == "gemini"
        and "content" in line
        and not {"model", "thoughts", "tokens", "toolCalls"}.isdisjoint(line)
    )


def _is_change(line: Any) -> bool:
    return isinstance(line, dict) and len(line) == 1 and ("$set" in line or "$rewindTo" in line)


def _name(session: dict[str, Any], path: Path) -> str:
    """The session's id. A sub-agent's file is in the folder of its session: `chats/<session>/<sub-agent>.jsonl`."""
    own = session.get("sessionId")
    name = own if isinstance(own, str) and own else run_name(path)
    return f"{path.parent.name}/{name}" if session.get("kind") == "subagent" and path.parent.name else name


def _from_lines(lines: list[Any], unknown: Counter[str]) -> tuple[dict[str, Any], list[dict[str, Any]], int]:
    """The session's data, its messages, and the number of messages that `$rewindTo` removed."""
    session: dict[str, Any] = {}
    messages: dict[str, dict[str, Any]] = {}
    discarded = 0
    for line in map(dict_of, lines):
        change = dict_of(line.get("$set"))
        if "$rewindTo" in line:
            before = len(messages)
            while messages and messages.popitem()[0] != line["$rewindTo"]:
                pass  # an unknown id removes all messages, as in Gemini CLI
            discarded += before - len(messages)
        elif isinstance(line.get("id"), str) and "type" in line:
            messages[line["id"]] = line
        elif change or "$set" in line:
            session |= {key: value for key, value in change.items() if key != "messages"}
            for message in map(dict_of, list_of(change.get("messages"))):
                if isinstance(message.get("id"), str):
                    messages.setdefault(message["id"], {**message, _ADDED: True})
        elif _has_session(line):
            session |= line
        else:
            unknown[_type(line)] += 1
    return session, list(messages.values()), discarded


def _segments(messages: list[dict[str, Any]], unknown: Counter[str]) -> Iterator[Segment]:
    calls = [dict_of(call) for message in messages for call in list_of(message.get("toolCalls"))]
    recorded = {call["id"] for call in calls if isinstance(call.get("id"), str)}
    for message, following in zip(messages, [*messages[1:], {}], strict=True):
        kind, parts = message.get("type"), _parts(message)
        if kind in _SCREEN:
            continue
        if kind == "user":
            yield from _input(parts, recorded, unknown, "other" if message.get(_ADDED) else "task")
        elif kind not in _MODEL_TYPES:
            unknown[_type(message)] += 1
        elif message.get(_ADDED) or _is_synthetic(message, parts):
            for part in parts:
                yield from shown("other", input_text(part, unknown))
        else:
            answers = [part for part in _parts(following) if isinstance(part.get("functionResponse"), dict)]
            yield from _reply(message, answers, recorded, unknown)


def _is_synthetic(message: dict[str, Any], parts: list[dict[str, Any]]) -> bool:
    """Whether the program wrote a message in the model's name: it has no model and no tokens, or a fixed text."""
    if [part.get("text") for part in parts] in _ACKNOWLEDGEMENTS:
        return True
    return "tokens" in message and not any(message.get(key) for key in ("tokens", "model", "toolCalls"))


def _input(parts: list[dict[str, Any]], recorded: set[str], unknown: Counter[str], kind: Kind) -> Iterator[Segment]:
    """Yield a user's message. Results that are recorded with their calls are not repeated."""
    has_results = any(isinstance(part.get("functionResponse"), dict) for part in parts)
    for part in parts:
        response = part.get("functionResponse")
        if not isinstance(response, dict):
            yield from shown("observation" if has_results else kind, input_text(part, unknown))
        elif response.get("id") not in recorded:
            yield from shown("observation", result_of([part]).text)


def _reply(
    message: dict[str, Any], answers: list[dict[str, Any]], recorded: set[str], unknown: Counter[str]
) -> Iterator[Segment]:
    """Yield a reply: summaries of its thoughts, its text, its calls, and the results that are recorded with them.

    Args:
        message: the reply.
        answers: the results in the next message.
        recorded: the ids of all calls that are recorded under `toolCalls`; the same calls may also be parts.
        unknown: counts parts of unknown kinds.
    """
    for summary in map(dict_of, list_of(message.get("thoughts"))):
        texts = (text_of(summary.get("subject")), text_of(summary.get("description")))
        yield from shown("thought", "\n".join(text for text in texts if text))
    parts = _parts(message)
    ran = iter(_ran([call for part in parts if (call := call_of(part))], answers))
    for part in parts:
        call = call_of(part)
        if call is None:
            yield from reply_text(part, own_thoughts=False, unknown=unknown)
            continue
        executed = next(ran)
        if call.id not in recorded:
            yield action(call, executed)
    records = [dict_of(record) for record in list_of(message.get("toolCalls"))]
    results = [_recorded_result(record) for record in records]
    for record, result in zip(records, results, strict=True):
        yield action(FunctionCall(str(record.get("id")), str(record.get("name")), record.get("args")), result.executed)
    for result in results:
        yield from shown("observation", result.text)


def _recorded_result(record: dict[str, Any]) -> Result:
    parts = parts_of(record["result"]) if record.get("result") is not None else []
    return result_of(parts, record.get("status"))


def _parts(message: dict[str, Any]) -> list[dict[str, Any]]:
    return parts_of(message["content"] if message.get("content") is not None else message.get("parts"))


def _ran(calls: list[FunctionCall], answers: list[dict[str, Any]]) -> list[bool | None]:
    """Whether each call of a reply ran, by the result with its id, otherwise by the result at its position."""
    by_id = {part["functionResponse"].get("id"): part for part in answers if _has_id(part)}
    by_position = answers if len(answers) == len(calls) else []
    found = [by_id.get(call.id) or (by_position[i] if by_position else None) for i, call in enumerate(calls)]
    return [result_of([part]).executed if part else None for part in found]


def _has_id(part: dict[str, Any]) -> bool:
    return isinstance(part["functionResponse"].get("id"), str)


def _type(record: dict[str, Any]) -> str:
    """The name under which a record of unknown type is counted."""
    return str(record.get("type") or next(iter(record), "no object"))[:40]
