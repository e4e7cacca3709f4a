"""Chat rows like requests of OpenAI's API: `messages` with `role` and `content`, tool calls native or in the text.

This is the generic reader for published data sets. It comes after all readers that know a format by its own marks. It
also reads a bare list of such messages, a file with one such message per line, and `messages` stored as a JSON string.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of
from lm_eval_hesnr.trajectories.outcomes import resolved_by_report
from lm_eval_hesnr.trajectories.readers.chat import ROLES, chat_segments, parse_messages
from lm_eval_hesnr.trajectories.readers.common import first_verdict, message_list
from lm_eval_hesnr.trajectories.schema import Trajectory

FORMAT = "OpenAI messages"

_IDS = ("instance_id", "id", "traj_id", "trajectory_id", "trial_name", "task_id")
_MODELS = ("model", "model_name", "model_name_or_path")
_OUTCOMES = ("resolved", "verified", "target")
_CONTENTS = {"content", "value", "tool_calls", "function_call"}
_FIRST = 3  # how many messages are checked to detect the format
_META = ("run_id", "traj_id", "trajectory_id", "trial_name", "episode", "exit_status", "source", "category", "task")


def is_event(data: Any) -> bool:
    """Whether a record is one message. A file of such lines is one run."""
    if not isinstance(data, dict) or not isinstance(data.get("role"), str):
        return False
    return data["role"] in ROLES and "content" in data and "type" not in data


def detect(data: Any) -> bool:
    """Whether the value is a row with `messages` of this form, or a bare list of them."""
    if not isinstance(data, dict):
        return isinstance(data, list) and bool(data) and is_chat(data)
    rows = data.get("messages")
    if isinstance(rows, str):
        return rows.lstrip().startswith("[") and '"role"' in rows
    return isinstance(rows, list) and is_chat(rows)


def is_chat(rows: list[Any]) -> bool:
    """Whether the first elements have a role and a content of the right types, and some role is a known one.

    An empty list is a chat, and so is a list with some unknown roles: `read` then raises an error with the reason.
    """
    first = [row[0] if isinstance(row, list) and len(row) == 1 else row for row in rows[:_FIRST]]
    return not rows or (all(map(_has_form, first)) and any(map(_is_message, first)))


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one row. Raises ValueError that names a malformed message or key."""
    row = data if isinstance(data, dict) else {"messages": data}
    return from_row(row, "messages", "openai-messages", path)


def from_row(row: dict[str, Any], key: str, source: str, path: Path) -> Trajectory:
    """Return the trajectory of a data set row. The chat is under `key`; other columns have id, model and outcome."""
    messages = parse_messages(message_list(row[key], key))
    if isinstance(row.get("system"), str) and messages[0].role != "system":
        messages = parse_messages([{"role": "system", "content": row["system"]}]) + messages
    identity = _first(row, _IDS) or path.name.split(".")[0]
    model = _first(row, _MODELS) or None
    return Trajectory(
        id=identity,
        source=source,
        resolved=_outcome(row, path, identity, model),
        model=model,
        segments=tuple(chat_segments(messages)),
        meta={key: row[key] for key in _META if isinstance(row.get(key), (str, int)) and row[key] != identity},
    )


def _is_message(row: Any) -> bool:
    """Whether a value is a message with a known role."""
    return _has_form(row) and _role(row) in ROLES


def _has_form(row: Any) -> bool:
    """Whether a value has a role and a content of the right types."""
    if not isinstance(row, dict) or not isinstance(_role(row), str) or _CONTENTS.isdisjoint(row):
        return False
    content = row.get("value") if row.get("content") is None else row["content"]
    if isinstance(content, list):
        return all(isinstance(part, (str, dict)) for part in content)
    return isinstance(content, (str, dict, type(None)))


def _role(row: dict[str, Any]) -> Any:
    return row.get("from") if row.get("role") is None else row["role"]


def _first(row: dict[str, Any], keys: tuple[str, ...]) -> str:
    """The first of these columns that contains a name, as text; empty if there is no such column."""
    values = (row.get(key) for key in keys)
    named = (value for value in values if isinstance(value, (str, int)) and not isinstance(value, bool))
    return str(next((value for value in named if value != ""), ""))


def _outcome(row: dict[str, Any], path: Path, identity: str, model: str | None) -> bool | None:
    """Whether the run solved its task: a column with 1 or 0 (-1 means unknown), or a report next to the file."""
    reports = (dict_of(dict_of(row.get("test_result")).get("report")), dict_of(row.get("report")))
    columns = [row.get(key) for key in _OUTCOMES] + [report.get("resolved") for report in reports]
    if "episode" in row:  # Harbor's export: `result` is the reward as text, or an exception's name
        columns.append({"1.0": 1, "0.0": 0}.get(str(row.get("result"))))
    verdict = first_verdict(columns)
    return resolved_by_report(path, identity, model) if verdict is None else verdict
