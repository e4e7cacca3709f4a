"""Cursor agent transcripts: a JSONL file of `{"role", "message"}` lines, which together are one trajectory.

The files are `~/.cursor/projects/<project>/agent-transcripts/<id>/<id>.jsonl`. A sub-agent's transcript is next to it,
in the folder `subagents`. It is a run of its own, with the id `<session>/<agent>`.

Most calls have no id, so results are paired with calls in order. Most versions store no results, so it is unknown
whether a call ran. Arguments are stored as an object, so an action's text is that object written as JSON.

The file has neither the system prompt nor the outcome of the task, and rarely the model's name. Chats that are only in
Cursor's databases are not read. For `cursor-agent --output-format stream-json`, see `cursor_stream`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of
from lm_eval_hesnr.trajectories.readers.common import agent_name, meta_of
from lm_eval_hesnr.trajectories.readers.session_parts import (
    Part,
    content_parts,
    is_session,
    message_of,
    session_segments,
)
from lm_eval_hesnr.trajectories.schema import Trajectory

FORMAT = "Cursor agent transcript"

_ROLES = ("user", "assistant")
_FOREIGN = ("type", "uuid", "sessionId", "parentId")
"""Keys of other agents' lines."""
_STATUS = "turn_ended"
"""Type of a line without text, at the end of a turn."""
_ADDED = ("<system_reminder>", "<system-reminder>", "<system_notification>")


def is_event(data: Any) -> bool:
    """Whether a decoded line is a message of a transcript: the role is next to the message, not in it."""
    return (
        isinstance(data, dict)
        and data.get("role") in _ROLES
        and "content" in message_of(data)
        and "role" not in message_of(data)
        and not any(key in data for key in _FOREIGN)
    )


def detect(data: Any) -> bool:
    """Whether the value is a list of a transcript's lines."""
    return is_session(data, is_event)


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one transcript's lines."""
    unknown: Counter[str] = Counter()
    lines = [dict_of(line) for line in data]
    models = (line.get("model") or message_of(line).get("model") for line in lines if line.get("role") == "assistant")
    return Trajectory(
        id=agent_name(path),
        source="cursor",
        resolved=None,
        model=next((str(model) for model in models if model), None),
        segments=session_segments(part for line in lines for part in _parts(line, unknown)),
        meta=meta_of(unknown),
    )


def _parts(line: dict[str, Any], unknown: Counter[str]) -> Iterator[Part]:
    """Yield the parts of one line."""
    if is_event(line):
        yield from content_parts(message_of(line)["content"], line["role"] == "assistant", _ADDED, unknown)
    elif line.get("type") != _STATUS:
        unknown[str(line.get("type"))[:80]] += 1
