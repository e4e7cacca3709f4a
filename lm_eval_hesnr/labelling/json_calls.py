"""Labels of tool calls written as JSON: keys, quotes and braces are markup, values are the action.

Covers the bare arguments of a native call, `{"name": ..., "arguments": {...}}` alone, in a list, inside
`<tool_call>` tags or in a fence, and arguments that are a JSON string themselves. A value is the action's by where it
stands: the tool's name is markup though an argument say the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from lm_eval_hesnr.labelling.argument_language import PROSE, SHELL_ARGUMENTS, language_of, language_of_word
from lm_eval_hesnr.labelling.code import label_code
from lm_eval_hesnr.labelling.escapes import json_string
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.trajectories.schema import Call
from lm_eval_hesnr.trajectories.tools import PROSE_TOOLS

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.DOTALL)
_MARK = re.compile(r"(?:<tool_call>|<function_call>|```(?:json|tool_call|tool_code)?)[ \t\r\n]*(?=[{\[])")
_GAP = re.compile(r"[ \t\r\n,:]*")
_NAMES = ("name", "tool", "tool_name", "function_name", "function")
"""Keys beside a call's arguments that name the tool."""
_NESTED = ("arguments", "parameters", "input", "params", "args")
"""Where a call's arguments may stand beside the tool's name, as an object or as a JSON string that spells one."""
_MAX_DEPTH = 4
_MAX_WORDS = 8
_DECODER = json.JSONDecoder(strict=False)


class Region(NamedTuple):
    """One JSON document in a text."""

    start: int
    end: int
    document: Any
    """An object or a list, decoded."""


def regions(text: str) -> list[Region]:
    """The JSON documents that an action's text is made of: the whole text, or one after each call's opening mark."""
    begin = len(text) - len(text.lstrip())
    if text.startswith(("{", "["), begin):
        whole = _document(text, begin)
        return [whole] if whole and not text[whole.end :].strip() else []
    found: list[Region] = []
    mark = _MARK.match(text, begin)
    while mark:
        document = _document(text, mark.end())
        if document is None:  # nor is looking on worth it: a failing parse costs the length of the text before it
            break
        found.append(document)
        mark = _MARK.search(text, document.end)
    return found


def label_document(text: str, region: Region, calls: Sequence[Call], labels: np.ndarray) -> None:
    """Label the values in one JSON document; the rest of `labels` is left as it is.

    Args:
        text: the action's text.
        region: where the document stands in it.
        calls: what the document means. What stands elsewhere than their arguments, such as the tool's name, is markup.
        labels: (characters,) of the whole text.
    """
    for place in _arguments(text, region, calls):
        literal = text[place.start + 1 : place.end - 1]
        inner = _document(place.value, 0) if place.is_nested and isinstance(place.value, str) else None
        if inner is None:
            _label_values(text, place, labels)
        else:  # arguments that are a JSON string themselves
            nested = np.full(len(place.value), Label.MARKUP, np.uint8)
            _label_values(place.value, _Place(inner.start, inner.end, "", inner.document, place.call), nested)
            json_string(literal).carry(nested, labels[place.start + 1 : place.end - 1])


class _Place(NamedTuple):
    """An argument of a call, or all of its arguments, as they stand in a text."""

    start: int
    end: int
    key: str
    """What it stands under; empty for all arguments together."""
    value: Any
    """What it decodes to."""
    call: Call
    is_nested: bool = False
    """Whether a JSON string here spells the call's arguments."""


def _arguments(text: str, region: Region, calls: Sequence[Call]) -> list[_Place]:
    """Where the calls' arguments stand in a document."""
    document = region.document
    if len(calls) == 1 and _is_bare(document, calls[0]):
        return [_Place(region.start, region.end, "", document, calls[0])]
    try:
        wrapped = _search(text, region.start, document, _named)
        if wrapped and len(wrapped) == len(calls):  # a reader may know more about a tool than its name tells
            return [place._replace(call=call) for place, call in zip(wrapped, calls, strict=True)]
        if wrapped:
            return wrapped
        if not calls:
            alone = Call("", document if isinstance(document, dict) else {}, None)
            return [_Place(region.start, region.end, "", document, alone)]
        return _search(text, region.start, document, lambda holder, key: _by_key(key, calls))
    except RecursionError:  # nested just as deep as can be read at all
        return []


def _is_bare(document: Any, call: Call) -> bool:
    """Whether a document is nothing but the call's arguments; a shell's command may have another name there."""
    if not isinstance(document, dict) or document.keys() - SHELL_ARGUMENTS != call.arguments.keys() - SHELL_ARGUMENTS:
        return False
    return _named(document, _argument_key(document)) is None or document == call.arguments


