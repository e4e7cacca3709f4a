"""Lines with a message of Anthropic's API, as Claude Code writes them: each line once, each block as a segment.

One reply may be several lines with the same `message.id`. While the reply grows, its lines repeat what was written
before. A resumed session writes its old lines again, sometimes under new uuids. These lines are repeats:

- a line with the uuid of an earlier line;
- a reply whose blocks are all in earlier lines of the same `message.id`;
- a result of a call that already has this result;
- the user's words, if the same words have the same timestamp;
- the user's words directly before or after a repeat, if the same words are in the same place next to its original.

If a block grows under one `message.id`, only its last state is read. A text is a later state of an earlier one if it is
not shorter and begins with at least half of the earlier one, because the end of a text may change while it grows.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from lm_eval_hesnr.trajectories.json_values import dict_of, text_of
from lm_eval_hesnr.trajectories.readers.segments import shown, thought, tool_call
from lm_eval_hesnr.trajectories.schema import Segment

MESSAGE_TYPES = ("user", "assistant")

_CALLS = ("tool_use", "server_tool_use", "mcp_tool_use")
_SYNTHETIC = "<synthetic>"
"""Model name of messages that the program wrote itself."""
_REFUSED = ("<tool_use_error>InputValidationError", "<tool_use_error>Error: No such tool available")
"""The beginnings of results for calls that were not valid: wrong arguments or an unknown tool."""
_DECLINED = (
    "The user doesn't want to proceed with this tool use",
    "The user doesn't want to take this action right now",
    "Claude requested permissions to ",
    "Permission to use ",
    "[Request interrupted by user for tool use]",
    "<tool_use_error>Cancelled: parallel tool call",
    "<tool_use_error>Sibling tool call errored",
)
"""The beginnings of results for calls that did not run."""
_INJECTED = ("<command-", "<local-command-", "<system-reminder>", "<bash-", "Caveat: ", "[Request interrupted")
_MARKS_OF_INJECTED = ("isMeta", "isCompactSummary", "isSynthetic")
_MARKS_OF_ERRORS = ("isApiErrorMessage", "is_api_error_message")


class _Part(NamedTuple):
    """One block of a message."""

    line: dict[str, Any]
    block: dict[str, Any]


def is_message(line: Any) -> bool:
    """Whether a line contains a message of the user or of the model, in the form of Anthropic's API."""
    if not isinstance(line, dict) or line.get("type") not in MESSAGE_TYPES or not isinstance(line.get("message"), dict):
        return False
    message = line["message"]
    return message.get("role", line["type"]) == line["type"] and isinstance(message.get("content"), (str, list))


def model_of(lines: list[dict[str, Any]]) -> str | None:
    """The first model that a message names."""
    named = (line["message"].get("model") for line in lines)
    return next((name for name in named if isinstance(name, str) and name not in ("", _SYNTHETIC)), None)


def message_segments(lines: list[dict[str, Any]], declined: Collection[str] = ()) -> Iterator[Segment]:
    """Yield the segments of all lines.

    Args:
        lines: lines of one agent for which `is_message` is true.
        declined: ids of calls that are known not to have run.
    """
    parts = _parts(_without_repeats(lines))
    results = {str(part.block.get("tool_use_id")): part.block for part in parts if _is_result(part.block)}
    begun = False
    for line, block in parts:
        if line["type"] == "user":
            yield from _user_block(line, block, begun)
            continue
        begun = True
        if line["message"].get("model") == _SYNTHETIC or any(line.get(mark) is True for mark in _MARKS_OF_ERRORS):
            yield from shown("other", text_of(block.get("text")))
        else:
            yield from _reply_block(block, results, declined)


def _reply_block(
    block: dict[str, Any], results: dict[str, dict[str, Any]], declined: Collection[str]
) -> Iterator[Segment]:
    """Yield one block of the model's reply. Redacted thinking has no text."""
    if block.get("type") in _CALLS:
        identity = str(block.get("id"))
        answer = results.get(identity)
        text = text_of(dict_of(answer).get("content"))
        executed = None if answer is None else not text.startswith(_DECLINED)
        action = tool_call(str(block.get("name")), block.get("input"), False if identity in declined else executed)
        if text.startswith(_REFUSED):
            yield from thought(action.text)
        else:
            yield action
    elif _is_result(block):  # of a tool that the server ran
        yield from shown("observation", text_of(block.get("content")))
    else:
        yield from thought(text_of(block.get("thinking")) or text_of(block.get("text")))


def _user_block(line: dict[str, Any], block: dict[str, Any], begun: bool) -> Iterator[Segment]:
    """Yield one block of a `user` line: a tool's result, the user's words, or text that the program added."""
    if _is_result(block):
        yield from shown("observation", text_of(block.get("content")))
        return
    text = text_of(block.get("text"))
    injected = any(line.get(mark) is True for mark in _MARKS_OF_INJECTED) or text.startswith(_INJECTED)
    yield from shown("other" if begun and injected else "task", text)


def _is_result(block: dict[str, Any]) -> bool:
    return str(block.get("type")).endswith("tool_result")


def _blocks(line: dict[str, Any]) -> list[dict[str, Any]]:
    """The blocks of a message. A plain text becomes a block of type text."""
    content = line["message"]["content"]
    blocks = [content] if isinstance(content, str) else content
    return [{"type": "text", "text": block} if isinstance(block, str) else dict_of(block) for block in blocks]


