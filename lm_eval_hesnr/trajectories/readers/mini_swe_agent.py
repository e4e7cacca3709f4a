"""mini-swe-agent `*.traj.json`: the bare list of the first releases, format 1, and format 1.1.

Format 1.1 has three variants: tool calls, text, and objects of the OpenAI Responses API. Only the model's text is
`generated`. Exit messages, the patch repeated at the end and the notes about a refused reply are `other`; a refused
turn has no action. An observation is what the model was shown (`content`), not the longer raw output stored next to it.

A call ran if the file has its result, or if the call submitted the work. The agent runs the calls of a turn in order
and stops at the one that submits: this is the first call without a result. A call interrupted by an error or by the
user may have run or not.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.outcomes import resolved_by_report
from lm_eval_hesnr.trajectories.readers.agent_notes import refusals_of, says_not_executed
from lm_eval_hesnr.trajectories.readers.common import run_name
from lm_eval_hesnr.trajectories.readers.found_calls import fenced, shell_command, split_at_calls, tagged
from lm_eval_hesnr.trajectories.readers.segments import reasoning_item, thought, tool_call
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory

FORMAT = "mini-swe-agent 0, 1, 1.1"

_VERSIONS = ("mini-swe-agent-1", "mini-swe-agent-1.1")

_MARKERS = ("```mswea_bash_command", "<mswea_bash_command>", "<bash_code>", "```bash")
"""Possible marks of commands, in the order in which they are searched in the instructions."""

_DECLINED = ("Command not executed.", "Commands not executed.")
_INTERRUPTED = ("Interrupted by user:", "Temporary interruption caught.", "Switched to human mode.")
"""The beginnings of notes about the interactive agent's user. Format 1.1 also marks them by `interrupt_type`."""

_TurnStatus = Literal["refused", "declined", "answered", "submitted", "unknown"]
"""What happened to a turn:
refused: the agent could not parse it;
declined: the user did not allow it;
answered: it ran, and its output follows;
submitted: it ran and ended the run;
unknown: anything else.
"""


