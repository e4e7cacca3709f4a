"""Parts of messages of Gemini's API, as Gemini CLI and Qwen Code store them: text, thoughts, calls, results.

A part is an object with one main key: `text`, `functionCall` or `functionResponse`. Text with `thought: true` is
reasoning. Other parts, such as images (`inlineData`), have no text: they are skipped and counted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from lm_eval_hesnr.trajectories.json_values import dict_of
from lm_eval_hesnr.trajectories.readers.segments import shown, thought, tool_call
from lm_eval_hesnr.trajectories.schema import Segment

_NOT_RUN = ("[Operation Cancelled]", "params must ", "params/")
"""Beginnings of results for calls that the user declined, or whose arguments were not valid."""
_REFUSALS = ("invalid_tool_params", "tool_not_registered", "policy_violation", "execution_denied")
"""Types of errors for calls that never ran."""


class Result(NamedTuple):
    """The result of a call."""

    text: str
    executed: bool | None


class FunctionCall(NamedTuple):
    """A `functionCall` part or its record in a session."""

    id: str
    name: str
    arguments: Any


def is_contents(value: Any) -> bool:
    """Whether a value is a chat of Gemini's API: a list of `{role, parts}` with at least one message of the model."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(turn, dict) and isinstance(turn.get("parts"), list) for turn in value)
        and any(turn.get("role") in ("model", "gemini") for turn in value)
    )


def parts_of(content: Any) -> list[dict[str, Any]]:
    """The parts of a content, which may be a string, one part, or a list of parts and strings."""
    listed = content if isinstance(content, list) else [content]
    return [{"text": part} if isinstance(part, str) else part for part in listed if isinstance(part, (str, dict))]


def call_of(part: dict[str, Any]) -> FunctionCall | None:
    """The call in a `functionCall` part; None for any other part."""
    function = part.get("functionCall")
    if not isinstance(function, dict):
        return None
    return FunctionCall(str(function.get("id") or ""), str(function.get("name")), function.get("args"))


def action(call: FunctionCall, executed: bool | None) -> Segment:
    """A call as an action. A call without arguments has the text `{}`."""
    return tool_call(call.name, {} if call.arguments is None else call.arguments, executed)


def reply_text(part: dict[str, Any], *, own_thoughts: bool, unknown: Counter[str]) -> Iterator[Segment]:
    """Yield a text of the model. Reasoning that is only a summary by the server is not `generated`."""
    text = part.get("text")
    if not isinstance(text, str):
        unknown[_kind(part)] += 1
    elif part.get("thought") is True and not own_thoughts:
        yield from shown("thought", text)
    else:
        yield from thought(text)


def result_of(parts: list[dict[str, Any]], status: Any = None, error: Any = None) -> Result:
    """The result in the parts of a message, with the texts beside it.

    Args:
        parts: the message's parts, one of them a `functionResponse`.
        status: the status of the call, such as `success`, `error` or `cancelled`; None if the file has none.
        error: the type of the error, if the file has it.
    """
    texts = [
        _response_text(part["functionResponse"]) if "functionResponse" in part else part.get("text") for part in parts
    ]
    text = "".join(t for t in texts if isinstance(t, str))
    if status == "cancelled" or (isinstance(error, str) and error in _REFUSALS) or _never_ran(text):
        return Result(text, False)
    return Result(text, True if parts or status in ("success", "error") else None)


def input_text(part: dict[str, Any], unknown: Counter[str]) -> str:
    """The text of a part that the model was shown. A part without text is counted and has an empty text."""
    text = part.get("text")
    if isinstance(text, str):
        return text
    unknown[_kind(part)] += 1
    return ""


def _response_text(response: Any) -> str:
    """What the model was shown: the output or the error; the JSON of any other response."""
    content = dict_of(dict_of(response).get("response"))
    for key in ("output", "error"):
        if isinstance(content.get(key), str):
            return str(content[key])
    return json.dumps(content, ensure_ascii=False) if content else ""


def _never_ran(text: str) -> bool:
    return text.startswith(_NOT_RUN) or (text.startswith('Tool "') and "not found" in text[:300])


def _kind(part: dict[str, Any]) -> str:
    """The main key of a part without text."""
    return str(next((key for key in part if key not in ("thought", "thoughtSignature")), "empty part"))[:40]
