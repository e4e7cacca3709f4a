"""The output of `codex exec --json`: a line for each event, which together are one run.

The program prints these lines. The user or a harness saves them in any file. An item of the conversation has up to
three kinds of lines: `item.started`, `item.updated` and `item.completed`. The item is placed where it started, with the
content of its last line. Its result is placed where it completed. The first releases have `item_type` and
`assistant_message`.

- `agent_message` is a thought. `reasoning` is a summary, which another model wrote: a thought that is not `generated`.
- `command_execution` is an action of the shell. Its text is the command line in the stream, in which Codex wrote
  `bash -lc` before the model's script. The call contains only the script.
- `file_change` is an action that is not `generated`: the stream names the changed files, but does not have the patch.
- `mcp_tool_call`, `web_search` and calls to other agents are actions; `todo_list` is a call of `update_plan` for each
  new state of the list. Their text is their arguments as JSON, under the names of the stream.
- Errors are `other`.

The threads of one file are runs of their own. Events and items of unknown types are counted in `meta`. Lost: the
instructions, the user's request, the model's name, patches, results of web searches, and the outcome of the task.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.readers.common import run_name, unknown_records
from lm_eval_hesnr.trajectories.readers.segments import shown, thought, tool_call
from lm_eval_hesnr.trajectories.schema import Call, Segment, Trajectory
from lm_eval_hesnr.trajectories.tools import is_shell_wrapper

FORMAT = "Codex exec stream"

_ITEM_EVENTS = ("item.started", "item.updated", "item.completed")
_OTHER_EVENTS = ("thread.started", "turn.started", "turn.completed", "turn.failed", "error", "session.created")
_MESSAGES = ("agent_message", "assistant_message")
_CALLS = ("command_execution", "file_change", "mcp_tool_call", "web_search", "todo_list", "collab_tool_call")
_ITEMS = (*_MESSAGES, *_CALLS, "reasoning", "error")
_RESULT = "result"
_DECLINED = ("exec command rejected by user", "rejected by user", "user rejected MCP tool call", "user cancelled MCP")
"""The beginnings of results for calls that the user did not allow."""


class _Step(NamedTuple):
    """An item, or the result of an item."""

    kind: str
    """The item's type, or `_RESULT`."""
    item: dict[str, Any]
    is_complete: bool


def is_event(data: Any) -> bool:
    """Whether one decoded line is from a stream."""
    if not isinstance(data, dict):
        return False
    kind = data.get("type")
    if kind in _ITEM_EVENTS:
        return bool(_kind(data.get("item")))
    return bool(_thread(data)) or (kind == "turn.failed" and isinstance(data.get("error"), dict))


def detect(data: Any) -> bool:
    """Whether the value is a list of a stream's lines, with at least one item of a known type."""
    return isinstance(data, list) and any(is_event(line) and _kind(line.get("item")) in _ITEMS for line in data)


def separate_runs(data: list[Any]) -> list[list[Any]]:
    """The lines of each thread. A resumed thread has the same id."""
    runs: dict[str, list[Any]] = {}
    thread = next((name for line in data if (name := _thread(line))), "")
    for line in data:
        thread = _thread(line) or thread
        runs.setdefault(thread, []).append(line)
    return [lines for lines in runs.values() if detect(lines)]


def read(data: list[Any], path: Path) -> Trajectory:
    """Return the trajectory of one thread's lines."""
    return Trajectory(
        id=next((name for line in data if (name := _thread(line))), run_name(path)),
        source="codex-exec",
        resolved=None,
        model=None,
        segments=tuple(_segments(data)),
        meta=unknown_records(_unknown(data)),
    )


def _kind(item: Any) -> str:
    """The type of an item; empty if it has none."""
    kind = dict_of(item).get("type") or dict_of(item).get("item_type")
    return kind if isinstance(kind, str) else ""


def _thread(line: Any) -> str:
    """The id in the line that begins a thread; empty for any other line."""
    begins = dict_of(line).get("type") in ("thread.started", "session.created")
    name = (line.get("thread_id") or line.get("session_id")) if begins else ""
    return name if isinstance(name, str) else ""


