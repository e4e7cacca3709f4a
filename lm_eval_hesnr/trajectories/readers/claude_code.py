"""Claude Code session logs: a JSONL file of events, which together are one trajectory.

What the model wrote: text and thinking blocks are thoughts. Summaries of thinking by the server are not marked, so they
are thoughts too. `tool_use` blocks are actions. The log stores their input as an object, so an action's text is that
object written as JSON. Tool results are lines of type `user`.

Left out: lines that the model was never shown (summaries, snapshots, system notices, `toolUseResult`), and lines that a
resumed session repeats. A sub-agent's lines (`isSidechain`) are left out of its parent's session and counted in
`meta`; a file with only such lines is the sub-agent's own trajectory.

Text that the program adds to the conversation is `task` before the model's first reply and `other` later. The log has
neither the system prompt nor the outcome of the task.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.readers.segments import shown, thought, tool_call
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory

FORMAT = "Claude Code session"

_MESSAGE_TYPES = ("user", "assistant")
_SYNTHETIC = "<synthetic>"
"""Model name of messages that the program wrote itself."""
_REFUSED = ("<tool_use_error>InputValidationError", "<tool_use_error>Error: No such tool available")
"""The beginnings of results for calls that were not valid: wrong arguments or an unknown tool."""
_DECLINED = "The user doesn't want to proceed with this tool use"
_INJECTED = ("<command-", "<local-command-", "<system-reminder>", "<bash-", "Caveat: ", "[Request interrupted")


def is_event(data: Any) -> bool:
    """Whether one decoded line is from a session log."""
    if not isinstance(data, dict) or not isinstance(data.get("type"), str) or "payload" in data:
        return False
    if data["type"] in _MESSAGE_TYPES:
        return isinstance(data.get("message"), dict) and ("sessionId" in data or "uuid" in data)
    return "sessionId" in data or "leafUuid" in data or ("snapshot" in data and "messageId" in data)


def detect(data: Any) -> bool:
    """Whether the value is a list of a session's lines, with at least one message."""
    return (
        isinstance(data, list)
        and bool(data)
        and all(is_event(line) for line in data)
        and any(line["type"] in _MESSAGE_TYPES for line in data)
    )


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one session's lines."""
    lines = [line for line in data if line["type"] in _MESSAGE_TYPES]
    main = [line for line in lines if line.get("isSidechain") is not True]
    own, left_out = main or lines, len(lines) - len(main or lines)
    models = [line["message"].get("model") for line in own]
    version = next((line["version"] for line in own if line.get("version")), None)
    return Trajectory(
        id=str(own[0].get("sessionId") if main and own[0].get("sessionId") else path.stem),
        source="claude-code",
        resolved=None,
        model=next((str(model) for model in models if model and model != _SYNTHETIC), None),
        segments=tuple(_segments(own)),
        meta={
            **({"agent_version": version} if version else {}),
            **({"sidechain_lines_left_out": left_out} if left_out else {}),
        },
    )


def _segments(lines: list[dict[str, Any]]) -> Iterator[Segment]:
    """Yield the segments of all lines. The blocks of one reply may be spread over several lines."""
    results = _result_texts(lines)
    seen: set[tuple[str, ...]] = set()
    begun = False
    for line in lines:
        message = line["message"]
        content = message.get("content")
        blocks = content if isinstance(content, list) else [{"type": "text", "text": content}]
        repeated = ("line", str(line["uuid"])) if line.get("uuid") else None
        if repeated in seen:
            continue
        if repeated:
            seen.add(repeated)
        for block in map(dict_of, blocks):
            if line["type"] == "user":
                yield from _user_block(line, block, begun)
                continue
            part = ("block", str(message["id"]), json.dumps(block)) if message.get("id") else None
            if part in seen:  # streamed replies are logged again while they grow
                continue
            if part:
                seen.add(part)
            begun = True
            if message.get("model") == _SYNTHETIC or line.get("isApiErrorMessage") is True:
                yield from shown("other", text_of(block.get("text")))
            else:
                yield from _reply_block(block, results)


def _reply_block(block: dict[str, Any], results: dict[str, str]) -> Iterator[Segment]:
    """Yield one block of the model's reply. Redacted thinking has no text."""
    if block.get("type") == "tool_use":
        result = results.get(str(block.get("id")))
        action = tool_call(str(block.get("name")), block.get("input"), _ran(result))
        if result is not None and result.startswith(_REFUSED):
            yield from thought(action.text)
        else:
            yield action
    else:
        yield from thought(text_of(block.get("thinking")) or text_of(block.get("text")))


def _user_block(line: dict[str, Any], block: dict[str, Any], begun: bool) -> Iterator[Segment]:
    """Yield one block of a `user` line: a tool's result, the user's words, or text that the program added."""
    if block.get("type") == "tool_result":
        yield from shown("observation", text_of(block.get("content")))
        return
    text = text_of(block.get("text"))
    injected = line.get("isMeta") is True or line.get("isCompactSummary") is True or text.startswith(_INJECTED)
    yield from shown("other" if begun and injected else "task", text)


def _result_texts(lines: list[dict[str, Any]]) -> dict[str, str]:
    """Call id -> text of the call's result."""
    return {
        str(block.get("tool_use_id")): text_of(block.get("content"))
        for line in lines
        for block in map(dict_of, list_of(line["message"].get("content")))
        if block.get("type") == "tool_result"
    }


def _ran(result: str | None) -> bool | None:
    return None if result is None else not result.startswith(_DECLINED)
