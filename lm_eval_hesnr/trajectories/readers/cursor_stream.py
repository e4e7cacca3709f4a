"""The output of Cursor's agent with `--output-format stream-json`: a line for each event, which together are one run.

The program prints these lines. The user or a harness saves them in any file. Session and messages look like those of
Claude Code's stream. Calls are lines of their own: `{"type": "tool_call", "subtype", "call_id", "tool_call"}`. Their
`tool_call` has one key such as `shellToolCall`, which contains `args` and later the `result`. A call is an action, and
its text is `args` as JSON. The call is placed where it started, and its result where it completed. The tool's name is
the key without `ToolCall`.

Pieces of thinking are one thought. Text may be printed in pieces and then again whole; the repetition is left out. A
run without calls and thinking looks like Claude Code's stream, and is read as such. Lines of unknown types are counted
in `meta`.

Lost: the system prompt, the outcome of the task, and the exact text of results that the model saw. The stream has only
the parts of a result.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, text_of
from lm_eval_hesnr.trajectories.readers.claude_messages import is_message
from lm_eval_hesnr.trajectories.readers.common import run_name, unknown_records
from lm_eval_hesnr.trajectories.readers.segments import shown, thought, tool_call
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory

FORMAT = "Cursor stream"

_TYPES = ("system", "user", "assistant", "thinking", "tool_call", "result", "interaction_query")
_ENDING = "ToolCall"
_REFUSED = ("rejected", "permissionDenied", "writePermissionDenied", "readPermissionDenied")
"""Keys of results for calls that did not run."""
_OUTPUTS = ("interleavedOutput", "stdout", "stderr", "content", "output", "reason", "error")
"""Keys of results with text that the model was shown."""


def is_event(data: Any) -> bool:
    """Whether one decoded line is of a kind that only this stream has: a call, or a piece of thinking."""
    if not isinstance(data, dict) or not isinstance(data.get("subtype"), str):
        return False
    if data.get("type") == "tool_call":
        return isinstance(data.get("tool_call"), dict)
    return data.get("type") == "thinking" and data["subtype"] in ("delta", "completed") and "message" not in data


def detect(data: Any) -> bool:
    """Whether the value is a list of a stream's lines, with at least one call or piece of thinking."""
    return isinstance(data, list) and any(map(is_event, data))


def read(data: list[Any], path: Path) -> Trajectory:
    """Return the trajectory of one stream's lines."""
    lines = [line for line in map(dict_of, data) if line.get("type") in _TYPES]
    sessions = (line.get("session_id") for line in lines)
    models = (line.get("model") for line in lines if line["type"] == "system")
    return Trajectory(
        id=next((name for name in sessions if isinstance(name, str)), run_name(path)),
        source="cursor-stream",
        resolved=None,
        model=next((name for name in models if isinstance(name, str)), None),
        segments=tuple(_segments(lines)),
        meta=unknown_records(line for line in data if dict_of(line).get("type") not in _TYPES),
    )


def _segments(lines: list[dict[str, Any]]) -> Iterator[Segment]:
    """Yield the segments of all lines."""
    results = {_call_id(line): _parts(line)[2] for line in lines if _is_end(line)}
    begun: set[str] = set()
    pieces: list[str] = []  # the model's texts since the last line of any other type
    n_chars = 0  # in all pieces
    for i, line in enumerate(lines):
        kind = line["type"]
        text = text_of(dict_of(line.get("message")).get("content")) if is_message(line) else ""
        if kind == "assistant":
            if len(text) != n_chars or text != "".join(pieces):
                pieces.append(text)
                n_chars += len(text)
                yield from thought(text)
            continue
        pieces, n_chars = [], 0
        if kind == "user":
            yield from shown("task", text)
        elif kind == "thinking" and (i == 0 or lines[i - 1]["type"] != "thinking"):
            yield from thought(_thinking(lines, i))
        elif kind == "tool_call":
            yield from _call(line, results, begun)


def _thinking(lines: list[dict[str, Any]], i: int) -> str:
    """The text of the pieces of thinking from line `i` on."""
    text = ""
    while i < len(lines) and lines[i]["type"] == "thinking":
        text += text_of(lines[i].get("text"))
        i += 1
    return text


def _call(line: dict[str, Any], results: dict[str, dict[str, Any]], begun: set[str]) -> Iterator[Segment]:
    """Yield a call at its first line, and its result at its last line."""
    identity = _call_id(line)
    name, arguments, result = _parts(line)
    if identity not in begun:
        begun.add(identity)
        answer = results.get(identity)
        executed = None if answer is None else set(_REFUSED).isdisjoint(answer)
        yield tool_call(name, arguments, executed)
    if _is_end(line):
        begun.discard(identity)
        yield from shown("observation", _output(result))


def _call_id(line: dict[str, Any]) -> str:
    return str(line.get("call_id"))


def _is_end(line: dict[str, Any]) -> bool:
    return line.get("type") == "tool_call" and line.get("subtype") == "completed"


def _parts(line: dict[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """(name, arguments, result) of a call's line."""
    held = dict_of(line.get("tool_call"))
    key = next((key for key in held if key.endswith(_ENDING)), next(iter(held), ""))
    content = dict_of(held.get(key))
    arguments = {name: value for name, value in dict_of(content.get("args")).items() if name != "toolCallId"}
    return key.removesuffix(_ENDING) or "unknown", arguments, dict_of(content.get("result"))


def _output(result: dict[str, Any]) -> str:
    """The text in a result; the result as JSON if it has none."""
    values = [text_of(value) for value in result.values()]
    values += [text_of(dict_of(value).get(key)) for value in result.values() for key in _OUTPUTS]
    return "".join(values) or (json.dumps(result, ensure_ascii=False) if result else "")
