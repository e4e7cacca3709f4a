"""Hermes sessions: a JSON object with `session_id` and `messages` like those of OpenAI's API.

The files are `~/.hermes/sessions/session_*.json`. Newer versions keep sessions in a database (`state.db`), which is not
read.

Arguments are stored as the text that the model wrote. Reasoning is in `reasoning`, often with a copy in
`reasoning_content`. `codex_reasoning_items` are encrypted, or summaries, and are left out. A message with an unknown
role, such as `session_meta`, is skipped and counted. The file does not have the outcome of the task.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, text_of
from lm_eval_hesnr.trajectories.readers.chat import ROLES, Message, parse_messages
from lm_eval_hesnr.trajectories.readers.common import message_list, meta_of, run_name
from lm_eval_hesnr.trajectories.readers.session_parts import Part, session_segments
from lm_eval_hesnr.trajectories.schema import Trajectory

FORMAT = "Hermes session"

_TRAITS = ("platform", "session_start", "last_updated", "message_count")
"""Other keys of a session, in addition to `session_id` and `messages`."""


def detect(data: Any) -> bool:
    """Whether the value is a session: `session_id` and `messages` with at least two of Hermes' other keys."""
    return (
        isinstance(data, dict)
        and isinstance(data.get("session_id"), str)
        and isinstance(data.get("messages"), list)
        and sum(key in data for key in _TRAITS) >= 2
    )


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one session. Raises ValueError that names a malformed message."""
    rows = [dict_of(row) for row in message_list(data["messages"], "messages")]
    unknown = Counter(f"role {row.get('role')}"[:80] for row in rows if not _is_known(row))
    parts = [part for message in parse_messages([*filter(_is_known, rows)]) for part in _parts(message)]
    if not any(part.kind == "system" for part in parts):
        parts.insert(0, Part("system", text_of(data.get("system_prompt"))))
    model = data.get("model")
    return Trajectory(
        id=data["session_id"] or run_name(path),
        source="hermes",
        resolved=None,
        model=str(model) if model else None,
        segments=session_segments(parts),
        meta=meta_of(unknown, platform=data.get("platform")),
    )


def _is_known(row: dict[str, Any]) -> bool:
    return isinstance(row.get("role"), str) and row["role"] in ROLES


def _parts(message: Message) -> Iterator[Part]:
    """Yield the parts of one message."""
    if message.role == "assistant":
        yield Part("thought", message.reasoning)
        yield Part("thought", message.text)
        for item in message.calls:
            yield Part("call", id=item.id, tool=item.tool, arguments=item.arguments)
    elif message.role == "tool":
        yield Part("result", message.text, message.answers)
    elif message.role == "user":
        yield Part("task", message.text)
    else:
        yield Part("system" if message.role == "system" else "other", message.text)
