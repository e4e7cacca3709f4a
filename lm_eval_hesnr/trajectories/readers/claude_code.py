"""Claude Code session logs: a JSONL file of events, which together are one trajectory.

Text and thinking blocks are thoughts (thinking that the server summarised is not marked as such, and so is thought
too), `tool_use` blocks are actions; their input is kept as an object, so an action's text is that object written as
JSON. Tool results are lines of type `user`. Lines that only the program's screen or bookkeeping needs (summaries,
snapshots, system notices, `toolUseResult`) were never shown to the model and are left out, as are lines that a resumed
session repeats. What a sub-agent did (`isSidechain`) is left out of its parent's session and counted in `meta`; a file
that is all sidechain is that sub-agent's own trajectory. Text that the program puts into the conversation is `task`
before the model's first words and `other` later. The system prompt is not in the file, and nothing in it tells whether
the task was solved.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.readers.common import dict_of, list_of, shown, text_of, thought, tool_call
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory

FORMAT = "Claude Code session"

_ROLES = ("user", "assistant")
_SYNTHETIC = "<synthetic>"
"""The model that the program names where it speaks itself."""
_REFUSED = ("<tool_use_error>InputValidationError", "<tool_use_error>Error: No such tool available")
"""How the program begins to say that a call was none: wrong arguments or no such tool."""
_DECLINED = "The user doesn't want to proceed with this tool use"
_INJECTED = ("<command-", "<local-command-", "<system-reminder>", "<bash-", "Caveat: ", "[Request interrupted")


def is_event(data: Any) -> bool:
    """Whether one decoded line is of a session log."""
    if not isinstance(data, dict) or not isinstance(data.get("type"), str) or "payload" in data:
        return False
    if data["type"] in _ROLES:
        return isinstance(data.get("message"), dict) and ("sessionId" in data or "uuid" in data)
    return "sessionId" in data or "leafUuid" in data or ("snapshot" in data and "messageId" in data)


def detect(data: Any) -> bool:
    """A list of a session's lines, with at least one message."""
    return (
        isinstance(data, list)
        and bool(data)
        and all(is_event(line) for line in data)
        and any(line["type"] in _ROLES for line in data)
    )


def read(data: Any, path: Path) -> Trajectory:
    """The trajectory in one session's lines."""
    lines = [line for line in data if line["type"] in _ROLES]
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
    """Walk the lines; one reply of the model may be spread over several, each with some of its blocks."""
    results = _results(lines)
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
                yield from _heard(line, block, begun)
                continue
            part = ("block", str(message["id"]), json.dumps(block)) if message.get("id") else None
            if part in seen:  # streamed replies are logged again as they grow
                continue
            if part:
                seen.add(part)
            begun = True
            if message.get("model") == _SYNTHETIC or line.get("isApiErrorMessage") is True:
                yield from shown("other", text_of(block.get("text")))
            else:
                yield from _said(block, results)


def _said(block: dict[str, Any], results: dict[str, str]) -> Iterator[Segment]:
    """One block of the model's reply. Redacted thinking holds no text."""
    if block.get("type") == "tool_use":
        result = results.get(str(block.get("id")))
        action = tool_call(str(block.get("name")), block.get("input"), _ran(result))
        if result is not None and result.startswith(_REFUSED):
            yield from thought(action.text)
        else:
            yield action
    else:
        yield from thought(text_of(block.get("thinking")) or text_of(block.get("text")))


def _heard(line: dict[str, Any], block: dict[str, Any], begun: bool) -> Iterator[Segment]:
    """One block of a line of type `user`: a tool's result, the user's words, or what the program put there."""
    if block.get("type") == "tool_result":
        yield from shown("observation", text_of(block.get("content")))
        return
    text = text_of(block.get("text"))
    injected = line.get("isMeta") is True or line.get("isCompactSummary") is True or text.startswith(_INJECTED)
    yield from shown("other" if begun and injected else "task", text)


def _results(lines: list[dict[str, Any]]) -> dict[str, str]:
    """What each call was answered, by the call's id."""
    return {
        str(block.get("tool_use_id")): text_of(block.get("content"))
        for line in lines
        for block in map(dict_of, list_of(line["message"].get("content")))
        if block.get("type") == "tool_result"
    }


def _ran(result: str | None) -> bool | None:
    return None if result is None else not result.startswith(_DECLINED)
