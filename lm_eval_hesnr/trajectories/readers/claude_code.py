"""Claude Code session logs: a JSONL file of events, which together are one trajectory.

The files are `~/.claude/projects/<folder>/<session>.jsonl`. The lines may also be exported as one object,
`{"loglines": [...]}`.

The model's text and thinking blocks are thoughts. Summaries of thinking by the server are not marked, so they are
thoughts too. `tool_use` blocks are actions. The log stores their input as an object, so an action's text is that
object written as JSON. Tool results are lines of type `user`.

A sub-agent is a run of its own, named `<session>/<agent>`: its lines are marked `isSidechain`, in the session's file or
in a file `agent-<id>.jsonl` next to it.

Left out: lines that the model was never shown (summaries, snapshots, system notices, `toolUseResult`), and lines that
are written again (`claude_messages`). Lines of unknown types are counted in `meta`. A branch that the user left is
kept, because the log does not say when the model stopped seeing it.

Text that the program adds to the conversation is `task` before the model's first reply and `other` later. The log has
neither the system prompt nor the outcome of the task.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of
from lm_eval_hesnr.trajectories.readers.claude_messages import is_message, is_words, message_segments, model_of
from lm_eval_hesnr.trajectories.readers.common import run_name, unknown_records
from lm_eval_hesnr.trajectories.schema import Trajectory

FORMAT = "Claude Code session"

_NOTES = (
    *("summary", "system", "progress", "attachment", "file-history-snapshot", "queue-operation", "last-prompt"),
    *("ai-title", "custom-title", "tag", "mode", "permission-mode", "agent-name", "agent-color", "agent-setting"),
    *("pr-link", "worktree-state", "content-replacement"),
)
"""Types of lines that are not messages."""
_OF_QWEN = ("systemPayload", "toolCallResult", "usageMetadata")
"""Keys of Qwen Code, whose lines also have `sessionId` and `uuid`."""


def is_event(data: Any) -> bool:
    """Whether one decoded line is from a session log."""
    if _is_message(data):
        return True
    if not isinstance(data, dict) or data.get("type") not in _NOTES:
        return False
    if any(key in data for key in _OF_QWEN) or "parts" in dict_of(data.get("message")):
        return False
    own_word = "-" in data["type"] and "sessionId" in data
    return own_word or "leafUuid" in data or {"sessionId", "uuid"} <= data.keys() or "snapshot" in data


def detect(data: Any) -> bool:
    """Whether the value has a session's lines, with at least one message."""
    return any(map(_is_message, data if isinstance(data, list) else [])) or any(map(is_message, _exported(data)))


def separate_runs(data: Any) -> list[Any]:
    """The lines of the session, and those of each sub-agent in it."""
    runs: dict[str, list[Any]] = {"": []}
    agents: dict[str, str] = {}  # by uuid of a sub-agent's line
    agent = ""
    for line in _exported(data) or data:
        if not _is_sidechain(line):
            runs[""].append(line)
            continue
        agent = _agent(line, agents, agent)
        agents[str(line.get("uuid"))] = agent
        runs.setdefault(agent, []).append(line)
    return [lines for lines in runs.values() if any(map(is_message, lines))]


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one session's lines. If all of them are a sub-agent's, it is the sub-agent's run."""
    lines = _exported(data) or data
    messages = [line for line in lines if is_message(line)]
    main = [line for line in messages if not _is_sidechain(line)]
    own, n_left_out = main or messages, len(messages) - len(main or messages)
    version = next((line["version"] for line in own if line.get("version")), None)
    return Trajectory(
        id=_id(own, path, is_agent=not main),
        source="claude-code",
        resolved=None,
        model=model_of(own),
        segments=tuple(message_segments(own)),
        meta={
            **({"agent_version": version} if version else {}),
            **({"sidechain_lines_left_out": n_left_out} if n_left_out else {}),
            **unknown_records(line for line in lines if not (is_message(line) or dict_of(line).get("type") in _NOTES)),
        },
    )


def _is_message(line: Any) -> bool:
    """Whether a line of a log is a message: it has a session or a uuid next to the message."""
    return is_message(line) and ("sessionId" in line or ("uuid" in line and "session_id" not in line))


def _exported(data: Any) -> list[Any]:
    """The lines of an export, which may have neither session nor uuid; empty for any other value."""
    return list_of(data.get("loglines")) if isinstance(data, dict) else []


def _is_sidechain(line: Any) -> bool:
    return isinstance(line, dict) and line.get("isSidechain") is True


def _agent(line: dict[str, Any], agents: dict[str, str], last: str) -> str:
    """The agent of a sub-agent's line: its id, otherwise the agent of the previous line in the conversation.

    If a user's line has no previous line, it begins the next agent, whose name is the line's uuid.
    """
    parent = line.get("parentUuid")
    if line.get("agentId") or (isinstance(parent, str) and parent in agents):
        return str(line.get("agentId") or agents[str(parent)])
    begins = is_message(line) and is_words(line)
    return str(line.get("uuid") or "agent") if begins or not last else last


def _id(lines: list[dict[str, Any]], path: Path, is_agent: bool) -> str:
    """The session's id. A sub-agent's id follows it, if the name or the first line of its file contains one."""
    session = str(lines[0].get("sessionId") or "")
    name = run_name(path)
    if not is_agent or not session:
        return session or name
    own_file = name if name.startswith("agent-") else ""
    return f"{session}/{lines[0].get('agentId') or own_file or lines[0].get('uuid') or 'agent'}"
