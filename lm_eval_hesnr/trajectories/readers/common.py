"""What a reader takes from a file's name and from a row's columns, and the error for a part of a run.

Other helpers for a new reader:
- `json_values`: `dict_of`, `list_of`, `text_of` for decoded JSON, which may have any type;
- `segments`: `thought`, `tool_call`, `shown`, `reasoning_of`: a segment from one part of a message;
- `found_calls`: `split_at_calls`, `fenced`, `tagged`, `xml_functions`: calls inside the model's text;
- `chat`: `parse_messages`, `chat_segments`: a whole chat of `role` and `content`;
- `outcomes`: `resolved_by_report`, `resolved_by_reward`: whether the run solved its task.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_NAMES_OF_ALL_TRIALS = ("trajectory", "mini-swe-agent.trajectory")
"""File names that are the same in every Harbor trial."""


class PartOfRunError(ValueError):
    """A reader raises this for a file that holds only part of a run, if another file holds the whole run.

    The file is not bad: a folder's loader counts it as skipped. Catch it before `ValueError`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(f"part of {path}: that file holds the whole run; read it instead")
        self.path = path
        """The file that holds the whole run."""


class NoReplyError(ValueError):
    """A reader raises this for a run in which the model wrote nothing, as nobody asked it or the run failed at once.

    The file is not bad: the loader counts the run as skipped. Catch it before `ValueError`.
    """

    def __init__(self) -> None:
        super().__init__("the model wrote nothing in this run")


def run_name(path: Path) -> str:
    """The name of a run whose file has no id: the file's name, or the trial's folder for Harbor's fixed file names."""
    name = path.name
    for ending in (".gz", ".zst", ".jsonl", ".ndjson", ".json", ".traj"):
        name = name.removesuffix(ending)
    if name.removeprefix("agent_") not in _NAMES_OF_ALL_TRIALS:
        return name
    return (path.parent.parent if path.parent.name == "agent" else path.parent).name or name


def message_list(value: Any, key: str) -> list[Any]:
    """The messages under a key, which may be JSON text. Raises ValueError if they are not a list with messages."""
    if isinstance(value, str):
        try:
            value = json.loads(value, strict=False)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"key {key!r} should be a list or its JSON text: {error}") from error
    if not isinstance(value, list) or not value:
        raise ValueError(f"key {key!r} should be a list with messages, found {value!r:.40}")
    return value


def first_verdict(values: Iterable[Any]) -> bool | None:
    """The first value that is true, false, 1 or 0, as a bool; None if no value is."""
    known = (bool(value) for value in values if isinstance(value, (bool, int, float)) and value in (0, 1))
    return next(known, None)
