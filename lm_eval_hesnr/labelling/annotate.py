r"""One label for every character of a segment.

The rules, with their version in `labels.LABEL_RULES_VERSION`:

- The values of a call are `code`. In them, blanks and line ends are `whitespace`, rows of one punctuation sign are
  `decoration`, and comments are `comment`. Everything around a value is `markup`, also the name of the tool.
- The prose of a tool such as `think` is `thought`, and so are the explanations in calls of other tools. If all calls of
  an action are known not to have run, the whole action is `thought`.
- If the action is a program that calls tools (`code_mode`), the values in its calls are its values.
- In a tool call written as JSON, an escape such as `\n` is one character of the value. Its two characters share the
  label of that character. Values that are not strings (numbers, `true`) are `code`.
- In a patch, the signs, headers and context lines are `markup`.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterator

import numpy as np

from lm_eval_hesnr.labelling.argument_language import PROSE, language_of
from lm_eval_hesnr.labelling.budget import Budget
from lm_eval_hesnr.labelling.code import label_code
from lm_eval_hesnr.labelling.escapes import as_written, json_string
from lm_eval_hesnr.labelling.json_calls import json_documents, label_documents
from lm_eval_hesnr.labelling.patches import is_patch
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.trajectories.schema import Segment
from lm_eval_hesnr.trajectories.tools import kind_of

_XML_CALL = re.compile(r"\s*(?:<(?:tool_call|function_calls)>\s*)?<(?:function=|invoke name=)")
_XML_TAG = re.compile(
    r"""<(?:(?:function=|invoke name=)"?(?P<tool>[^<>"\n]+)"?>|parameter=(?P<malformed>\w+)=(?=[^<]*</parameter>)"""
    r"""|parameter(?:=| name=)"?(?P<name>[^<>"\n]+)"?>)""",
    re.ASCII,
)
"""`malformed` is for `<parameter=NAME=value</parameter>`. A name has no "<", which keeps the time linear."""
_TAG = re.compile(r"<([^<>\n]*)>")
_OPENING_MARK = re.compile(r"\s*(?:```[^\n]*\n|<([A-Za-z_][^\s>=]*)(?:[\s=][^>\n]*)?>)")
_MAX_MARKS = 3
"""At most this many marks (tags, fences) around a value are skipped, if the value is not found in the text."""
_MAX_MISSING = 100
"""Stop the search after this many missing values of one action. Each costs time in proportion to the text."""

_LABEL_OF_KIND = {
    "system": Label.SYSTEM,
    "task": Label.TASK,
    "thought": Label.THOUGHT,
    "observation": Label.OBSERVATION,
    "other": Label.OTHER,
}


def annotate(segment: Segment, budget: Budget | None = None) -> np.ndarray:
    """(characters,) uint8: the `Label` of every character of the segment's text.

    A thought or action that no model generated, such as a demonstration, is `other`. An action is `thought` if all its
    calls are known not to have run: the model intended it but did not do it.

    Args:
        segment: a part of a trajectory.
        budget: what labelling it may cost. `n_unparsed` then shows whether it was too little.
    """
    budget = budget or Budget()
    n_chars = len(segment.text)
    if segment.kind in ("thought", "action") and not segment.generated:
        return np.full(n_chars, Label.OTHER, np.uint8)
    if segment.kind != "action":
        return np.full(n_chars, _LABEL_OF_KIND[segment.kind], np.uint8)
    if segment.calls and all(call.executed is False for call in segment.calls):
        return np.full(n_chars, Label.THOUGHT, np.uint8)
    labels = np.full(n_chars, Label.MARKUP, np.uint8)
    documents = json_documents(segment.text)
    if documents:
        label_documents(segment.text, documents, segment.calls, labels, budget)
    elif _XML_CALL.match(segment.text):
        _label_xml(segment.text, labels, budget)
    elif not _label_verbatim(segment, labels, budget):
        _label_whole(segment, labels, budget)
    return labels


