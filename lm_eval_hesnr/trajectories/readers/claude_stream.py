"""The output of Claude Code with `--output-format stream-json`: a line for each message, which together are one run.

The program prints these lines. The user or a harness saves them in any file. `--output-format json --verbose` prints
the same values as one list.

Text and calls are read as in Claude Code's session logs (`claude_messages`). The line of type `system` contains session
and model. The line of type `result` contains how the run ended; its text repeats the last reply. Pieces of replies
(`stream_event`) are left out, because the whole reply follows. Lines of unknown types are counted in `meta`.

A sub-agent is a run of its own, named `<session>/<id of the call that started it>`. Several sessions of one file are
runs of their own too.

Lost: the stream has neither the system prompt nor, in most runs, the user's request. The outcome of the task is not in
it either: `success` only means that the program ended by itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of
from lm_eval_hesnr.trajectories.readers.claude_messages import is_message, message_segments, model_of
from lm_eval_hesnr.trajectories.readers.common import run_name, unknown_records
from lm_eval_hesnr.trajectories.schema import Trajectory

FORMAT = "Claude Code stream"

_NOTES = ("system", "result", "stream_event", "rate_limit_event", "tool_progress", "auth_status", "control_response")
"""Types of lines that are not messages."""


def is_event(data: Any) -> bool:
    """Whether one decoded line is from a stream: its beginning, its end or a message of the session."""
    if not isinstance(data, dict) or "sessionId" in data:
        return False
    if data.get("type") in ("system", "result"):
        return isinstance(data.get("subtype"), str) and isinstance(data.get("session_id"), str)
    return is_message(data) and ("session_id" in data or "parent_tool_use_id" in data)


def detect(data: Any) -> bool:
    """Whether the value is a list of a stream's lines, with at least one message."""
    return isinstance(data, list) and any(is_event(line) and is_message(line) for line in data)


def separate_runs(data: list[Any]) -> list[list[Any]]:
    """The lines of each session, and those of each sub-agent in it."""
    runs: dict[tuple[str, str], list[Any]] = {}
    session = next((name for line in data if (name := _session(line))), "")
    for line in data:
        session = _session(line) or session
        runs.setdefault((session, _agent(line)), []).append(line)
    return [lines for lines in runs.values() if any(map(is_message, lines))]


def read(data: list[Any], path: Path) -> Trajectory:
    """Return the trajectory of one session's lines. If all of them are a sub-agent's, it is the sub-agent's run."""
    messages = [line for line in data if is_message(line)]
    main = [line for line in messages if not _agent(line)]
    own, n_left_out = main or messages, len(messages) - len(main or messages)
    session = next((name for line in data if (name := _session(line))), run_name(path))
    begin, end = _note(data, "system"), _note(data, "result")
    denied = {str(dict_of(call).get("tool_use_id")) for call in list_of(end.get("permission_denials"))}
    model = begin.get("model") if main else None
    meta = {
        "agent_version": begin.get("claude_code_version"),
        "exit_status": end.get("subtype"),
        "sidechain_lines_left_out": n_left_out,
    }
    return Trajectory(
        id=session if main else f"{session}/{_agent(own[0])}",
        source="claude-code-stream",
        resolved=None,
        model=model_of(own) or (model if isinstance(model, str) else None),
        segments=tuple(message_segments(own, denied)),
        meta={key: value for key, value in meta.items() if value}
        | unknown_records(line for line in data if not is_message(line) and dict_of(line).get("type") not in _NOTES),
    )


def _note(lines: list[Any], kind: str) -> dict[str, Any]:
    """The first line of a type; empty if there is none."""
    return next((line for line in map(dict_of, lines) if line.get("type") == kind), {})


def _session(line: Any) -> str:
    name = dict_of(line).get("session_id")
    return name if isinstance(name, str) else ""


def _agent(line: Any) -> str:
    """For a line of a sub-agent: the id of the call that started it. Empty for the session's own lines."""
    name = dict_of(line).get("parent_tool_use_id")
    return name if isinstance(name, str) else ""
