"""The parts of a JSON text, with their positions: documents, members and scalars."""

from __future__ import annotations

import json
import re
from collections import ChainMap
from collections.abc import Iterator
from typing import Any, NamedTuple

from lm_eval_hesnr.trajectories.checked import encodable

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+', re.DOTALL)
_SEPARATORS = re.compile(r"[ \t\r\n,:]*")
_MAX_COMMAND_WORDS = 8
_MAX_OBJECTS = 4
"""For a text in an object, the path is searched in this many enclosing objects too."""
_MAX_NAME = 1000
"""Characters. A longer string is not a path."""
_DECODER = json.JSONDecoder(strict=False)


class JsonDocument(NamedTuple):
    """One JSON object or list in a text."""

    start: int
    end: int
    value: Any
    """The decoded object or list, without half surrogate pairs."""


def document_at(text: str, start: int) -> JsonDocument | None:
    """The object or list that begins at `start`, if it is valid JSON. Control characters in strings are allowed."""
    if not text.startswith(("{", "["), start):
        return None
    try:
        value, end = _DECODER.raw_decode(text, start)
        return JsonDocument(start, end, encodable(value))
    except (ValueError, RecursionError):
        return None


def members(text: str, start: int) -> Iterator[tuple[str, int, int, Any]]:
    """Yield (key, start, end, value) for each member of the valid object or list at `start`. A list has empty keys."""
    position = _skip_separators(text, start + 1)
    while text[position] not in "]}":
        key = ""
        if text[start] == "{":
            key, position = _DECODER.raw_decode(text, position)
            position = _skip_separators(text, position)
        value, end = _DECODER.raw_decode(text, position)
        yield key, position, end, encodable(value)
        position = _skip_separators(text, end)


def _skip_separators(text: str, position: int) -> int:
    """The first position from `position` on that is not whitespace, a comma or a colon."""
    separators = _SEPARATORS.match(text, position)
    return separators.end() if separators else position


class Scalar(NamedTuple):
    """A string, number, true, false or null in a JSON text. Keys are not included."""

    start: int
    end: int
    """For a string, `start` and `end` exclude the quotes."""
    quoted: bool
    key: str
    """The nearest key above it."""
    words_before: list[str]
    """For a word of a command that is a list: the strings before it in the list, with their escapes."""
    beside: ChainMap[str, str] | None
    """Key -> string, with escapes, for the object that contains the scalar and its enclosing objects. None if no object
    inside the value contains it. The mapping is complete after the last scalar."""


def scalars(text: str, start: int, end: int, key: str) -> Iterator[Scalar]:
    """The scalars of a valid JSON value, in order. `key` is the nearest key above the value."""
    tokens = list(_TOKEN.finditer(text, start, end))
    outer = text[start] in "{["  # the whole value is not one of the objects inside it
    keys: list[str] = []
    words: list[str] = []
    beside: list[ChainMap[str, str] | None] = []
    for i, token in enumerate(tokens):
        mark = text[token.start()]
        if mark in "{[":
            around = beside[-1] if beside else None
            is_inner = mark == "{" and len(beside) >= outer
            beside.append(_inside(around) if is_inner else around)
            keys.append(key)
            words = []
        elif mark in "}]":
            key = keys.pop()
            beside.pop()
            words = []
        elif mark in ":,":
            continue
        elif mark != '"':
            yield Scalar(token.start(), token.end(), False, key, [], None)
        elif i + 1 < len(tokens) and text[tokens[i + 1].start()] == ":":
            key = text[token.start() + 1 : token.end() - 1]
        else:
            begin, stop = token.start() + 1, token.end() - 1
            inner = beside[-1] if beside else None
            if inner is not None and stop - begin < _MAX_NAME:
                inner.maps[0].setdefault(key, text[begin:stop])
            is_word = key in ("command", "cmd") and 0 < len(words) < _MAX_COMMAND_WORDS
            yield Scalar(begin, stop, True, key, list(words) if is_word else [], inner)
            if len(words) < _MAX_COMMAND_WORDS:
                words.append(text[begin:stop])


def _inside(around: ChainMap[str, str] | None) -> ChainMap[str, str]:
    """The strings of an object inside others. Only the nearest `_MAX_OBJECTS` of these are kept."""
    return ChainMap({}, *(around.maps[:_MAX_OBJECTS] if around is not None else ()))
