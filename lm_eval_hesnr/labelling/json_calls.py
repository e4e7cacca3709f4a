"""Labels of tool calls written as JSON: keys, quotes and braces are markup, values are the action.

These forms are covered: the arguments of a native call alone; `{"name": ..., "arguments": {...}}` alone, in a list,
inside `<tool_call>` tags or in a fence; and arguments that are themselves a JSON string. The position of a value
decides: the name of the tool is markup, even if an argument has the same text.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from lm_eval_hesnr.labelling.argument_language import PROSE, language_of, language_of_word, shell_wrapper
from lm_eval_hesnr.labelling.budget import Budget
from lm_eval_hesnr.labelling.code import label_code
from lm_eval_hesnr.labelling.escapes import json_string
from lm_eval_hesnr.labelling.json_positions import JsonDocument, document_at, members, scalars
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.trajectories.schema import Call
from lm_eval_hesnr.trajectories.tools import content_of, is_command

_CALL_MARK = re.compile(r"(?:<tool_call>|<function_call>|```(?:json|tool_call|tool_code)?)[ \t\r\n]*(?=[{\[])")
_TOOL_NAME_KEYS = ("name", "tool", "tool_name", "function_name", "function")
"""Keys that contain the name of the tool. They are in the same object as the arguments."""
_ARGUMENTS_KEYS = ("arguments", "parameters", "input", "params", "args")
"""Keys that contain the arguments of a call, as an object or as a JSON string of one."""
_MAX_SEARCH_DEPTH = 4


def json_documents(text: str) -> list[JsonDocument]:
    """The JSON documents of an action: its whole text, or one document after each mark that opens a call."""
    begin = len(text) - len(text.lstrip())
    if text.startswith(("{", "["), begin):
        whole = document_at(text, begin)
        return [whole] if whole and not text[whole.end :].strip() else []
    found: list[JsonDocument] = []
    mark = _CALL_MARK.match(text, begin)
    while mark:
        document = document_at(text, mark.end())
        if document is None:  # stop, because each failing parse takes time in proportion to the text before it
            break
        found.append(document)
        mark = _CALL_MARK.search(text, document.end)
    return found


def label_documents(
    text: str, documents: Sequence[JsonDocument], calls: Sequence[Call], labels: np.ndarray, budget: Budget
) -> None:
    """Write the labels of the arguments in JSON documents into `labels`. Other labels do not change.

    Args:
        text: the text of the action.
        documents: the documents in this text.
        calls: the calls that the documents contain.
        labels: (characters,) of the whole text.
        budget: what may still be spent on the action.
    """
    all_calls = _Calls(calls)
    for i, document in enumerate(documents):
        own = _Calls(calls[i : i + 1]) if len(documents) == len(calls) else all_calls
        _label_document(text, document, own, labels, budget)


class _Calls:
    """Calls, and the first of them that has an argument of a name."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self.calls = calls
        self._first: dict[str, int] = {}
        for i, call in enumerate(calls):
            for name in call.arguments:
                self._first.setdefault(name, i)
        self._first_shell = next((i for i, call in enumerate(calls) if call.tool == "bash"), len(calls))

    def with_argument(self, key: str) -> Call | None:
        """The first call that has an argument of this name. The argument of a shell may have another name."""
        i = min(self._first.get(key, len(self.calls)), self._first_shell if is_command(key) else len(self.calls))
        return self.calls[i] if i < len(self.calls) else None


def _label_document(text: str, document: JsonDocument, calls: _Calls, labels: np.ndarray, budget: Budget) -> None:
    for span in _argument_spans(text, document, calls, budget):
        inner = document_at(span.value, 0) if span.may_be_json_string and isinstance(span.value, str) else None
        if inner is None:
            _label_scalars(text, span, labels, budget)
        else:  # the arguments are a JSON string
            inner_labels = np.full(len(span.value), Label.MARKUP, np.uint8)
            inner_span = _ArgumentSpan(inner.start, inner.end, "", inner.value, span.call)
            _label_scalars(span.value, inner_span, inner_labels, budget)
            inside_quotes = slice(span.start + 1, span.end - 1)
            json_string(text[inside_quotes]).copy_labels(inner_labels, labels[inside_quotes])


class _ArgumentSpan(NamedTuple):
    """The position in a text of one argument of a call, or of all its arguments."""

    start: int
    end: int
    key: str
    """Key of the argument; empty for all arguments together."""
    value: Any
    """The decoded value."""
    call: Call
    may_be_json_string: bool = False
    """Whether a string here is read as a JSON document that contains the arguments."""


