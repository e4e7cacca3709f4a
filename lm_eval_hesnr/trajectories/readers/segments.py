"""Segments from the parts of a message: its text, its reasoning and its tool calls.

Each function is for one part. `thought` and `tool_call` are for what the model wrote, `shown` for everything else.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.schema import Call, Kind, Segment
from lm_eval_hesnr.trajectories.tools import command_argument, is_shell_wrapper


def thought(text: str, continues: bool = False) -> Iterator[Segment]:
    """Yield text of the model without a call. An empty text yields no segment."""
    if text:
        yield Segment("thought", text, generated=True, continues=continues)


def shown(kind: Kind, text: str) -> Iterator[Segment]:
    """Yield text that the model did not write. An empty text yields no segment."""
    if text:
        yield Segment(kind, text)


def tool_call(tool: str, arguments: Any, executed: bool | None) -> Segment:
    """Return a native tool call as an action. Its text is the arguments as the model wrote them.

    Agents refuse arguments that are not a JSON object. Such a text is a thought, not an action.
    """
    written = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    try:
        decoded = json.loads(written, strict=False)
    except (ValueError, RecursionError):
        decoded = None
    if not isinstance(decoded, dict):
        return Segment("thought", written, generated=True)
    return Segment("action", written, generated=True, calls=(call(tool, decoded, executed),))


def call(tool: str, arguments: dict[str, Any], executed: bool | None) -> Call:
    """Return a call under this package's names: the shell tool of every agent is `bash` with `command`."""
    name = command_argument(tool, arguments)
    if name is not None:
        command = _as_command(arguments[name])
        if isinstance(command, str):
            rest = {key: value for key, value in arguments.items() if key != name}
            return Call("bash", {"command": command, **rest}, executed)
    return Call(tool, arguments, executed)


def _as_command(value: Any) -> Any:
    """The command line of a list of words, such as Codex's ["bash", "-lc", "ls"]; any other value unchanged."""
    if not (isinstance(value, list) and value and all(isinstance(word, str) for word in value)):
        return value
    return value[2] if len(value) == 3 and is_shell_wrapper(value[:2]) else shlex.join(value)


def reasoning_of(message: dict[str, Any], text: str) -> str:
    """The reasoning stored next to a message's text; empty if the text repeats it, as in `<think>` tags."""
    reasoning = next((r for key in ("reasoning_content", "reasoning") if (r := text_of(message.get(key)))), "")
    blocks = list_of(message.get("thinking_blocks"))
    reasoning = reasoning or "".join(text_of(dict_of(block).get("thinking")) for block in blocks)
    return "" if reasoning.strip() in text else reasoning


def reasoning_item(item: dict[str, Any]) -> Iterator[Segment]:
    """Yield a reasoning item of the Responses API: its own text, otherwise its summary.

    Another model wrote the summary, so it is a thought that is not `generated`.
    """
    own = text_of(item.get("content"))
    yield from thought(own) if own else shown("thought", text_of(item.get("summary")))
