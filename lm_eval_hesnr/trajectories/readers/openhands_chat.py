"""Functions for all OpenHands formats: chat messages as segments, and the outcome of a row."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.outcomes import resolved_by_report
from lm_eval_hesnr.trajectories.readers.common import first_verdict, meta_of
from lm_eval_hesnr.trajectories.readers.found_calls import split_at_calls, xml_functions
from lm_eval_hesnr.trajectories.readers.segments import call, reasoning_of, thought, tool_call
from lm_eval_hesnr.trajectories.schema import Segment

NUDGES = ("Please continue working on the task", "Please continue on whatever approach")
"""The beginnings of user messages that an evaluation sends when a reply has no call."""

_RESULT = re.compile(r"EXECUTION RESULT of \[([^\]\n]*)\]:|OBSERVATION:\n")
"""The beginning of a user message with a tool's answer, in runs that write function calls as text."""

_ANSWER_HEAD = r"(?:OBSERVATION:\n|EXECUTION RESULT of \[[^\]\n]*\]:\n)?(?:\[An error occurred during execution\.\]\n)?"
_NOT_RUN = re.compile(
    _ANSWER_HEAD + r"(?:ERROR:\s?)?(?:Cannot execute multiple commands at once|Action rejected:"
    r"|Action has been rejected by the user|(?:Stop button pressed\. )?The action has not been executed)"
)
_REFUSED = re.compile(_ANSWER_HEAD + r"(?:Error validating (?:args|tool) |Tool '[^'\n]*' not found\. Available:)")


def outcome(row: dict[str, Any], path: Path, instance: str, model: str | None) -> bool | None:
    """The verdict of the row's own columns; if no column has one, the verdict of a report next to the file."""
    reports = (row.get("report"), dict_of(row.get("test_result")).get("report"))
    verdict = first_verdict([row.get("resolved"), *(dict_of(report).get("resolved") for report in reports)])
    return resolved_by_report(path, instance, model) if verdict is None else verdict


def row_meta(row: dict[str, Any], keys: tuple[str, ...], unknown: Counter[str]) -> dict[str, Any]:
    """The `meta` of a row: the values of these columns, and how many events of each unknown type were skipped."""
    known = {key: row[key] for key in keys if row.get(key) is not None}
    return known | meta_of(unknown)


def completion_message(response: Any) -> dict[str, Any]:
    """The message in a response of the Chat Completions API; empty if the response has no choice."""
    choices = list_of(dict_of(response).get("choices"))
    return dict_of(dict_of(choices[0]).get("message")) if choices else {}


def openhands_segments(messages: list[Any], *, text_calls: bool) -> Iterator[Segment]:
    """Yield all segments. The kind of a user message depends on its beginning and on whether the model has begun.

    Args:
        messages: OpenAI messages. The first user message may contain an example conversation, which is task text.
        text_calls: whether replies without tool calls write their calls as `<function=...>` text.
    """
    began = False
    for i, message in enumerate(messages):
        if not isinstance(message, dict):
            raise ValueError(f"message {i} should be an object, found {message!r:.40}")
        role, text = message.get("role"), text_of(message.get("content"))
        if role == "assistant":
            began = True
            yield from reply(message, _answers(messages, i), text_calls=text_calls)
        elif role in ("system", "developer"):
            yield Segment("system", text)
        elif role == "tool":
            yield result(str(message.get("name")), text)
        elif role != "user":
            raise ValueError(f"message {i}: unknown role {role!r}; expected system, user, assistant or tool")
        elif began and (answer := _RESULT.match(text)):
            yield result(str(answer[1]), text)
        else:
            yield user_message(text)


def user_message(text: str) -> Segment:
    """Return a user message: the task, or `other` for a reminder of the evaluation."""
    return Segment("other" if text.lstrip().startswith(NUDGES) else "task", text)


def result(tool: str, text: str) -> Segment:
    """Return a tool's answer: an observation. The answer of `finish` only repeats the model's text: `other`."""
    return Segment("other" if tool == "finish" else "observation", text)


def reply(message: dict[str, Any], answers: Mapping[str, str], *, text_calls: bool) -> Iterator[Segment]:
    """Yield one reply: reasoning, prose and calls, in the order the model wrote them.

    Args:
        message: an assistant message.
        answers: call id -> text of the answer; the id of a call written as text is empty.
        text_calls: whether text without tool calls may contain a call as `<function=...>`.
    """
    text = text_of(message.get("content"))
    yield from thought(reasoning_of(message, text))
    calls = [item for item in map(dict_of, list_of(message.get("tool_calls"))) if dict_of(item.get("function"))]
    if text_calls and not calls:
        yield from _text_reply(text, answers.get(""))
        return
    yield from thought(text)
    for item in calls:
        function = dict_of(item["function"])
        yield emitted_call(str(function.get("name")), function.get("arguments"), answers.get(str(item.get("id"))))


def emitted_call(tool: str, arguments: Any, answer: str | None) -> Segment:
    """Return a native tool call: an action. Calls of `think` and calls with a refused format are thoughts."""
    if arguments in (None, ""):  # such calls may have no text
        return Segment("action", "", generated=True, calls=(call(tool, {}, ran(answer)),))
    if tool == "think" or refused(answer):
        emitted = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
        return Segment("thought", emitted, generated=True)
    return tool_call(tool, arguments, ran(answer))


def ran(answer: str | None) -> bool | None:
    """Whether the environment ran a call, by its answer; None without an answer."""
    return None if answer is None else not _NOT_RUN.match(answer)


def refused(answer: str | None) -> bool:
    """Whether the answer says that the call's format or name was wrong, so that nothing ran."""
    return answer is not None and bool(_REFUSED.match(answer))


def _text_reply(text: str, answer: str | None) -> Iterator[Segment]:
    """Yield a reply with a call in its text. OpenHands runs only the first; the text after it is a thought."""
    found = xml_functions(text, ran(answer))[:1]
    if not found or found[0].calls[0].tool == "think" or refused(answer):
        yield from thought(text)
    else:
        yield from split_at_calls(text, found)


def _answers(messages: list[Any], i: int) -> dict[str, str]:
    """Call id -> answer, from the messages up to the next reply, because ids may be used again later."""
    answers: dict[str, str] = {}
    for message in map(dict_of, messages[i + 1 : _next_reply(messages, i)]):
        text = text_of(message.get("content"))
        if message.get("role") == "tool":
            answers.setdefault(str(message.get("tool_call_id")), text)
        elif message.get("role") == "user" and _RESULT.match(text):
            answers.setdefault("", text)
    return answers


def _next_reply(messages: list[Any], i: int) -> int:
    following = range(i + 1, len(messages))
    return next((j for j in following if dict_of(messages[j]).get("role") == "assistant"), len(messages))
