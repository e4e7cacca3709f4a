"""Finds calls in plain text, in every syntax of agents without native tool calls.

A trajectory has one syntax, that of its agent. Calls in another syntax are prose. Text inside a leading `<think>` block
is never a call.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of
from lm_eval_hesnr.trajectories.readers import terminus
from lm_eval_hesnr.trajectories.readers.found_calls import (
    CallFinder,
    Found,
    fenced,
    shell_command,
    tagged,
    xml_functions,
)
from lm_eval_hesnr.trajectories.readers.segments import call
from lm_eval_hesnr.trajectories.readers.tool_tags import tool_tags
from lm_eval_hesnr.trajectories.schema import Call


def hermes(text: str, executed: bool | None) -> list[Found]:
    """Return `<tool_call>` blocks with a JSON object, or with `<function=...>` as Qwen3-Coder writes them.

    A call without `</tool_call>` ends with the text, because the tag may be a stop word, which servers remove.
    """
    blocks = tagged(text, "tool_call")
    opening = text.find("<tool_call>", blocks[-1][1] if blocks else 0)
    if opening >= 0:
        blocks.append((opening, len(text), text[opening + len("<tool_call>") :]))
    found = []
    for start, end, inside in blocks:
        functions = xml_functions(inside, executed) if "<function=" in inside else []
        calls = tuple(c for function in functions for c in function.calls) or json_calls(inside, executed)
        if calls:
            found.append(Found(start, end, calls))
    return found


def json_calls(text: str, executed: bool | None) -> tuple[Call, ...]:
    """Return the calls of a text that is one JSON call `{"name", "arguments"}` or a list of them; otherwise empty."""
    if not text.lstrip().startswith(("{", "[")):
        return ()
    try:
        value = json.loads(text, strict=False)
        rows = value if isinstance(value, list) else [value]
        calls = [_json_call(row, executed) for row in rows]
    except (ValueError, RecursionError):
        return ()
    return tuple(calls)


def _json_call(row: Any, executed: bool | None) -> Call:
    row = dict_of(row)
    arguments = row.get("arguments", row.get("parameters", {}))
    arguments = json.loads(arguments, strict=False) if isinstance(arguments, str) else arguments
    if not isinstance(row.get("name"), str) or not isinstance(arguments, dict):
        raise ValueError("not a call")
    return call(row["name"], arguments, executed)


def _functions(text: str, executed: bool | None) -> list[Found]:
    return xml_functions(text, executed)


def _tool_tags(text: str, executed: bool | None) -> list[Found]:
    return tool_tags(text, executed)


def _executes(text: str, executed: bool | None) -> list[Found]:
    """CodeAct: `<execute>` and `<execute_ipython>` contain Python, `<execute_bash>` a shell command."""
    blocks = [(*b, "execute_bash", "command") for b in tagged(text, "execute_bash")]
    blocks += [(*b, tag, "code") for tag in ("execute_ipython", "execute") for b in tagged(text, tag)]
    found: list[Found] = []
    for start, end, inside, tool, argument in sorted(blocks):
        if not found or start >= found[-1].end:
            found.append(Found(start, end, (call(tool, {argument: inside.strip("\n")}, executed),)))
    return found


def _last_command(text: str, executed: bool | None) -> list[Found]:
    """SWE-agent's xml_thought_action: the last `<command>` block."""
    return [shell_command(*block, executed) for block in tagged(text, "command")[-1:]]


def _act(text: str, executed: bool | None) -> list[Found]:
    """AgentTuning: the first fence after `Act: bash`. Other acts, such as `Act: finish`, have no command."""
    act = text.find("Act: bash")
    return [shell_command(*block, executed) for block in fenced(text, "```bash") if 0 <= act < block[0]][:1]


def _react(text: str, executed: bool | None) -> list[Found]:
    """ReAct, as in tau-bench: one JSON call at the end, after `Action:`."""
    action = text.rfind("Action:")
    start = text.find("{", action)
    if action < 0 or start < 0 or text[action + len("Action:") : start].strip():
        return []
    calls = json_calls(text[start:].rstrip(), executed)
    return [Found(start, len(text.rstrip()), calls)] if calls else []


def _terminus(text: str, executed: bool | None) -> list[Found]:
    return terminus.commands(text, executed) if "keystrokes" in text else []


def _fences(text: str, executed: bool | None) -> list[Found]:
    marks = ("```mswea_bash_command", "```bash")
    blocks = next((found for mark in marks if (found := fenced(text, mark))), [])
    return [shell_command(*block, executed) for block in blocks]


SYNTAXES: dict[str, CallFinder] = {
    "<tool_call>": hermes,
    "<function=": _functions,
    "</": _tool_tags,
    "<execute": _executes,
    "<command>": _last_command,
    "keystrokes": _terminus,
    "Act: bash": _act,
    "Action:": _react,
    "```": _fences,
}
"""The mark that every text with such a call contains -> its parser. More specific syntaxes come first."""


def syntax_of(replies: Iterable[str]) -> str | None:
    """The syntax with calls in most replies; None if no reply has a call. If two are equal, the more specific one."""
    counts = dict.fromkeys(SYNTAXES, 0)
    for reply in replies:
        for mark, syntax in SYNTAXES.items():
            counts[mark] += mark in reply and bool(syntax(reply[reply_start(reply) :], None))
    best = max(SYNTAXES, key=lambda mark: counts[mark])
    return best if counts[best] else None


def calls_in(reply: str, mark: str | None, executed: bool | None) -> list[Found]:
    """Return the calls of a reply in one syntax, after its leading `<think>` block."""
    if mark is None or mark not in reply:
        return []
    begin = reply_start(reply)
    return [Found(start + begin, end + begin, calls) for start, end, calls in SYNTAXES[mark](reply[begin:], executed)]


def reply_start(reply: str) -> int:
    """Where the reply begins after its reasoning: after `</think>`, or at the end if `</think>` is missing."""
    if reply.lstrip().startswith("<think>"):
        stop = reply.find("</think>")
        return stop + len("</think>") if stop >= 0 else len(reply)
    stop = -1 if "<think>" in reply else reply.find("</think>")  # the opening tag is often part of the prompt
    return stop + len("</think>") if stop >= 0 else 0
