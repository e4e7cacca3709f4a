"""Kimi Code session logs: a `wire.jsonl` of one agent, whose lines together are one trajectory.

Files: `~/.kimi-code/sessions/<project>/<session>/agents/<agent>/wire.jsonl`. Each agent of a session has a file of its
own, so a sub-agent is a run of its own, with the id `<session>/<agent>`.

The lines `context.append_loop_event` have what the model wrote (`content.part` with `text` or `think`, `tool.call`) and
the results. A call's arguments are stored as an object, so an action's text is that object as JSON.
`context.append_message` has the user's words and texts that the program adds, which are `task` before the model's
first reply and `other` later. So is the summary that replaces the history after a compaction.

Turns that the user took back (`context.undo`) stay in the trajectory. `turn.prompt` repeats the user's words for the
screen. The logs of the older Kimi CLI (`{timestamp, message}`) are not read. The log does not contain the outcome.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, text_of
from lm_eval_hesnr.trajectories.readers.common import meta_of, run_name
from lm_eval_hesnr.trajectories.readers.segments import shown, thought, tool_call
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory

FORMAT = "Kimi Code session"

_CONTEXT = ("context.append_loop_event", "context.append_message", "context.apply_compaction")
_PROMPTS = ("config.update", "profile.bind")
"""Lines that may set the system prompt."""
_KNOWN = re.compile(
    r"metadata|forked|context\.(clear|undo)|(config|cron|environment|file_history|full_compaction|goal|interaction"
    r"|interruptionReminder|llm|mcp|permission|plan|plan_mode|plugin|profile|prompt|runtime|subagent|swarm_mode|task"
    r"|token_counting|tools|tower_mode|turn|usage)\.[\w.]+"
)
"""Types that are known and have no text for the model."""
_STEPS = ("step.begin", "step.end")


def is_event(data: Any) -> bool:
    """Whether a decoded line has a form that only this log has."""
    if not isinstance(data, dict):
        return False
    if data.get("type") == "metadata":
        return "protocol_version" in data and "created_at" in data
    key = {"context.append_loop_event": "event", "context.append_message": "message"}.get(str(data.get("type")))
    return key is not None and isinstance(data.get(key), dict)


def detect(data: Any) -> bool:
    """Whether the value is a list of a session's lines, with at least one message or reply."""
    return isinstance(data, list) and any(is_event(line) and line["type"] in _CONTEXT for line in data)


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one agent's lines."""
    lines = [dict_of(line) for line in data]
    unknown: Counter[str] = Counter()
    segments = tuple(_segments(lines, unknown))
    version = next((line["protocol_version"] for line in lines if line.get("protocol_version")), None)
    return Trajectory(
        id=_name(path),
        source="kimi-code",
        resolved=None,
        model=_model(lines),
        segments=segments,
        meta=meta_of(unknown, protocol_version=text_of(version)),
    )


def _name(path: Path) -> str:
    """The session's folder in `<session>/agents/<agent>/wire.jsonl`, with the agent if it is not the main one."""
    if path.name.split(".")[0] != "wire" or path.parent.parent.name != "agents":
        return run_name(path)
    session, agent = path.parent.parent.parent.name, path.parent.name
    return session if agent == "main" else f"{session}/{agent}"


def _model(lines: list[dict[str, Any]]) -> str | None:
    """The model that a request names, otherwise the name under which it is configured."""
    asked = [line.get("model") for line in lines if line.get("type") == "llm.request"]
    configured = [line.get("modelAlias") for line in lines if line.get("type") in _PROMPTS]
    return next((name for name in asked + configured if isinstance(name, str) and name), None)


def _segments(lines: list[dict[str, Any]], unknown: Counter[str]) -> Iterator[Segment]:
    ran = _ran(lines)
    begun = False
    prompt = ""
    for line in lines:
        kind = str(line.get("type"))
        if kind in _PROMPTS and text_of(line.get("systemPrompt")) not in ("", prompt):
            prompt = text_of(line["systemPrompt"])
            yield from shown("other" if begun else "system", prompt)
        elif kind == "context.append_message":
            yield from _message(dict_of(line.get("message")), begun)
        elif kind == "context.apply_compaction":
            yield from shown("other", text_of(line.get("contextSummary")) or text_of(line.get("summary")))
        elif kind == "context.append_loop_event":
            event = dict_of(line.get("event"))
            begun = begun or event.get("type") in ("content.part", "tool.call")
            yield from _loop_event(event, ran, unknown)
        elif not _KNOWN.fullmatch(kind):
            unknown[kind[:40]] += 1


def _loop_event(event: dict[str, Any], ran: dict[str, bool], unknown: Counter[str]) -> Iterator[Segment]:
    kind = str(event.get("type"))
    part = dict_of(event.get("part"))
    if kind == "content.part" and part.get("type") in ("text", "think"):
        yield from thought(text_of(part.get(part["type"])))
    elif kind == "tool.call":
        arguments = {} if event.get("args") is None else event["args"]
        yield tool_call(str(event.get("name")), arguments, ran.get(str(event.get("toolCallId"))))
    elif kind == "tool.result":
        yield from shown("observation", text_of(dict_of(event.get("result")).get("output")))
    elif kind not in _STEPS:
        unknown[f"{kind} {part.get('type')}"[:40] if part else kind[:40]] += 1


def _message(message: dict[str, Any], begun: bool) -> Iterator[Segment]:
    """Yield a message of the context. A message in the model's name is a copy, so it is not `generated`."""
    text = text_of(message.get("content"))
    if message.get("role") == "tool":
        yield from shown("observation", text)
    elif message.get("role") == "user":
        by_user = dict_of(message.get("origin")).get("kind") in (None, "user")
        yield from shown("task" if by_user or not begun else "other", text)
    else:
        yield from shown("system" if message.get("role") == "system" and not begun else "other", text)


def _ran(lines: list[dict[str, Any]]) -> dict[str, bool]:
    """Call id -> whether the call ran: it has a result, and the user did not decline it."""
    ran: dict[str, bool] = {}
    for line in lines:
        event = dict_of(line.get("event"))
        if event.get("type") == "tool.result":
            ran.setdefault(str(event.get("toolCallId")), True)
        elif line.get("type") == "permission.record_approval_result":
            decision = dict_of(line.get("result")).get("decision")
            if isinstance(decision, str) and decision != "approved":
                ran[str(line.get("toolCallId"))] = False
    return ran