def _argument_spans(text: str, document: JsonDocument, of: _Calls, budget: Budget) -> list[_ArgumentSpan]:
    """The positions of the calls' arguments in a document."""
    (start, end, value), calls = document, of.calls
    if len(calls) == 1 and budget.look_up(calls[0].arguments) and _is_bare(value, calls[0]):
        return [_ArgumentSpan(start, end, "", value, calls[0])]
    try:
        named = _search(text, start, value, _named_call)
        if named and len(named) == len(calls):  # a reader may know more about a call than its text shows
            return [span._replace(call=call) for span, call in zip(named, calls, strict=True)]
        if named:
            return named
        if not calls:
            unknown = Call("", value if isinstance(value, dict) else {}, None)
            return [_ArgumentSpan(start, end, "", value, unknown)]
        return _search(text, start, value, lambda parent, key: of.with_argument(key))
    except RecursionError:  # the decoder can read deeper nesting than this search
        return []


def _is_bare(value: Any, call: Call) -> bool:
    """Whether a document is only the arguments of the call. A shell command may have another key in the document."""
    if not isinstance(value, dict) or _without_command(value) != _without_command(call.arguments):
        return False
    return _named_call(value, _arguments_key(value)) is None or value == call.arguments


def _without_command(arguments: Mapping[str, Any]) -> set[str]:
    """The names of the arguments that are not a shell command."""
    return {name for name in arguments if not is_command(name)}


def _arguments_key(value: Any) -> str:
    """The key that contains the arguments of a call; empty if there is no such key."""
    return next((key for key in _ARGUMENTS_KEYS if isinstance(value, dict) and key in value), "")


def _named_call(value: Any, key: str) -> Call | None:
    """The call in an object `{"name": ..., "arguments": ...}`, if `key` is the key of its arguments."""
    if not key or key != _arguments_key(value):
        return None
    tool = next((name for word in _TOOL_NAME_KEYS if isinstance(name := value.get(word), str)), None)
    arguments = value[key]
    if isinstance(arguments, str):
        inner = document_at(arguments, 0)
        arguments = inner.value if inner else {key: arguments}
    return Call(tool, arguments, None) if tool is not None and isinstance(arguments, dict) else None


def _search(
    text: str, start: int, parent: Any, call_of: Callable[[Any, str], Call | None], depth: int = _MAX_SEARCH_DEPTH
) -> list[_ArgumentSpan]:
    """The outermost values in the object or list at `start` that belong to a call, in order.

    Args:
        text: contains the valid document.
        start: position of the object or list.
        parent: the decoded object or list.
        call_of: a function from (object or list, key in it) to the call whose arguments are there, or None.
        depth: how many levels are searched. The cost of each level is proportional to the length of the text.
    """
    found: list[_ArgumentSpan] = []
    for key, begin, end, value in members(text, start):
        call = call_of(parent, key)
        if call is not None:
            found.append(_ArgumentSpan(begin, end, key, value, call, call_of is _named_call))
        elif depth and isinstance(value, (dict, list)):
            found += _search(text, begin, value, call_of, depth - 1)
    return found


def _label_scalars(text: str, span: _ArgumentSpan, labels: np.ndarray, budget: Budget) -> None:
    """Label the strings, numbers and words in a span."""
    tool, arguments = span.call.tool, span.call.arguments
    found = list(scalars(text, span.start, span.end, span.key))
    wrapper = shell_wrapper([scalar.words_before for scalar in found])
    for i, scalar in enumerate(found):
        scalar_labels = labels[scalar.start : scalar.end]
        around = arguments if scalar.beside is None else ChainMap(*scalar.beside.maps, arguments)
        if not scalar.quoted:
            is_prose = budget.look_up(around) and content_of(tool, scalar.key, around) == "prose"
            scalar_labels[:] = Label.THOUGHT if is_prose else Label.CODE
            continue
        decoded = json_string(text[scalar.start : scalar.end])
        language = language_of(tool, scalar.key, decoded.value, around, budget)
        if scalar.words_before and language != PROSE:
            language = language_of_word(scalar.words_before) or language
        if i not in wrapper or language == PROSE:
            decoded.copy_labels(label_code(decoded.value, language, budget), scalar_labels)
