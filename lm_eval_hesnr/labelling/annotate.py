r"""One label for every character of a segment: a partition, by rule and by syntax tree.

Rules (version in `labels.LABEL_RULES_VERSION`). Where a call's value stands in the action's text, its characters are
`code`, blanks are `whitespace`, rules drawn with one punctuation sign are `decoration` and comments are `comment`;
everything around the value, the tool's name too, is `markup`. The values of a tool that takes prose are `thought`, and
so is all of an action of which nothing ran. In a tool call written as JSON an escape such as `\n` is one character of
the value, so its two characters share that character's label. Values that are not text (numbers, true) are `code`. In a
patch the signs, headers and context lines are `markup`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import numpy as np

from lm_eval_hesnr.labelling.argument_language import PROSE, language_of
from lm_eval_hesnr.labelling.code import label_code
from lm_eval_hesnr.labelling.escapes import json_string, plain
from lm_eval_hesnr.labelling.json_calls import label_document, regions
from lm_eval_hesnr.labelling.patches import is_patch
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.trajectories.schema import Segment
from lm_eval_hesnr.trajectories.tools import PROSE_TOOLS

_XML_CALL = re.compile(r"\s*(?:<(?:tool_call|function_calls)>\s*)?<(?:function=|invoke name=)")
_XML_TAG = re.compile(
    r"""<(?:(?:function=|invoke name=)"?(?P<tool>[^<>"\n]+)"?>|parameter=(?P<malformed>\w+)=(?=[^<]*</parameter>)"""
    r"""|parameter(?:=| name=)"?(?P<name>[^<>"\n]+)"?>)""",
    re.ASCII,
)
"""`malformed` is `<parameter=NAME=value</parameter>`. No "<" in a name: a row of openings costs linear time."""
_OPENING = re.compile(r"\s*(?:```[^\n]*\n|<([A-Za-z_][^\s>=]*)(?:[\s=][^>\n]*)?>)")
_MAX_MARKS = 3
"""How many tags around an action are taken off where its value is not found in it."""
_MAX_MISSING = 100
"""How many values of one action are looked for in vain: each costs the length of the text."""

_LABEL_OF_KIND = {
    "system": Label.SYSTEM,
    "task": Label.TASK,
    "thought": Label.THOUGHT,
    "observation": Label.OBSERVATION,
    "other": Label.OTHER,
}


def annotate(segment: Segment) -> np.ndarray:
    """(characters,) uint8: the `Label` of every character of the segment's text.

    Text of a thought or action that no model generated, such as a demonstration's, is `other`. An action all of whose
    calls are known not to have run is what the model meant to do, not what it did: `thought`.
    """
    n_chars = len(segment.text)
    if segment.kind in ("thought", "action") and not segment.generated:
        return np.full(n_chars, Label.OTHER, np.uint8)
    if segment.kind != "action":
        return np.full(n_chars, _LABEL_OF_KIND[segment.kind], np.uint8)
    if segment.calls and all(call.executed is False for call in segment.calls):
        return np.full(n_chars, Label.THOUGHT, np.uint8)
    labels = np.full(n_chars, Label.MARKUP, np.uint8)
    documents = regions(segment.text)
    if documents:
        for i, document in enumerate(documents):
            own = segment.calls[i : i + 1] if len(documents) == len(segment.calls) else segment.calls
            label_document(segment.text, document, own, labels)
    elif _XML_CALL.match(segment.text):
        _label_xml(segment.text, labels)
    elif not _label_verbatim(segment, labels):
        _label_whole(segment, labels)
    return labels


def _label_xml(text: str, labels: np.ndarray) -> None:
    """`<function=NAME><parameter=KEY>value</parameter></function>`, one or several; values are not escaped."""
    for tool, spans in _xml_calls(text):
        arguments = {name: text[start:end] for name, (start, end) in spans.items()}
        for name, (start, end) in spans.items():
            labels[start:end] = label_code(text[start:end], language_of(tool, name, arguments[name], arguments))


def _xml_calls(text: str) -> Iterator[tuple[str, dict[str, tuple[int, int]]]]:
    """Each call's tool, and where its arguments' values stand; a value that is cut off goes on to the end."""
    tool, spans = "", dict[str, tuple[int, int]]()
    tag = _XML_TAG.search(text)
    while tag:
        position = tag.end()
        if tag["tool"]:
            yield tool, spans
            tool, spans = tag["tool"].strip(), {}
        else:
            end = text.find("</parameter>", position)
            end = len(text) if end < 0 else end
            spans[(tag["malformed"] or tag["name"]).strip()] = (position, end)
            position = end
        tag = _XML_TAG.search(text, position)
    yield tool, spans


def _label_verbatim(segment: Segment, labels: np.ndarray) -> bool:
    """Values that stand in the text as they are, in a fence or between tags: found in order, after the opening mark.

    A value that does not is looked for as a JSON string would write it. False where nothing is found.
    """
    opening = _OPENING.match(segment.text)
    position = opening.end() if opening else 0
    found, missing = False, 0
    for call in segment.calls:
        for name, value in call.arguments.items():
            if not isinstance(value, str) or not value or missing > _MAX_MISSING:
                continue
            start, written = _find(segment.text, value, position)
            if start < 0 and not found:  # what looked like an opening mark was part of the value
                start, written = _find(segment.text, value, 0)
            if start < 0:
                missing += 1
                continue
            found, position = True, start + len(written)
            decoded = json_string(written) if written != value else plain(value)
            language = language_of(call.tool, name, value, call.arguments)
            decoded.carry(label_code(value, language), labels[start:position])
    return found


def _find(text: str, value: str, position: int) -> tuple[int, str]:
    """Where a value stands from `position` on (-1 where it does not), and how: as it is or as JSON writes it."""
    for written in (value, json.dumps(value, ensure_ascii=False)[1:-1], json.dumps(value)[1:-1]):
        start = text.find(written, position)
        if start >= 0:
            return start, written
    return -1, value


def _label_whole(segment: Segment, labels: np.ndarray) -> None:
    """An action none of whose values stands in it, such as a bare patch: all between its marks is the value."""
    start, end = _between_marks(segment.text)
    value, tools = segment.text[start:end], {call.tool for call in segment.calls}
    language: str | None = "bash" if [call.tool for call in segment.calls] == ["bash"] else None
    if tools and tools <= PROSE_TOOLS:
        language = PROSE
    elif is_patch(value):
        language = "patch"
    labels[start:end] = label_code(value, language)


def _between_marks(text: str) -> tuple[int, int]:
    """Where a text goes on between its fence or tags, without them and the line ends beside them.

    The outer mark counts even unclosed, as a stop word cuts its end off; one inside it may be part of the value.
    """
    start, end = 0, len(text)
    for i in range(_MAX_MARKS):
        opening = _OPENING.match(text, start, end)
        if opening is None:
            break
        closing = f"</{opening[1]}>" if opening[1] else "```"
        stop = start + len(text[start:end].rstrip())
        is_closed = text.endswith(closing, opening.end(), stop)
        if i and not is_closed:
            break
        start, end = opening.end(), stop - len(closing) if is_closed else end
        if not opening[1]:
            break
    inside = text[start:end]
    if start:
        start += len(inside) - len(inside.lstrip("\r\n"))
        end = max(start, end - len(inside) + len(inside.rstrip()))
    return start, end
