"""GitHub Copilot CLI session logs: an `events.jsonl` of `{type, data, id, timestamp, parentId}` lines, one trajectory.

Files: `~/.copilot/session-state/<session>/events.jsonl`.

`assistant.message` has what the model wrote: `reasoningText`, `content`, then `toolRequests`. `assistant.reasoning` may
repeat the reasoning before the message. If there is encrypted reasoning (`reasoningOpaque`, `encryptedContent`), the
readable text is a summary by the server: a thought that is not `generated`. `tool.execution_start` repeats a request; a
start without a request is an action too. A call that the user made (`tool.user_requested`) is `other`. Arguments are
stored as an object or as their JSON text; the input of a `custom` tool is plain text.

The model was shown the `transformedContent` of a user message. The events of a sub-agent (`agentId`, or in older
versions `parentToolCallId`) are left out and counted. The log does not contain the outcome.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.readers.common import meta_of, run_name
from lm_eval_hesnr.trajectories.readers.segments import shown, thought, tool_call
from lm_eval_hesnr.trajectories.schema import Call, Segment, Trajectory

FORMAT = "Copilot CLI session"

_ENCRYPTED = ("reasoningOpaque", "encryptedContent")
"""Keys of a message or of its reasoning with the model's own reasoning, which only the server can read."""
_CONVERSATION = ("user.message", "assistant.message", "system.message", "tool.execution_complete")
_FAMILIES = ("assistant.", "hook.", "session.", "subagent.", "system.", "tool.", "user.")
"""Beginnings of types of lines that only occur in this log."""
_WITHOUT_TEXT = re.compile(
    r"abort|assistant\.(intent|turn_start|turn_end|usage)|(hook|permission|subagent)\.\w+"
    r"|tool\.execution_(partial_result|progress|start)"
    r"|session\.(compaction_start|context_changed|error|handoff|idle|info|mode_changed|model_change|plan_changed|resume"
    r"|shutdown|snapshot_rewind|start|task_complete|title_changed|truncation|usage_checkpoint|usage_info|warning)"
)
"""Known types without text of the conversation. The text of a `tool.execution_start` is in its request."""
_REFUSED = ("denied", "rejected", "cancelled", "invalid_arguments", "tool_not_found")
"""Codes of errors for calls that never ran."""


def is_event(data: Any) -> bool:
    """Whether one decoded line is from a session log."""
    return (
        isinstance(data, dict)
        and isinstance(data.get("data"), dict)
        and isinstance(data.get("type"), str)
        and data["type"].startswith(_FAMILIES)
        and "timestamp" in data
    )


def detect(data: Any) -> bool:
    """Whether the value is a list of a session's lines, with at least one message."""
    return isinstance(data, list) and any(is_event(line) and line["type"] in _CONVERSATION for line in data)


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one session's lines."""
    lines: list[dict[str, Any]] = [line for line in map(dict_of, data) if isinstance(line.get("data"), dict)]
    own = [line for line in lines if not line.get("agentId") and not line["data"].get("parentToolCallId")]
    unknown = Counter({"line without data": len(data) - len(lines)})
    segments = tuple(_segments(own, unknown))
    start: dict[str, Any] = next((line["data"] for line in own if line.get("type") == "session.start"), {})
    meta = {
        "agent_version": text_of(start.get("copilotVersion")),
        "sidechain_lines_left_out": len(lines) - len(own),
    }
    return Trajectory(
        id=text_of(start.get("sessionId")) or (path.parent.name if path.name == "events.jsonl" else run_name(path)),
        source="copilot-cli",
        resolved=None,
        model=_model(own),
        segments=segments,
        meta=meta_of(unknown, **meta),
    )


def _model(lines: list[dict[str, Any]]) -> str | None:
    """The model of the first reply, otherwise the selected model."""
    replies = [line["data"].get("model") for line in lines if line.get("type") == "assistant.message"]
    keys = ("selectedModel", "newModel", "currentModel")
    chosen = [line["data"].get(key) for line in lines for key in keys if str(line.get("type")).startswith("session.")]
    ran = [line["data"].get("model") for line in lines if str(line.get("type")).startswith("tool.")]
    return next((name for name in replies + chosen + ran if isinstance(name, str) and name), None)


