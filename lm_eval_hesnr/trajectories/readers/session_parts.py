"""A coding agent's session as parts, and the parts as segments; for readers of session files.

Each agent has its own records, but all contain the same parts: instructions, the user's words, text, reasoning and
calls of the model, and results. A reader converts its records to parts. `session_segments` converts the parts to
segments. It finds out which calls ran, and when the model began.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, NamedTuple

from lm_eval_hesnr.trajectories.json_values import dict_of, text_of
from lm_eval_hesnr.trajectories.readers.common import NoReplyError
from lm_eval_hesnr.trajectories.readers.segments import call, shown, thought, tool_call
from lm_eval_hesnr.trajectories.schema import Segment

PartKind = Literal["system", "task", "added", "reply", "thought", "summary", "call", "result", "other"]
"""Kinds of parts. `added` is text that the program adds in the user's name: it is task before the first reply and
`other` after it. `system` is system text before the first reply and `other` after it. `summary` is reasoning that
another model summarised. `reply` has no text: results after it belong to calls after it."""

_GENERATED = ("thought", "summary", "call")
_CALLS = {"tool_use": "input", "tool_call": "input", "toolCall": "arguments"}
"""Types of content blocks that are calls, with the key of the arguments."""
_RESULTS = ("tool_result", "tool-result")
_WITHOUT_TEXT = ("image", "document", "redacted_thinking")
"""Known types of content blocks without text to read."""


class Part(NamedTuple):
    """One part of a session, as one author wrote it."""

    kind: PartKind
    text: str = ""
    """The text; empty for a call."""
    id: str = ""
    """The id of a call, or of the call that a result answers; empty if the file has no ids."""
    tool: str = ""
    arguments: Any = None
    """Of a call, as in the file: an object, or JSON text."""
    ran: bool = True
    """Of a result: False if it says that the call was refused, cancelled or not valid."""


def is_session(records: Any, is_event: Callable[[Any], bool]) -> bool:
    """Whether a value is a list of records of which at least half are events of one format.

    The others are of types that the reader does not know. It skips and counts them.
    """
    if not isinstance(records, list) or not records:
        return False
    return 2 * sum(map(is_event, records)) >= len(records)


def content_parts(content: Any, generated: bool, added: tuple[str, ...], unknown: Counter[str]) -> Iterator[Part]:
    """Yield the parts of one message whose content is text, or a list of blocks as in Anthropic's API.

    Args:
        content: the value of the message's key `content`.
        generated: whether the model wrote the message. Otherwise it is in the user's name.
        added: the beginnings of texts in the user's name that the program added.
        unknown: counts the blocks of unknown types, which are skipped.
    """
    for block in content if isinstance(content, list) else [content]:
        block = block if isinstance(block, dict) else {"type": "text", "text": block}
        kind = str(block.get("type"))
        if kind in _CALLS and generated:
            yield Part("call", id=id_of(block, "id"), tool=str(block.get("name")), arguments=block.get(_CALLS[kind]))
        elif kind in _RESULTS:
            yield Part("result", text_of(block.get("content")), id_of(block, "tool_use_id"))
        elif kind == "thinking" and generated:
            yield Part("thought", text_of(block.get("thinking")))
        elif kind == "text":
            text = text_of(block.get("text"))
            yield Part("thought" if generated else "added" if text.startswith(added) else "task", text)
        elif kind not in _WITHOUT_TEXT:
            unknown[kind[:80]] += 1


def id_of(record: dict[str, Any], *keys: str) -> str:
    """The first id under one of the keys; empty if there is no such key."""
    return str(next((record[key] for key in keys if record.get(key)), ""))


def session_segments(parts: Iterable[Part]) -> tuple[Segment, ...]:
    """Return the segments of a session; only calls may be empty. Raises NoReplyError if the model wrote nothing."""
    listed = list(parts)
    if not any(part.kind == "call" or (part.kind in _GENERATED and part.text) for part in listed):
        raise NoReplyError
    return tuple(_segments(listed))


def _segments(parts: list[Part]) -> Iterator[Segment]:
    executed = _executed(parts)
    begun = False
    for i, part in enumerate(parts):
        if part.kind == "reply":
            continue
        begun = begun or part.kind in _GENERATED
        if part.kind == "call":
            yield _action(part, executed.get(i))
        elif part.kind == "thought":
            yield from thought(part.text)
        elif part.kind == "summary":
            yield from shown("thought", part.text)
        elif part.kind == "result":
            yield from shown("observation", part.text)
        elif part.kind in ("added", "system") and begun:
            yield from shown("other", part.text)
        else:
            yield from shown("task" if part.kind == "added" else part.kind, part.text)


def _action(part: Part, executed: bool | None) -> Segment:
    """The call as an action. A call without arguments has no text."""
    if part.arguments in (None, ""):
        return Segment("action", "", generated=True, calls=(call(part.tool, {}, executed),))
    return tool_call(part.tool, part.arguments, executed)


def _executed(parts: list[Part]) -> dict[int, bool]:
    """Index of each call that has a result -> whether the call ran.

    A result belongs to the call with its id. Without ids, the results before the next reply belong to the calls before
    them in order, if there are enough results.
    """
    n_calls = Counter(part.id for part in parts if part.kind == "call" and part.id)
    ran_by_id = {part.id: part.ran for part in parts if part.kind == "result" and part.id}
    executed: dict[int, bool] = {}
    calls: list[int] = []
    results: list[bool] = []
    for i, part in enumerate([*parts, Part("thought")]):
        if part.kind in ("task", "reply") or (part.kind in _GENERATED and results):
            executed.update(zip(calls, results, strict=False) if len(results) >= len(calls) else ())
            calls, results = [], []
        if part.kind == "call" and n_calls[part.id] == 1 and part.id in ran_by_id:
            executed[i] = ran_by_id[part.id]
        elif part.kind == "call" and (not part.id or n_calls[part.id] > 1):
            calls.append(i)
        elif part.kind == "result" and n_calls[part.id] != 1:
            results.append(part.ran)
    return executed


def message_of(record: dict[str, Any]) -> dict[str, Any]:
    """The record's message; empty if it has none."""
    return dict_of(record.get("message"))
