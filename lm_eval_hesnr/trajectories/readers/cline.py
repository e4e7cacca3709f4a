"""Cline and Roo Code: `api_conversation_history.json`, a list of Anthropic messages.

The file is in `<editor>/User/globalStorage/<extension>/tasks/<task id>/`. Calls are tags in the text, see `tool_tags`;
newer versions use native `tool_use` blocks. The run's id is the name of the task's folder.

The program puts several texts into one user message. A block that begins with `[<tool> for '...'] Result:` is an
observation, and so are the blocks after it. `<environment_details>`, errors and notes of the program are `other`.
`<task>`, `<feedback>` and `<user_message>` contain the user's words, which are `task`. If the program stopped a reply,
it appended a note to it: the note is `other`.

A call ran if a result with its tool's name follows. It did not run if the result says that the user denied it, or that
another tool was used before. The file has neither the system prompt nor the outcome.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.readers.common import run_name
from lm_eval_hesnr.trajectories.readers.found_calls import Found, split_at_calls
from lm_eval_hesnr.trajectories.readers.segments import shown, thought, tool_call
from lm_eval_hesnr.trajectories.readers.tool_tags import tool_tags
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory

FORMAT = "Cline and Roo Code conversations"

_FILE_NAME = "api_conversation_history"
_USER_MARKS = ("<task>", "<feedback>", "<user_message>")
_DETAILS = "<environment_details>"
_RESULT = re.compile(r"\[(\w{1,60})[^\n]{0,2000}?\] Result:")
_DENIED = ("The user denied this operation", "The user rejected this operation")
_NOT_RUN = re.compile(r"Tool \[(\w{1,60})[^\n]{0,2000}?\] was not executed|Skipping tool \[(\w{1,60})")
_NO_TOOL = "[ERROR] You did not use a tool"
_STOPPED = re.compile(r"\s*\[Response interrupted by [^\]\n]*\]\s*\Z")
_MODEL = re.compile(r"<model>([^<>\n]{1,200})</model>")


_Results = dict[str, deque[bool]]
"""Whether each answered call ran, in order. Key: the id of a native call, or the tool's name for a call in the text."""


def detect(data: Any) -> bool:
    """Whether the value is a list of messages that begins like every conversation of these programs.

    It begins with the task. One of the first two user messages has details of the editor, or the result of a call.
    """
    if not isinstance(data, list) or not data or not all(isinstance(row, dict) for row in data[:3]):
        return False
    if data[0].get("role") != "user" or any(row.get("role") not in ("user", "assistant") for row in data[:3]):
        return False
    first = _block_texts(data[0])
    has_task = any(text.lstrip().startswith(_USER_MARKS) for text in first)
    texts = [text for row in data[:3:2] for text in _block_texts(row)]
    return has_task and any(_DETAILS in text or _RESULT.match(text) for text in texts)


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one conversation. Raises ValueError that names a malformed message."""
    for i, row in enumerate(data):
        if not isinstance(row, dict) or row.get("role") not in ("user", "assistant"):
            raise ValueError(f"message {i} should be an object with role user or assistant, found {row!r:.60}")
    name = run_name(path)
    return Trajectory(
        id=path.parent.name if name == _FILE_NAME and path.parent.name else name,
        source="cline",
        resolved=None,
        model=_model(data),
        segments=tuple(_segments(data)),
    )


def _segments(rows: list[dict[str, Any]]) -> Iterator[Segment]:
    begun = False
    for i, row in enumerate(rows):
        if row["role"] == "user":
            yield from _user_message(row, begun)
        else:
            begun = True
            yield from _reply(row, rows[i + 1] if i + 1 < len(rows) else {})


def _user_message(row: dict[str, Any], begun: bool) -> Iterator[Segment]:
    """Yield the blocks of a user message. Everything before the first reply is the task."""
    is_result = False
    for block in _blocks(row):
        if block.get("type") == "tool_result":
            yield from shown("observation", text_of(block.get("content")))
            continue
        text = text_of(block.get("text"))
        is_details = text.lstrip().startswith(_DETAILS)
        is_result = is_result or _RESULT.match(text) is not None
        if not begun or text.lstrip().startswith(_USER_MARKS):
            yield from shown("task", text)
        else:
            yield from shown("observation" if is_result and not is_details else "other", text)


def _reply(row: dict[str, Any], answer: dict[str, Any]) -> Iterator[Segment]:
    """Yield the blocks of a reply in order. `answer` is the user message after it."""
    results = _results(answer)
    refused = any(text.startswith(_NO_TOOL) for text in _block_texts(answer))
    for block in _blocks(row):
        kind = block.get("type")
        if kind == "tool_use":
            yield tool_call(str(block.get("name")), block.get("input"), _next(results, str(block.get("id"))))
        elif kind in ("thinking", "reasoning"):
            yield from thought(text_of(block.get("thinking")) or text_of(block.get("text")))
        else:
            text = text_of(block.get("text"))
            stopped = _STOPPED.search(text[-300:])
            end = len(text) - len(stopped[0]) if stopped else len(text)
            yield from _text_block(text[:end], results, refused)
            yield from shown("other", text[end:])


def _text_block(text: str, results: _Results, refused: bool) -> Iterator[Segment]:
    """Yield text with its calls. A call gets the first result of its tool that is not used yet."""
    found = []
    for start, end, calls in [] if refused else tool_tags(text, None):
        executed = _next(results, text[start + 1 : text.index(">", start)])
        found.append(Found(start, end, tuple(replace(one, executed=executed) for one in calls)))
    yield from split_at_calls(text, found)


def _next(results: _Results, key: str) -> bool | None:
    left = results.get(key)
    return left.popleft() if left else None


def _results(answer: dict[str, Any]) -> _Results:
    """The results in a user message."""
    results: _Results = {}
    last: deque[bool] | None = None
    for block in _blocks(answer) if answer.get("role") == "user" else []:
        text = text_of(block.get("text"))
        if block.get("type") == "tool_result":
            denied = _says_denied(text_of(block.get("content")))
            results.setdefault(str(block.get("tool_use_id")), deque()).append(not denied)
        elif header := _RESULT.match(text):
            last = results.setdefault(header[1], deque())
            last.append(not _says_denied(text[header.end() :]))
        elif last and _says_denied(text):  # the result's text may be a block of its own
            last[-1] = False
        elif skipped := _NOT_RUN.match(text):
            results.setdefault(skipped[1] or skipped[2], deque()).append(False)
    return results


def _says_denied(result: str) -> bool:
    """Whether a result says that the user denied the call: as text, or in JSON."""
    return any(mark in result[:120] for mark in _DENIED)


def _model(rows: list[dict[str, Any]]) -> str | None:
    """The first model that a reply names, otherwise the first model in Roo Code's environment details."""
    for row in rows:
        model = dict_of(row.get("modelInfo")).get("modelId")
        if isinstance(model, str) and model:
            return model
    named = (_MODEL.search(text) for row in rows if row["role"] == "user" for text in _block_texts(row))
    return next((match[1] for match in named if match), None)


def _blocks(row: dict[str, Any]) -> list[dict[str, Any]]:
    content = row.get("content")
    return [{"type": "text", "text": content}] if isinstance(content, str) else [dict_of(b) for b in list_of(content)]


def _block_texts(row: dict[str, Any]) -> list[str]:
    return [text_of(block.get("text")) for block in _blocks(row)]