def _unknown(lines: list[Any]) -> Iterator[Any]:
    """Yield the events and items that are skipped because their type is not known."""
    for line in map(dict_of, lines):
        if line.get("type") not in (*_ITEM_EVENTS, *_OTHER_EVENTS):
            yield line
        elif line["type"] in _ITEM_EVENTS and _kind(line.get("item")) not in _ITEMS:
            yield {"type": _kind(line.get("item")) or None}


def _segments(lines: list[Any]) -> Iterator[Segment]:
    """Yield the segments of all items."""
    for kind, item, is_complete in _steps(lines):
        if kind == _RESULT:
            yield from shown("observation", _result(item))
        elif kind in _MESSAGES:
            yield from thought(text_of(item.get("text")))
        elif kind == "reasoning":
            yield from shown("thought", text_of(item.get("text")))
        elif kind in _CALLS:
            yield _action(kind, item, _executed(item, is_complete))
        else:
            yield from shown("other", text_of(item.get("message")))


def _steps(lines: list[Any]) -> list[_Step]:
    """The items, each placed where it began, with the content of its last line; each result where the item completed.

    Each change of a list of tasks is a new item. The next process of a thread uses the same ids again.
    """
    steps: list[_Step] = []
    running: dict[tuple[str, str], int] = {}
    for line in map(dict_of, lines):
        item, kind = dict_of(line.get("item")), _kind(line.get("item"))
        if line.get("type") in ("error", "turn.failed"):
            steps.append(_Step("error", dict_of(line.get("error")) or line, True))
        if line.get("type") not in _ITEM_EVENTS or kind not in _ITEMS:
            continue
        identity = (kind, str(item.get("id")))
        begun = running.get(identity)
        if begun is None or (kind == "todo_list" and steps[begun].item.get("items") != item.get("items")):
            begun = running[identity] = len(steps)
            steps.append(_Step(kind, item, False))
        is_complete = line["type"] == "item.completed"
        steps[begun] = _Step(kind, item, is_complete)
        if is_complete:
            del running[identity]
            steps.append(_Step(_RESULT, item, True))
    return steps


def _action(kind: str, item: dict[str, Any], executed: bool | None) -> Segment:
    """Return a call that the model made, as the stream shows it."""
    if kind == "command_execution":
        line = text_of(item.get("command"))
        return Segment("action", line, generated=True, calls=(Call("bash", {"command": _script(line)}, executed),))
    if kind == "file_change":
        changes = {"changes": list_of(item.get("changes"))}
        return Segment("action", json.dumps(changes, ensure_ascii=False), calls=(Call(kind, changes, executed),))
    if kind == "mcp_tool_call":
        return tool_call(f"mcp__{item.get('server')}__{item.get('tool')}", item.get("arguments") or {}, executed)
    if kind == "todo_list":
        return tool_call("update_plan", {"items": list_of(item.get("items"))}, True)
    if kind == "web_search":
        return tool_call(kind, {"query": text_of(item.get("query"))}, executed)
    return tool_call(str(item.get("tool")), {"prompt": text_of(item.get("prompt"))}, executed)


def _executed(item: dict[str, Any], is_complete: bool) -> bool | None:
    """Whether a call ran: None if the stream ends before it completed."""
    if item.get("status") == "declined" or _result(item).startswith(_DECLINED):
        return False
    return True if is_complete else None


def _script(line: str) -> str:
    """The script of a command line `bash -lc SCRIPT`; any other command line unchanged."""
    try:
        words = shlex.split(line)
    except ValueError:
        return line
    return words[2] if len(words) == 3 and is_shell_wrapper(words[:2]) else line


def _result(item: dict[str, Any]) -> str:
    """The text that the model was shown after a call; empty if the stream does not have it."""
    if _kind(item) == "command_execution":
        return text_of(item.get("aggregated_output"))
    if _kind(item) != "mcp_tool_call":
        return ""
    return text_of(dict_of(item.get("result")).get("content")) or text_of(dict_of(item.get("error")).get("message"))