def detect(data: Any) -> bool:
    """Whether `trajectory_format` names this agent, or the value is a list of text messages like its chats."""
    if isinstance(data, dict):
        return str(data.get("trajectory_format", "")).startswith("mini-swe-agent")
    return (
        isinstance(data, list)
        and len(data) > 2
        and all(isinstance(m, dict) and {"role", "content"} <= m.keys() and "tool_calls" not in m for m in data)
        and [m["role"] for m in data[:3]] == ["system", "user", "assistant"]
        and any(marker in text_of(m["content"]) for m in data[:6] for marker in _MARKERS)
    )


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one file. Raises ValueError that names a malformed message."""
    bare = isinstance(data, list)
    name = "mini-swe-agent-0" if bare else data["trajectory_format"]
    if not bare and name not in _VERSIONS:
        raise ValueError(f"trajectory_format {name!r}; this package reads {', '.join(_VERSIONS)}")
    messages = data if bare else data.get("messages")
    if not isinstance(messages, list) or not messages:
        raise ValueError(f"key 'messages' should be a list with messages, found {messages!r:.40}")
    for i, message in enumerate(messages):
        if not isinstance(message, dict):
            raise ValueError(f"message {i}: expected an object, found {type(message).__name__}")
    info = dict_of({} if bare else data.get("info"))
    model = dict_of(dict_of(info.get("config")).get("model")).get("model_name")
    identity = str(({} if bare else data).get("instance_id") or run_name(path))
    return Trajectory(
        id=identity,
        source=name,
        resolved=resolved_by_report(path, identity, model),
        model=model,
        segments=tuple(_segments(messages, info)),
        meta={key: info[key] for key in ("exit_status", "mini_version") if key in info},
    )


def _segments(messages: list[dict[str, Any]], info: dict[str, Any]) -> Iterator[Segment]:
    """Yield the segments of all messages. The kind of a user message depends on the turn before it."""
    marker, notes = _marker(messages, info), refusals_of("mini-swe-agent", _error_template(info))
    results = _ran_by_id(messages)
    acted = False  # whether the last turn ran a command in its text, so that a user message answers it
    begun = False  # whether there was a reply
    for i, message in enumerate(messages):
        role, text = _role(message), text_of(message.get("content", message.get("output")))
        if role == "assistant":
            turn = list(_turn(message, marker, results, _turn_status(messages, i, info, notes)))
            acted, begun = any(segment.calls for segment in turn) and not _native_calls(message), True
            yield from turn
        elif role == "system":
            yield Segment("system", text)
        elif role == "exit" or dict_of(message.get("extra")).get("interrupt_type"):
            yield Segment("other", text)
        elif role == "tool":
            yield Segment("observation", text)
        elif role != "user":
            raise ValueError(f"message {i}: unknown role {role!r}; expected system, user, assistant, tool or exit")
        elif not begun:
            yield Segment("task", text)
        elif not acted or text.startswith(_DECLINED + _INTERRUPTED):
            yield Segment("other", text)
        else:
            handed_back = i == len(messages) - 1 and _is_submission(text, info)
            yield Segment("other" if handed_back else "observation", text)
            acted = False


def _turn(
    message: dict[str, Any], marker: str, results: dict[str, bool], turn_status: _TurnStatus
) -> Iterator[Segment]:
    """Yield one reply: reasoning, prose and actions, in the order the model wrote them."""
    calls = _native_calls(message)
    executed = iter(_executed(calls, results, turn_status))
    if message.get("object") == "response":
        for item in map(dict_of, list_of(message.get("output"))):
            if item.get("type") == "function_call":
                yield from _call_segment(item, next(executed), turn_status)
            elif item.get("type") == "reasoning":
                yield from reasoning_item(item)
            else:
                yield from thought(text_of(item.get("content")))
        return
    text = text_of(message.get("content"))
    yield from thought(text_of(message.get("reasoning_content")))
    if calls:
        yield from thought(text)
        for call in calls:
            yield from _call_segment(dict_of(call.get("function")), next(executed), turn_status)
        return
    found = [] if turn_status == "refused" else _commands(text, marker)
    if len(found) != 1:  # the agent runs a turn only if it has exactly one command
        yield from thought(text)
        return
    ran = {"answered": True, "submitted": True, "declined": False}.get(turn_status)
    yield from split_at_calls(text, [shell_command(*found[0], ran)])


def _call_segment(function: dict[str, Any], executed: bool | None, turn_status: _TurnStatus) -> Iterator[Segment]:
    """Yield one tool call; the call of a refused turn is a thought."""
    segment = tool_call(str(function.get("name")), function.get("arguments"), executed)
    if turn_status == "refused":
        yield from thought(segment.text)
    else:
        yield segment


def _native_calls(message: dict[str, Any]) -> list[dict[str, Any]]:
    """The tool calls of a reply, in either format."""
    if message.get("object") == "response":
        items = map(dict_of, list_of(message.get("output")))
        return [item for item in items if item.get("type") == "function_call"]
    return [dict_of(call) for call in list_of(message.get("tool_calls"))]


def _executed(calls: list[dict[str, Any]], results: dict[str, bool], turn_status: _TurnStatus) -> list[bool | None]:
    """Whether each tool call of a turn ran."""
    ran = [results.get(str(call.get("call_id") or call.get("id"))) for call in calls]
    if turn_status == "declined":
        return [False if one is None else one for one in ran]
    # one call without a result submitted; the agent runs calls in order, so it was the first
    if turn_status == "submitted" and not all(ran):
        ran[[bool(one) for one in ran].index(False)] = True
    return ran


def _ran_by_id(messages: list[dict[str, Any]]) -> dict[str, bool]:
    """Call id -> whether the environment ran the call. The agent also writes results for calls that it did not run."""
    ran = {}
    for message in messages:
        call = message.get("tool_call_id") or message.get("call_id")
        if call and _role(message) == "tool":
            text = text_of(message.get("content", message.get("output")))
            ran[str(call)] = not (dict_of(message.get("extra")).get("returncode") == -1 and says_not_executed(text))
    return ran


def _turn_status(messages: list[dict[str, Any]], i: int, info: dict[str, Any], notes: tuple[str, ...]) -> _TurnStatus:
    """What happened to the turn in message i. The first later message that is not a tool result decides."""
    k = i + 1
    while k < len(messages) and _role(messages[k]) == "tool":
        k += 1
    if k == len(messages):
        return "unknown"
    role, text, extra = _role(messages[k]), text_of(messages[k].get("content")), dict_of(messages[k].get("extra"))
    status = extra.get("exit_status") or info.get("exit_status")
    interruption = extra.get("interrupt_type")
    if k == i + 1 and (interruption == "FormatError" or (role == "user" and text.startswith(notes))):
        return "refused"
    if interruption == "UserRejection" or text.startswith(_DECLINED):
        return "declined"
    if interruption or text.startswith(_INTERRUPTED):
        return "unknown"
    if role == "exit":
        return "submitted" if status == "Submitted" else "unknown"
    if role != "user" or (k == len(messages) - 1 and status not in (None, "Submitted")):
        return "unknown"  # the next turn, or the error that ended a run in formats before 1.1
    return "answered"


def _role(message: dict[str, Any]) -> Any:
    """The role of a message. Objects of the Responses API have no `role`."""
    if message.get("type") == "function_call_output":
        return "tool"
    return "assistant" if message.get("object") == "response" else message.get("role")


def _commands(text: str, marker: str) -> list[tuple[int, int, str]]:
    """The commands in a reply: (start of the marks, their end, command)."""
    return fenced(text, marker) if marker.startswith("`") else tagged(text, marker.strip("<>"))


def _marker(messages: list[dict[str, Any]], info: dict[str, Any]) -> str:
    """The mark of commands that the instructions require."""
    instructions = "".join(text_of(m.get("content")) for m in messages[:2]) + json.dumps(info.get("config", ""))
    return next((marker for marker in _MARKERS if marker in instructions), _MARKERS[-1])


def _error_template(info: dict[str, Any]) -> str:
    """The configured note about a reply that could not be parsed."""
    return text_of(dict_of(dict_of(info.get("config")).get("agent")).get("format_error_template"))


def _is_submission(text: str, info: dict[str, Any]) -> bool:
    """Whether the last message is the submitted patch or an exit note, not output of the environment."""
    if info.get("exit_status") is None:  # the bare list and killed runs have no status
        return text.startswith("diff --git")
    return info["exit_status"] != "Submitted" or text.strip() == str(info.get("submission", "")).strip()