def _parts(lines: list[dict[str, Any]]) -> list[_Part]:
    """All blocks in order. A block of a reply that is written again, or that grows, occurs once."""
    parts: list[_Part] = []
    seen: set[tuple[str, str]] = set()
    places: dict[str, list[int]] = {}  # reply -> places of its blocks in `parts`
    calls: dict[tuple[str, str], int] = {}  # (reply, id of the call) -> place of the call in `parts`
    for line in lines:
        reply, blocks = _reply_id(line), _blocks(line)
        for i, block in enumerate(blocks):
            written, call = (reply, json.dumps(block)), (reply, _call_id(block))
            if reply and written in seen:
                continue
            seen.add(written)
            known = places.setdefault(reply, []) if reply else []
            nearest = i if len(blocks) > 1 else len(known) - 1  # a line has the reply so far, or only its next block
            earlier = calls.get(call) if reply and call[1] else None
            if earlier is None and 0 <= nearest < len(known) and _is_earlier_state(parts[known[nearest]].block, block):
                earlier = known[nearest]
            if earlier is None:
                known.append(len(parts))
                calls[call] = len(parts)
                parts.append(_Part(line, block))
            else:
                parts[earlier] = _Part(line, block)
    return parts


def _call_id(block: dict[str, Any]) -> str:
    """The id of a call; empty for any other block."""
    return str(block.get("id") or "") if block.get("type") in _CALLS else ""


def _is_earlier_state(block: dict[str, Any], later: dict[str, Any]) -> bool:
    """Whether a later block of a reply is the same block with more text, or with its end written in another way."""
    key = "thinking" if "thinking" in block else "text"
    before, after = text_of(block.get(key)), text_of(later.get(key))
    same_kind = block.get("type") == later.get("type") in ("text", "thinking")
    return same_kind and len(before) <= len(after) and after.startswith(before[: (len(before) + 1) // 2])


def _reply_id(line: dict[str, Any]) -> str:
    """The id of the reply that a line is part of; empty for a line of the user and for a reply without an id."""
    return str(line["message"].get("id") or "") if line["type"] == "assistant" else ""


def _without_repeats(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The lines without those that a resumed session wrote again."""
    uuids: set[str] = set()
    first: dict[tuple[str, ...], int] = {}
    originals: dict[int, int] = {}
    spare = _calls_by_id(lines)
    for i, line in enumerate(lines):
        marks = _marks(line)
        if str(line.get("uuid") or "") in uuids:
            originals[i] = i
        elif marks and all(mark in first and (mark[0] != "result" or spare[mark[1]] < 1) for mark in marks):
            originals[i] = first[marks[0]]
        else:
            spare.subtract(mark[1] for mark in marks if mark[0] == "result")
            for mark in marks:
                first.setdefault(mark, i)
        if line.get("uuid"):
            uuids.add(str(line["uuid"]))
    repeated = set(originals)
    words = [_blocks(line) if is_words(line) else None for line in lines]
    walked: set[tuple[int, int]] = set()
    for i, original in originals.items():
        for step in (-1, 1):
            repeated.update(_same_words(words, i + step, original + step, step, walked))
        if original == i - 1:  # each line is written twice in a row
            repeated.update(_same_words(words, i - 2, i - 3, -2, walked))
            repeated.update(_same_words(words, i + 2, i + 1, 2, walked))
    return [line for i, line in enumerate(lines) if i not in repeated]


def _same_words(
    words: list[list[dict[str, Any]] | None], i: int, earlier: int, step: int, walked: set[tuple[int, int]]
) -> Iterator[int]:
    """Yield `i`, `i + step`, ... as long as the user's words there equal those at `earlier`, `earlier + step`, ...

    Stops at a place that this step has reached before, so that the time for a whole session is linear.

    Args:
        words: for each line, the blocks of the user's words; None for any other line.
        i: where to begin.
        earlier: the place before `i` that may have the same words.
        step: the distance from one place to the next.
        walked: the places found so far, each with its step. This function adds to it.
    """
    while 0 <= earlier < i < len(words) and (i, step) not in walked:
        if words[i] is None or words[i] != words[earlier]:
            return
        walked.add((i, step))
        yield i
        i, earlier = i + step, earlier + step


def is_words(line: dict[str, Any]) -> bool:
    """Whether a message is from the user and contains no result of a call."""
    return line["type"] == "user" and not any(map(_is_result, _blocks(line)))


def _marks(line: dict[str, Any]) -> list[tuple[str, ...]]:
    """What identifies a line if it is written again under a new uuid; empty if nothing does."""
    blocks = _blocks(line)
    if line["type"] == "assistant":
        identity = _reply_id(line)
        return [("reply", identity, json.dumps(block)) for block in blocks] if identity else []
    if is_words(line):
        return [("words", line["timestamp"], json.dumps(blocks))] if isinstance(line.get("timestamp"), str) else []
    return [
        ("result", str(block.get("tool_use_id")), json.dumps(block.get("content")))
        for block in blocks
        if _is_result(block)
    ]


def _calls_by_id(lines: list[dict[str, Any]]) -> Counter[str]:
    """Call id -> how many results it may have: one, or more if several replies use the id."""
    calls = {
        (str(block.get("id")), _reply_id(line) or str(i))
        for i, line in enumerate(lines)
        if line["type"] == "assistant"
        for block in _blocks(line)
        if block.get("type") in _CALLS
    }
    return Counter(identity for identity, _ in calls)
