"""Qwen Code session logs: a JSONL file of records, which together are one trajectory.

The lines look like those of Claude Code. But a message has the `parts` of Gemini's API, the model has the role `model`,
and results are lines of type `tool_result`. Files: `~/.qwen/projects/<project>/chats/<id>.jsonl`.

The model wrote text, text with `thought: true` (its own reasoning) and `functionCall`. The log stores the arguments as
an object, so an action's text is that object as JSON. If two lines have the same `uuid`, they are parts of one message.

The lines are a tree. If the user went back in the conversation (`rewind`), some lines do not lead to the last message.
The model did not see them, so they are left out and counted. The lines of a sub-agent in its parent's session are left
out and counted too. A file with only such lines is the sub-agent's own trajectory.

Text that the program adds to the conversation is `task` before the model's first reply and `other` later. So is the
summary that replaces the history after a compression. Other system lines have no text that the model was shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.readers.common import meta_of, run_name
from lm_eval_hesnr.trajectories.readers.gemini_parts import (
    Result,
    action,
    call_of,
    input_text,
    parts_of,
    reply_text,
    result_of,
)
from lm_eval_hesnr.trajectories.readers.segments import shown
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory

FORMAT = "Qwen Code session"

_MESSAGES = ("user", "assistant", "tool_result")
_TYPES = (*_MESSAGES, "system")
_BY_USER = (None, "mid_turn_user_message")
"""Subtypes of `user` lines that contain the user's words; all others are texts of the program."""
_INJECTED = ("<qwen:", "<system-reminder>")


def is_event(data: Any) -> bool:
    """Whether one decoded line is from a session log of Qwen Code."""
    if not isinstance(data, dict) or not isinstance(data.get("sessionId"), str) or "uuid" not in data:
        return False
    if data.get("type") in _MESSAGES:
        return isinstance(data.get("message"), dict) and isinstance(data["message"].get("parts"), list)
    return data.get("type") == "system" and "systemPayload" in data and "subtype" in data


def detect(data: Any) -> bool:
    """Whether the value is a list of a session's lines, with at least one message."""
    return isinstance(data, list) and any(is_event(line) and line["type"] in _MESSAGES for line in data)


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one session's lines."""
    lines = [dict_of(line) for line in data]
    unknown = Counter(str(line.get("type"))[:40] for line in lines if line.get("type") not in _TYPES)
    lines = [line for line in lines if line.get("type") in _TYPES]
    main = [line for line in lines if line.get("isSidechain") is not True]
    is_sub_agent = not _messages(main)
    agent = lines if is_sub_agent else main
    chain = _last_chain(agent)
    own = _messages(chain)
    segments = tuple(_segments(chain, unknown))
    meta = {
        "agent_version": text_of(own[0].get("version")),
        "sidechain_lines_left_out": len(lines) - len(agent),
        "discarded_lines_left_out": len(_messages(agent)) - len(own),
    }
    return Trajectory(
        id=_name(own[0], is_sub_agent, path),
        source="qwen-code",
        resolved=None,
        model=next((line["model"] for line in own if isinstance(line.get("model"), str) and line["model"]), None),
        segments=segments,
        meta=meta_of(unknown, **meta),
    )


def _messages(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["type"] in _MESSAGES]


def _name(line: dict[str, Any], is_sub_agent: bool, path: Path) -> str:
    session = text_of(line.get("sessionId"))
    agent = text_of(line.get("agentId")) or run_name(path)
    return f"{session}/{agent}" if is_sub_agent and session else session or run_name(path)


def _last_chain(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The last message or `rewind`, and the chain of its parents; all lines if the chain is broken."""
    parent_of: dict[str, str | None] = {}
    for line in lines:
        parent_of.setdefault(str(line.get("uuid")), None if line.get("parentUuid") is None else str(line["parentUuid"]))
    ends = [line for line in lines if line["type"] in _MESSAGES or line.get("subtype") == "rewind"]
    chain: set[str] = set()
    at: str | None = str(ends[-1].get("uuid")) if ends else None
    while at is not None and at not in chain:
        if at not in parent_of:
            return lines
        chain.add(at)
        at = parent_of[at]
    return [line for line in lines if str(line.get("uuid")) in chain]


def _segments(lines: list[dict[str, Any]], unknown: Counter[str]) -> Iterator[Segment]:
    results = _results(lines)
    begun = False
    for line in lines:
        parts = parts_of(dict_of(line.get("message")).get("parts"))
        if line["type"] == "system":
            yield from shown("other", _summary(line))
        elif line["type"] == "assistant":
            begun = True
            yield from _reply(parts, results, unknown)
        elif line["type"] == "tool_result":
            yield from shown("observation", result_of(parts).text)
        else:
            for part in parts:
                text = input_text(part, unknown)
                injected = line.get("subtype") not in _BY_USER or text.startswith(_INJECTED)
                yield from shown("other" if begun and injected else "task", text)


def _summary(line: dict[str, Any]) -> str:
    """The text that replaces the history after a compression (the first new message); empty for other lines."""
    history = list_of(dict_of(line.get("systemPayload")).get("compressedHistory"))
    return text_of(dict_of(history[0]).get("parts")) if history else ""


def _reply(parts: list[dict[str, Any]], results: dict[str, Result], unknown: Counter[str]) -> Iterator[Segment]:
    for part in parts:
        call = call_of(part)
        if call is None:
            yield from reply_text(part, own_thoughts=True, unknown=unknown)
        else:
            result = results.get(call.id)
            yield action(call, result.executed if result else None)


def _results(lines: list[dict[str, Any]]) -> dict[str, Result]:
    """Call id -> the call's result."""
    found = {}
    for line in lines:
        if line["type"] == "tool_result":
            parts = parts_of(dict_of(line.get("message")).get("parts"))
            facts = dict_of(line.get("toolCallResult"))
            result = result_of(parts, facts.get("status"), facts.get("errorType"))
            for part in parts:
                found[str(dict_of(part.get("functionResponse")).get("id") or "")] = result
    found.pop("", None)
    return found
