"""Items of OpenAI's Responses API: a list of messages, reasoning, calls and their outputs.

The items are a bare list, or the lines of a file, or under `input` (the request) and `output` (the response) of one
object. Input items without a `type` are messages too. A call ran if an output has its `call_id`.

Before the model's first item, instructions are `system` and the user's messages are `task`. Later, both are `other`.
Reasoning is stored encrypted. If its text is stored too, it is a thought. A summary comes from another model and is a
thought that is not `generated`. Items that the server ran itself, such as web searches, are left out and counted in
`meta`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.readers.common import meta_of, run_name
from lm_eval_hesnr.trajectories.readers.segments import reasoning_item, shown, thought, tool_call
from lm_eval_hesnr.trajectories.schema import Call, Kind, Segment, Trajectory

FORMAT = "OpenAI Responses items"

_CALLS = ("function_call", "custom_tool_call", "local_shell_call", "shell_call", "apply_patch_call")
_OUTPUTS = tuple(f"{kind}_output" for kind in _CALLS)
_OWN_TYPES = frozenset({"reasoning", *_CALLS, *_OUTPUTS})
"""Types that only this API has. `message` is not one of them."""
_TEXT_PARTS = (["input_text"], ["output_text"])
_PEEK = 20


def is_event(data: Any) -> bool:
    """Whether a record is a call, output or message in this API's own form. A file of such lines is one run."""
    if not _is_item(data):
        return False
    parts = [str(dict_of(part).get("type")) for part in list_of(data.get("content"))]
    return data.get("type") in (*_CALLS, *_OUTPUTS) or (_kind(data) == "message" and parts[:1] in _TEXT_PARTS)


def detect(data: Any) -> bool:
    """Whether the value is a list of items, or an object with such lists."""
    items = _items(data)
    if not items or not all(_is_item(item) for item in items[:_PEEK]):
        return False
    has_own = any(item.get("type") in _OWN_TYPES for item in items[:_PEEK])
    return has_own or (isinstance(data, dict) and data.get("object") == "response")


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one list of items. Raises ValueError for an item that is not an object."""
    items, whole = _items(data), dict_of(data)
    for i, item in enumerate(items):
        if not isinstance(item, dict):
            raise ValueError(f"item {i} should be an object, found {item!r:.40}")
    unknown = Counter(kind for item in items if (kind := _kind(item)) not in {"message", *_OWN_TYPES})
    model, identity = whole.get("model"), whole.get("id")
    return Trajectory(
        id=identity if isinstance(identity, str) and identity else run_name(path),
        source="openai-responses",
        resolved=None,
        model=model if isinstance(model, str) and model else None,
        segments=tuple(_segments(items, text_of(whole.get("instructions")))),
        meta=meta_of(unknown),
    )


def _items(data: Any) -> list[Any]:
    if isinstance(data, list):
        return data
    whole = dict_of(data)
    before = whole.get("input")
    asked = [{"type": "message", "role": "user", "content": before}] if isinstance(before, str) else list_of(before)
    return [*asked, *list_of(whole.get("output"))]


def _kind(item: dict[str, Any]) -> str:
    return str(item.get("type") or ("message" if "role" in item else ""))


def _is_item(item: Any) -> bool:
    if not isinstance(item, dict) or not isinstance(item.get("type", ""), str) or "payload" in item:
        return False
    kind = _kind(item)
    if kind == "message":
        return isinstance(item.get("role"), str) and "content" in item
    if kind == "reasoning":
        return isinstance(item.get("summary"), list) or isinstance(item.get("content"), list)
    if kind in (*_CALLS, *_OUTPUTS):
        return isinstance(item.get("call_id"), str)
    return kind.endswith(("_call", "_call_output"))


def _segments(items: list[dict[str, Any]], instructions: str) -> Iterator[Segment]:
    answered = {str(item.get("call_id")) for item in items if _kind(item) in _OUTPUTS}
    yield from shown("system", instructions)
    begun = False
    for item in items:
        kind = _kind(item)
        if kind in _OUTPUTS:
            yield from shown("observation", _output(item.get("output")))
        elif kind == "message" and item.get("role") != "assistant":
            kind_before: Kind = "task" if item.get("role") == "user" else "system"
            yield from shown("other" if begun else kind_before, text_of(item.get("content")))
        elif kind in ("message", "reasoning", *_CALLS):
            begun = True
            yield from _reply_item(item, kind, True if str(item.get("call_id")) in answered else None)


def _reply_item(item: dict[str, Any], kind: str, executed: bool | None) -> Iterator[Segment]:
    """Yield one item that the model wrote."""
    if kind == "message":
        refusals = (text_of(dict_of(part).get("refusal")) for part in list_of(item.get("content")))
        yield from thought(text_of(item.get("content")) or "".join(refusals))
    elif kind == "reasoning":
        yield from reasoning_item(item)
    elif kind == "function_call":
        yield tool_call(str(item.get("name")), item.get("arguments"), executed)
    elif kind == "custom_tool_call":
        text = text_of(item.get("input"))
        if text:
            yield Segment("action", text, True, (Call(str(item.get("name")), {"input": text}, executed),))
    else:
        action = dict_of(item.get("action") or item.get("operation"))
        is_patch = kind == "apply_patch_call"
        arguments = {key: value for key, value in action.items() if value is not None and (is_patch or key != "type")}
        yield tool_call("apply_patch" if is_patch else "shell", arguments, executed)


def _output(output: Any) -> str:
    """The text that the model was shown: the output itself, or the text parts of a list."""
    parts = [dict_of(part) for part in list_of(output)]
    streams = "".join(text_of(part.get("stdout")) + text_of(part.get("stderr")) for part in parts)
    return text_of(output) or streams