def _label_xml(text: str, labels: np.ndarray, budget: Budget) -> None:
    """Label the calls `<function=NAME><parameter=KEY>value</parameter></function>`. Their values have no escapes."""
    for tool, spans in _xml_calls(text):
        arguments = {name: text[start:end] for name, (start, end) in spans.items()}
        for name, (start, end) in spans.items():
            language = language_of(tool, name, arguments[name], arguments, budget)
            labels[start:end] = label_code(text[start:end], language, budget)


def _xml_calls(text: str) -> Iterator[tuple[str, dict[str, tuple[int, int]]]]:
    """The tool of each call, and the start and end of each argument. A value that is cut off ends with the text."""
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


def _label_verbatim(segment: Segment, labels: np.ndarray, budget: Budget) -> bool:
    """Label the values that occur in the text as they are, for example in a fence. Returns whether any was found.

    The values are searched in order, after the opening mark. Each may also be written with the escapes of JSON.
    """
    opening = _OPENING_MARK.match(segment.text)
    position = opening.end() if opening else 0
    tags = _tags(segment)
    found, missing = False, 0
    for call in segment.calls:
        for name, value in call.arguments.items():
            if not isinstance(value, str) or not value or missing > _MAX_MISSING or budget.comparisons < 0:
                continue
            start, written = -1, value
            named = tags.get(name, [])
            i = bisect_left(named, position)
            if i < len(named):  # as in <path>a</path>, where the tag also contains an "a"
                start, written = _find_value(segment.text, value, named[i] + len(name) + 2, budget)
            if start < 0:
                start, written = _find_value(segment.text, value, position, budget)
            if start < 0 and not found:  # the assumed opening mark was part of the value
                start, written = _find_value(segment.text, value, 0, budget)
            if start < 0:
                missing += 1
                continue
            found, position = True, start + len(written)
            decoded = json_string(written) if written != value else as_written(value)
            language = language_of(call.tool, name, value, call.arguments, budget)
            decoded.copy_labels(label_code(value, language, budget), labels[start:position])
    budget.n_unparsed += budget.comparisons < 0
    return found


def _tags(segment: Segment) -> dict[str, list[int]]:
    """The positions of all tags `<NAME>`, in order, for the names of the calls' arguments."""
    names = {name for call in segment.calls for name in call.arguments}
    tags: dict[str, list[int]] = {}
    for tag in _TAG.finditer(segment.text):
        if tag[1] in names:
            tags.setdefault(tag[1], []).append(tag.start())
    return tags


def _find_value(text: str, value: str, position: int, budget: Budget) -> tuple[int, str]:
    """The start of a value at or after `position` (-1 if not found), and its written form: as it is, or as in JSON."""
    for written in _written_forms(value):
        start = text.find(written, position)
        has_budget = budget.search((start if start >= 0 else len(text)) - position, written)
        if start >= 0:
            return start, written
        if not has_budget:
            break
    return -1, value


def _written_forms(value: str) -> Iterator[str]:
    yield value
    yield json.dumps(value, ensure_ascii=False)[1:-1]
    yield json.dumps(value)[1:-1]


def _label_whole(segment: Segment, labels: np.ndarray, budget: Budget) -> None:
    """Label an action whose values do not occur in its text, such as a bare patch. The text in its marks is code."""
    start, end = _between_marks(segment.text)
    value, tools = segment.text[start:end], [call.tool for call in segment.calls]
    language: str | None = "bash" if tools == ["bash"] else None
    if tools and all(kind_of(tool) == "prose" for tool in tools):
        language = PROSE
    elif is_patch(value):
        language = "patch"
    labels[start:end] = label_code(value, language, budget)


def _between_marks(text: str) -> tuple[int, int]:
    """Start and end of the text inside a fence or tags, without the line ends next to the marks.

    The outer mark may be unclosed, because a stop word may have cut off its end. An inner mark must be closed, because
    it may also be part of the value.
    """
    start, end = 0, len(text)
    for i in range(_MAX_MARKS):
        opening = _OPENING_MARK.match(text, start, end)
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