def _segments(lines: list[dict[str, Any]], unknown: Counter[str]) -> Iterator[Segment]:
    ran = _ran(lines)
    by_user = {str(line["data"].get("toolCallId")) for line in lines if line.get("type") == "tool.user_requested"}
    requested = by_user | {str(request.get("toolCallId")) for line in lines for request in _requests(line)}
    begun = False
    reasoning = ""
    for line, is_summary in zip(lines, _are_summaries(lines), strict=True):
        kind, data = str(line.get("type")), line["data"]
        if kind == "assistant.reasoning":
            reasoning = text_of(data.get("content"))
            yield from _reasoning(reasoning, is_summary)
        elif kind == "assistant.message":
            yield from _reply(line, reasoning, is_summary, ran)
            reasoning = ""
        elif kind == "tool.execution_start" and str(data.get("toolCallId")) not in requested:
            yield _action(data, str(data.get("toolName")), ran)
        else:
            yield from _shown(kind, data, begun, unknown)
            continue
        begun = True


def _shown(kind: str, data: dict[str, Any], begun: bool, unknown: Counter[str]) -> Iterator[Segment]:
    """Yield what the model was shown, or count a line of an unknown type."""
    text = text_of(data.get("content"))
    if kind == "tool.execution_complete":
        yield from shown("observation", _result_text(data))
    elif kind == "user.message":
        yield from shown("task", text_of(data.get("transformedContent")) or text)
    elif kind == "system.message":
        yield from shown("other" if begun else "system", text)
    elif kind in ("system.notification", "skill.invoked"):
        yield from shown("other", text)
    elif kind == "session.compaction_complete":
        yield from shown("other", text_of(data.get("summaryContent")))
    elif kind == "tool.user_requested":
        arguments = data.get("arguments")
        yield from shown("other", arguments if isinstance(arguments, str) else json.dumps(arguments or {}))
    elif not _WITHOUT_TEXT.fullmatch(kind):
        unknown[kind[:40]] += 1


def _are_summaries(lines: list[dict[str, Any]]) -> list[bool]:
    """For each line: whether it or the next message has encrypted reasoning."""
    found: list[bool] = []
    is_encrypted = False
    for line in reversed(lines):
        own = any(line["data"].get(key) for key in _ENCRYPTED)
        if line.get("type") == "assistant.message":
            is_encrypted = own
        found.append(own or is_encrypted)
    return found[::-1]


def _reasoning(text: str, is_summary: bool) -> Iterator[Segment]:
    """Yield readable reasoning: the model's own, or a summary."""
    yield from shown("thought", text) if is_summary else thought(text)


def _reply(line: dict[str, Any], reasoning: str, is_summary: bool, ran: dict[str, bool]) -> Iterator[Segment]:
    """Yield a reply: its reasoning, unless the previous line contains it already, its text and its calls."""
    own = text_of(line["data"].get("reasoningText"))
    yield from _reasoning(own if own != reasoning else "", is_summary)
    yield from thought(text_of(line["data"].get("content")))
    for request in _requests(line):
        yield _action(request, str(request.get("name")), ran)


def _requests(line: dict[str, Any]) -> list[dict[str, Any]]:
    if line.get("type") != "assistant.message":
        return []
    return [dict_of(request) for request in list_of(line["data"].get("toolRequests"))]


def _action(request: dict[str, Any], name: str, ran: dict[str, bool]) -> Segment:
    executed = ran.get(str(request.get("toolCallId")))
    arguments = request.get("arguments")
    if request.get("type") == "custom" and isinstance(arguments, str) and arguments:
        return Segment("action", arguments, generated=True, calls=(Call(name, {"input": arguments}, executed),))
    return tool_call(name, {} if arguments in (None, "") else arguments, executed)


def _result_text(data: dict[str, Any]) -> str:
    """What the model was shown: the result, or the message of the error."""
    return text_of(dict_of(data.get("result")).get("content")) or text_of(dict_of(data.get("error")).get("message"))


def _ran(lines: list[dict[str, Any]]) -> dict[str, bool]:
    """Call id -> whether the call ran: it has a result, and it was not declined."""
    ran: dict[str, bool] = {}
    asked: dict[str, str] = {}
    for line in lines:
        kind, data = line.get("type"), line["data"]
        if kind == "permission.requested":
            asked[str(data.get("requestId"))] = str(dict_of(data.get("permissionRequest")).get("toolCallId"))
        elif kind == "permission.completed":
            if text_of(dict_of(data.get("result")).get("kind")).startswith("denied"):
                ran[asked.get(str(data.get("requestId")), "")] = False
        elif kind == "tool.execution_complete":
            refused = text_of(dict_of(data.get("error")).get("code")) in _REFUSED
            ran[str(data.get("toolCallId"))] = not refused and ran.get(str(data.get("toolCallId"))) is not False
    return ran
