"""Reads a run's name from its path and values from a row's columns; defines the errors for runs that are skipped.

Other helpers for a new reader:
- `json_values`: `dict_of`, `list_of`, `text_of` for decoded JSON, which may have any type;
- `segments`: `thought`, `tool_call`, `shown`, `reasoning_of`: a segment from one part of a message;
- `found_calls`: `split_at_calls`, `fenced`, `tagged`, `xml_functions`: calls inside the model's text;
- `chat`: `parse_messages`, `chat_segments`: a whole chat of `role` and `content`;
- `session_parts`: `Part`, `content_parts`, `session_segments`: a session file of a coding agent;
- `outcomes`: `resolved_by_report`, `resolved_by_reward`: whether the run solved its task.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.listing import kept_for_folder, paths_in
from lm_eval_hesnr.trajectories.unknown import META_KEY, record_type

_NAMES_OF_ALL_TRIALS = ("trajectory", "mini-swe-agent.trajectory")
"""File names that are the same in every Harbor trial."""


class PartOfRunError(ValueError):
    """A reader raises this for a file that contains only part of a run, if another file contains the whole run.

    The file is not bad: the loader counts it as skipped. Catch this error before `ValueError`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(f"part of {path}: that file contains the whole run; read it instead")
        self.path = path
        """The file that contains the whole run."""


class NoReplyError(ValueError):
    """A reader raises this for a run in which the model wrote nothing, for example because the run failed at once.

    The file is not bad: the loader counts the run as skipped. Catch this error before `ValueError`.
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


def agent_name(path: Path) -> str:
    """The name of a session's run; `<session>/<agent>` for a sub-agent's file in the folder `subagents`.

    The session's own file is in the folder above. If that folder has several JSON Lines files, the session's name is
    the folder's name.
    """
    if path.parent.name != "subagents":
        return run_name(path)
    return f"{_session_name(path.parent.parent)}/{run_name(path)}"


@kept_for_folder
def _session_name(folder: Path) -> str:
    """The name of the session in a folder: that of its one JSON Lines file, otherwise that of the folder."""
    found = [path for path in paths_in(folder) if ".jsonl" in path.name and path.is_file()]
    return run_name(found[0]) if len(found) == 1 else folder.name


def message_list(value: Any, key: str) -> list[Any]:
    """The messages under a key: a list or its JSON text. Raises ValueError if they are not a list with messages."""
    if isinstance(value, str):
        try:
            value = json.loads(value, strict=False)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"key {key!r} should be a list or its JSON text: {error}") from error
    if not isinstance(value, list) or not value:
        raise ValueError(f"key {key!r} should be a list with messages, found {value!r:.40}")
    return value


def meta_of(unknown: Counter[str], **facts: Any) -> dict[str, Any]:
    """The `meta` of a trajectory: the facts that are not empty, and the number of skipped records by type."""
    counts = {META_KEY: dict(sorted((+unknown).items()))}
    return {key: value for key, value in {**facts, **counts}.items() if value}


def unknown_records(records: Iterable[Any]) -> dict[str, Any]:
    """The part of a trajectory's `meta` that counts skipped records by type; empty if there are none."""
    return meta_of(Counter(map(record_type, records)))


def first_verdict(values: Iterable[Any]) -> bool | None:
    """The first value that is true, false, 1 or 0, as a bool; None if no value is."""
    known = (bool(value) for value in values if isinstance(value, (bool, int, float)) and value in (0, 1))
    return next(known, None)