def _argument_key(holder: Any) -> str:
    return next((key for key in _NESTED if isinstance(holder, dict) and key in holder), "")


def _named(holder: Any, key: str) -> Call | None:
    """The call that an object `{"name": ..., "arguments": ...}` is, if its arguments stand under this key."""
    if not key or key != _argument_key(holder):
        return None
    tool = next((name for word in _NAMES if isinstance(name := holder.get(word), str)), None)
    arguments = holder[key]
    if isinstance(arguments, str):
        inner = _document(arguments, 0)
        arguments = inner.document if inner else {key: arguments}
    return Call(tool, arguments, None) if tool is not None and isinstance(arguments, dict) else None


def _by_key(key: str, calls: Sequence[Call]) -> Call | None:
    """The first of the calls that has an argument of this name."""
    shell = key in SHELL_ARGUMENTS
    return next((call for call in calls if key in call.arguments or (shell and call.tool == "bash")), None)


def _search(
    text: str, start: int, holder: Any, owner: Callable[[Any, str], Call | None], depth: int = _MAX_DEPTH
) -> list[_Place]:
    """The outermost values in the object or list at `start` that belong to a call, in order.

    Args:
        text: holds the valid document.
        start: of the object or list.
        holder: what it decodes to.
        owner: (object or list, key in it) to the call whose arguments stand there, if any do.
        depth: how far inside is looked; each level costs the length of the text.
    """
    found: list[_Place] = []
    for key, begin, end, value in _members(text, start):
        call = owner(holder, key)
        if call is not None:
            found.append(_Place(begin, end, key, value, call, owner is _named))
        elif depth and isinstance(value, (dict, list)):
            found += _search(text, begin, value, owner, depth - 1)
    return found


def _members(text: str, start: int) -> Iterator[tuple[str, int, int, Any]]:
    """(key, start, end, value) of each member of the valid object or list at `start`; in a list the key is empty."""
    position = _after_gap(text, start + 1)
    while text[position] not in "]}":
        key = ""
        if text[start] == "{":
            key, position = _DECODER.raw_decode(text, position)
            position = _after_gap(text, position)
        value, end = _DECODER.raw_decode(text, position)
        yield key, position, end, value
        position = _after_gap(text, end)


def _after_gap(text: str, position: int) -> int:
    gap = _GAP.match(text, position)
    return gap.end() if gap else position


def _label_values(text: str, place: _Place, labels: np.ndarray) -> None:
    """Label every scalar at a place as what it is of the call."""
    call = place.call
    for scalar in _scalars(text, place.start, place.end, place.key):
        onto = labels[scalar.start : scalar.end]
        if not scalar.quoted:
            onto[:] = Label.THOUGHT if call.tool in PROSE_TOOLS else Label.CODE
            continue
        decoded = json_string(text[scalar.start : scalar.end])
        language = language_of(call.tool, scalar.key, decoded.value, call.arguments)
        if scalar.before and language != PROSE:
            language = language_of_word(scalar.before) or language
        decoded.carry(label_code(decoded.value, language), onto)


class _Scalar(NamedTuple):
    """A string, number, true, false or null in a JSON text that is no key."""

    start: int
    end: int
    """Without the quotes."""
    quoted: bool
    key: str
    """The nearest key it stands under."""
    before: list[str]
    """Strings before it in the same list, as they are written, where these are the words of a command."""


def _scalars(text: str, start: int, end: int, key: str) -> Iterator[_Scalar]:
    """The scalars of a valid JSON value in order; `key` is what it stands under."""
    tokens = list(_TOKEN.finditer(text, start, end))
    keys: list[str] = []
    words: list[str] = []
    for i, token in enumerate(tokens):
        mark = text[token.start()]
        if mark in "{[":
            keys.append(key)
            words = []
        elif mark in "}]":
            key = keys.pop()
            words = []
        elif mark in ":,":
            continue
        elif mark != '"':
            yield _Scalar(token.start(), token.end(), False, key, [])
        elif i + 1 < len(tokens) and text[tokens[i + 1].start()] == ":":
            key = text[token.start() + 1 : token.end() - 1]
        else:
            a, b = token.start() + 1, token.end() - 1
            is_word = key in ("command", "cmd") and 0 < len(words) < _MAX_WORDS
            yield _Scalar(a, b, True, key, list(words) if is_word else [])
            if len(words) < _MAX_WORDS:
                words.append(text[a:b])


def _document(text: str, start: int) -> Region | None:
    """The object or list that begins at `start`, if it is valid JSON; control characters in strings are let pass."""
    if not text.startswith(("{", "["), start):
        return None
    try:
        document, end = _DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return Region(start, end, document)
