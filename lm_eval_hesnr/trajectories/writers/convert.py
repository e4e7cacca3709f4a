"""Converts a run of one agent into a run of another agent: the same commands and outputs in another format.

The caller passes the other agent's instructions, because they contain the syntax of its calls. Each agent submits its
work in its own way. Refused replies are left out, together with the notes about them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from lm_eval_hesnr.trajectories.readers.found_calls import fenced
from lm_eval_hesnr.trajectories.readers.swe_agent_parsers import first_function
from lm_eval_hesnr.trajectories.schema import Call, Segment, Trajectory
from lm_eval_hesnr.trajectories.writers.answers import (
    OBSERVED,
    SUBMIT_COMMAND,
    SUBMIT_MARKER,
    observed,
    output_of,
    with_exit_code,
)
from lm_eval_hesnr.trajectories.writers.turns import Turn, patch_of, split_run

NUMBERS = ("view_range", "insert_line")
"""Parameters of the editor that are numbers. They are JSON in a tool call and plain text in tags."""

_THOUGHT = "THOUGHT: "


def convert_run(trajectory: Trajectory, file_format: str, system: str, task: str) -> Trajectory:
    """Return the run as another agent would have written it.

    Args:
        trajectory: a finished run of swe-mini, with the exit codes of its commands in `meta`.
        file_format: the other agent's format, a key of `FILE_FORMATS`.
        system: the other agent's instructions.
        task: the task in the other agent's words.

    Raises:
        ValueError: the other agent cannot express a part of the run.
    """
    patch = patch_of(trajectory)
    turns = [turn for turn in split_run(trajectory).turns if turn.call]
    codes = trajectory.meta["exit_codes"]
    segments = [Segment("system", system), Segment("task", task)]
    for turn, code in zip(turns, codes, strict=True):
        segments += _reply(turn, file_format, last=turn is turns[-1])
        if turn is not turns[-1] and turn.answer:
            output = output_of(turn.answer.text)
            answer = with_exit_code(code, output) if file_format == "mini-swe-agent" else observed(output)
            segments.append(Segment("observation", answer))
    if file_format != "swe-smith-xml":
        segments.append(Segment("other", f"{OBSERVED}{patch}" if file_format == "swe-agent" else patch))
    meta = {key: value for key, value in trajectory.meta.items() if key != "patch"} | {"style": file_format}
    meta |= {"patch": patch} if file_format == "swe-smith-xml" else {}
    return replace(trajectory, source=file_format, segments=tuple(segments), meta=meta)


def _reply(turn: Turn, file_format: str, *, last: bool) -> list[Segment]:
    """One reply in the other agent's syntax."""
    prose = "\n\n".join(text for s in turn.reply if s.kind == "thought" and (text := s.text.strip("\n")))
    prose = prose.removeprefix(_THOUGHT)
    if {"mini-swe-agent": "```bash", "swe-smith-xml": "<function="}.get(file_format, "\0") in prose:
        raise ValueError("a thought contains the syntax of a call, which the reader would read as a call")
    tool, arguments = _target_call(turn, file_format, last=last)
    call = Call(tool, arguments, executed=True)
    if file_format == "swe-agent":
        emitted = json.dumps(arguments, ensure_ascii=False)
        thoughts = [Segment("thought", prose, generated=True)] if prose else []
        return [*thoughts, Segment("action", emitted, generated=True, calls=(call,))]
    text = f"{_THOUGHT}{prose}\n\n" if file_format == "mini-swe-agent" else f"{prose}\n\n"
    written = _in_fence(arguments) if file_format == "mini-swe-agent" else _in_tags(tool, arguments)
    thoughts = [Segment("thought", text, generated=True)] if prose else []
    return [*thoughts, Segment("action", written, generated=True, calls=(call,), continues=bool(prose))]


def _target_call(turn: Turn, file_format: str, *, last: bool) -> tuple[str, dict[str, Any]]:
    """(tool, arguments) for the other agent: the same call, or its own way to submit at the end."""
    if last:
        command = f"echo {SUBMIT_MARKER.strip()} && {SUBMIT_COMMAND}"
        return ("bash", {"command": command}) if file_format == "mini-swe-agent" else ("submit", {})
    assert turn.call is not None
    tool, arguments = turn.call.tool, turn.call.arguments
    if tool != "bash" and file_format == "mini-swe-agent":
        raise ValueError(f"the run calls {tool}, but mini-swe-agent has only bash")
    decoded = file_format == "swe-agent"
    return tool, {name: _number(value, decoded) if name in NUMBERS else value for name, value in arguments.items()}


def _number(value: Any, decoded: bool) -> Any:
    """A number or a list of numbers, decoded or as text."""
    text = value if isinstance(value, str) else json.dumps(value)
    return json.loads(text) if decoded else text


def _in_fence(arguments: dict[str, Any]) -> str:
    """The command as mini-swe-agent's bash block."""
    written = f"```bash\n{arguments['command']}\n```"
    if [inside for _, _, inside in fenced(written, "```bash")] != [arguments["command"]]:
        raise ValueError("a command contains a code fence, which would end mini-swe-agent's block")
    return written


def _in_tags(tool: str, arguments: dict[str, Any]) -> str:
    """The call in tags. A value with several lines starts on a new line; the parser removes these line ends."""
    parameters = []
    for name, value in arguments.items():
        before = "\n" if "\n" in value else ""
        # at the end, the parser removes two line ends if there are two
        after = before * (2 if value.endswith("\n") else 1)
        parameters.append(f"<parameter={name}>{before}{value}{after}</parameter>\n")
    written = f"<function={tool}>\n{''.join(parameters)}</function>"
    if [found.calls[0].arguments for found in first_function(written, None)] != [arguments]:
        raise ValueError("a value contains a closing tag or begins with a line end; tags have no escapes")
    return written
