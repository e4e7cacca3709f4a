"""AutoCodeRover: the rounds in the folder of a task, each a list of messages with the chat so far.

The whole run is the last `debug_agent_write_patch_N.json`, or the last `conversation_round_N.json` if no patch was
written; the other rounds are parts of it. The run's id is the folder's name without the time.

The model names search calls in its prose, such as `search_class("A")`. Another model copies them out of the reply
(`agent_proxy_N.json`, which is not part of the run). A call is an action if its result follows: `Result of
search_class("A"):`. A call without a result is prose, because the agent did not run it. If the chat ends with the
reply, its calls are actions, and it is unknown whether they ran. In the patch, each group of `<file>`, `<original>` and
`<patched>` is an edit.

This was written for the release of 2024 with the names above. Later releases write other files, which are not read.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.listing import kept_for_folder, paths_in
from lm_eval_hesnr.trajectories.outcomes import resolved_by_report
from lm_eval_hesnr.trajectories.readers.common import PartOfRunError, run_name
from lm_eval_hesnr.trajectories.readers.found_calls import Found, split_at_calls
from lm_eval_hesnr.trajectories.readers.segments import call, shown
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory

FORMAT = "AutoCodeRover rounds"

_SYSTEM = "You are a software developer maintaining a large project"
_PROXY = re.compile(r"API calls and bug locations from a text into json", re.IGNORECASE)
_ROUND = re.compile(r"(debug_agent_write_patch|conversation_round)_(\d{1,9})")
_TIME = re.compile(r"_\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d\Z")
_ARGUMENTS = {
    "search_class": ("class_name",),
    "search_class_in_file": ("class_name", "file_name"),
    "search_method": ("method_name",),
    "search_method_in_file": ("method_name", "file_name"),
    "search_method_in_class": ("method_name", "class_name"),
    "search_code": ("code_str",),
    "search_code_in_file": ("code_str", "file_name"),
    "get_code_around_line": ("file_name", "line_no", "window_size"),
}
"""The search calls, with their arguments in order."""
_CALL = re.compile(rf"""\b({"|".join(_ARGUMENTS)})(\((?:[^()"'\n]|"[^"\n]*"|'[^'\n]*'){{1,500}}\))""")
_EDIT = ("<file>", "</file>", "<original>", "</original>", "<patched>", "</patched>")
_APPLIED = ("Extracted a patch", "Written an applicable patch")
_NOT_APPLIED = "could not be applied"


def detect(data: Any) -> bool:
    """Whether the value is a chat of the agent, or the chats of its proxy."""
    if not isinstance(data, list) or (len(data) < 2 and not _is_proxy(data)):
        return False
    if _is_proxy(data):
        return True
    system, issue = dict_of(data[0]), dict_of(data[1])
    is_agent = system.get("role") == "system" and text_of(system.get("content")).startswith(_SYSTEM)
    return is_agent and text_of(issue.get("content")).lstrip().startswith("<issue>")


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of the last round. Raises PartOfRunError for an earlier one and for the proxy's chats."""
    whole = _last_round(path.parent)
    if _is_proxy(data) and whole is None:
        raise ValueError("the chats of AutoCodeRover's proxy, which are not a run of the agent")
    if whole and (_is_proxy(data) or _ROUND.fullmatch(run_name(path))) and whole.name != path.name:
        raise PartOfRunError(whole)
    for i, message in enumerate(data):
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise ValueError(f"message {i} should be an object with a role, found {message!r:.60}")
    is_round = _ROUND.fullmatch(run_name(path)) is not None
    instance = _TIME.sub("", path.parent.name) if is_round and path.parent.name else run_name(path)
    return Trajectory(
        id=instance,
        source="auto-code-rover",
        resolved=resolved_by_report(path, instance, None),
        model=None,
        segments=tuple(_segments(data)),
        meta={"instance_id": instance} if is_round else {},
    )


def _is_proxy(data: list[Any]) -> bool:
    first = dict_of(next(iter(list_of(data[0] if data else None)), None))
    return first.get("role") == "system" and _PROXY.search(text_of(first.get("content"))[:500]) is not None


@kept_for_folder
def _last_round(folder: Path) -> Path | None:
    """The file of the folder that contains the whole run."""
    named = ((_ROUND.fullmatch(path.stem), path) for path in paths_in(folder) if path.suffix == ".json")
    rounds = [(match[1] == "debug_agent_write_patch", int(match[2]), path) for match, path in named if match]
    return max(rounds)[2] if rounds else None


def _segments(messages: list[dict[str, Any]]) -> Iterator[Segment]:
    begun = False
    for i, message in enumerate(messages):
        text = text_of(message.get("content"))
        if message["role"] == "assistant":
            begun = True
            yield from split_at_calls(text, _found(text, _answer(messages, i)))
        elif message["role"] == "system":
            yield from shown("system", text)
        elif not begun:
            yield from shown("task", text)
        else:
            yield from shown("observation" if text.startswith("Result of ") else "other", text)


def _answer(messages: list[dict[str, Any]], i: int) -> str | None:
    """The texts between a reply and the next one; None if the chat ends with the reply."""
    texts = []
    for j in range(i + 1, len(messages)):  # a slice would copy all messages for each reply
        if messages[j]["role"] == "assistant":
            break
        texts.append(text_of(messages[j].get("content")))
    return "\n".join(texts) if texts else None


def _found(text: str, answer: str | None) -> list[Found]:
    """The searches that the agent ran, and the edits of a patch."""
    ran = {(match[1], _values(match[2])) for match in _CALL.finditer(answer or "") if _is_result(answer or "", match)}
    found = []
    for match in _CALL.finditer(text):
        values = _values(match[2])
        if values is not None and (answer is None or (match[1], values) in ran):
            names = _ARGUMENTS[match[1]]
            arguments = dict(zip(names, values, strict=False))
            found.append(Found(match.start(), match.end(), (call(match[1], arguments, True if answer else None),)))
    return _edits(text, answer) or found


def _is_result(answer: str, match: re.Match[str]) -> bool:
    return answer.endswith("Result of ", 0, match.start())


def _values(arguments: str) -> tuple[Any, ...] | None:
    """The values of a call, without the names of its arguments; None if they are not constants."""
    try:
        with warnings.catch_warnings():  # a text with a wrong escape is hostile or not Python; the same values always
            warnings.simplefilter("ignore")
            node = ast.parse(f"f{arguments}", mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    if not isinstance(node, ast.Call):
        return None
    values = [*node.args, *(keyword.value for keyword in node.keywords)]
    constants = tuple(value.value for value in values if isinstance(value, ast.Constant))
    is_plain = len(constants) == len(values) and all(isinstance(value, (str, int)) for value in constants)
    return constants if is_plain else None


def _edits(text: str, answer: str | None) -> list[Found]:
    """The edits of a patch, from `<file>` to `</patched>`. One with a missing tag is left out."""
    answer = answer or ""
    executed = True if any(mark in answer for mark in _APPLIED) else False if _NOT_APPLIED in answer else None
    found: list[Found] = []
    start = text.find(_EDIT[0])
    while start >= 0:
        places, position = [], start
        for tag in _EDIT:
            position = text.find(tag, position)
            if position < 0:
                return found
            places.append(position)
            position += len(tag)
        path, old, new = (text[places[i] + len(_EDIT[i]) : places[i + 1]] for i in (0, 2, 4))
        arguments = {"path": path.strip(), "old_str": old, "new_str": new}
        found.append(Found(start, position, (call("edit", arguments, executed),)))
        start = text.find(_EDIT[0], position)
    return found
