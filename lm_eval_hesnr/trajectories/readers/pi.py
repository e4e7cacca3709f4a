"""Pi and OpenClaw sessions: a JSONL file of entries, which together are one trajectory.

The files are `~/.pi/agent/sessions/<project>/<time>_<id>.jsonl` and `~/.openclaw/agents/<agent>/sessions/<id>.jsonl`.
OpenClaw is built on Pi and writes the same entries.

Entries are a tree: each names its parent, and the last entry is the end of the current branch. A branch that the user
abandoned is left out, and `meta["abandoned_entries"]` counts its messages. Files of the first version have no parents.
A session whose parents form a cycle is not read.

Arguments are stored as an object, so an action's text is that object written as JSON. What the program writes
(summaries of a compaction or a branch, messages of extensions, commands that the user ran) is `other`. The file has
neither the system prompt nor the outcome of the task. OpenClaw's `<id>.trajectory.jsonl` files are not read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, text_of
from lm_eval_hesnr.trajectories.readers.common import meta_of, run_name
from lm_eval_hesnr.trajectories.readers.session_parts import (
    Part,
    content_parts,
    id_of,
    is_session,
    message_of,
    session_segments,
)
from lm_eval_hesnr.trajectories.schema import Trajectory

FORMAT = "Pi or OpenClaw session"

_NOTES = ("session", "model_change", "thinking_level_change", "custom", "label", "session_info", "ephemeral")
"""Types of entries that the model is not shown."""
_SUMMARIES = ("compaction", "branch_summary")
_MESSAGES = ("message", "custom_message", *_SUMMARIES)
_NOT_RUN = ("Skipped due to queued user message", "Validation failed for tool", "Operation aborted")
"""The beginnings of errors for calls that did not run."""
_OWN_BLOCKS = ("toolCall",)
_OWN_ROLES = ("toolResult", "bashExecution", "branchSummary", "compactionSummary", "hookMessage")
"""Types of blocks and roles that only Pi's messages have."""


def is_event(data: Any) -> bool:
    """Whether a decoded line is an entry of a session."""
    if not isinstance(data, dict) or not isinstance(data.get("type"), str) or "payload" in data:
        return False
    if data["type"] == "session":
        return isinstance(data.get("id"), str) and ("cwd" in data or "version" in data)
    if data["type"] == "message":
        return isinstance(message_of(data).get("role"), str) and ("id" in data or "timestamp" in data)
    return data["type"] in (*_NOTES, *_MESSAGES) and "id" in data and "parentId" in data


def detect(data: Any) -> bool:
    """Whether the value is a list of a session's entries: with its header, or with a message in Pi's own form."""
    return is_session(data, is_event) and any(map(_is_own, data))


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one session's entries. Raises ValueError if their parents form a cycle."""
    unknown: Counter[str] = Counter()
    entries = [dict_of(entry) for entry in data]
    _check_no_cycle(entries)
    current = _current(entries)
    header: dict[str, Any] = next((entry for entry in entries if entry.get("type") == "session"), {})
    models = [message_of(entry).get("model") or entry.get("modelId") or entry.get("model") for entry in current]
    return Trajectory(
        id=id_of(header, "id") or run_name(path),
        source="pi",
        resolved=None,
        model=next((str(model) for model in models if model), None),
        segments=session_segments(part for entry in current for part in _parts(entry, unknown)),
        meta=meta_of(
            unknown, abandoned_entries=_n_messages(entries) - _n_messages(current), branched_from=_origin(header)
        ),
    )


def _is_own(entry: Any) -> bool:
    if not is_event(entry):
        return False
    message = message_of(entry)
    content = message.get("content")
    blocks = map(dict_of, content if isinstance(content, list) else [])
    return (
        entry["type"] == "session"
        or message.get("role") in _OWN_ROLES
        or any(block.get("type") in _OWN_BLOCKS for block in blocks)
    )


def _origin(header: dict[str, Any]) -> str:
    """Name of the session file from which this session was branched; empty if there is no such file."""
    origin = header.get("parentSession") or header.get("branchedFrom")
    return Path(origin).name if isinstance(origin, str) else ""


def _n_messages(entries: list[dict[str, Any]]) -> int:
    return sum(entry.get("type") == "message" for entry in entries)


def _current(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The entries without the branches that the user abandoned.

    The entries on the path from the last entry to the first are kept. A subtree beside this path is abandoned if it has
    a message. If an entry's parent is not in the file, the previous entry is its parent.
    """
    index = {entry["id"]: i for i, entry in enumerate(entries) if isinstance(entry.get("id"), str)}
    parents = [_parent(i, entry, index) for i, entry in enumerate(entries)]
    on_way, i = set(), len(entries) - 1
    while i >= 0:
        on_way.add(i)
        i = parents[i]
    top: list[int] = []  # for each entry: the root of its subtree beside the path; on the path, the entry itself
    for i in range(len(entries)):
        top.append(i if i in on_way or parents[i] < 0 or parents[i] in on_way else top[parents[i]])
    left = {top[i] for i, entry in enumerate(entries) if i not in on_way and entry.get("type") == "message"}
    return [entry for i, entry in enumerate(entries) if top[i] not in left]


def _check_no_cycle(entries: list[dict[str, Any]]) -> None:
    """Raise ValueError if following an entry's parents leads back to it. An entry that names itself is a root."""
    parents = {entry["id"]: entry.get("parentId") for entry in entries if isinstance(entry.get("id"), str)}
    checked: set[str] = set()
    for name in parents:
        way: set[str] = set()
        at: Any = name
        while isinstance(at, str) and at in parents and at not in checked:
            if at in way:
                raise ValueError(f"the parents of the entries form a cycle: entry {at!r:.40} is its own ancestor")
            way.add(at)
            at = parents[at] if parents[at] != at else None
        checked.update(way)


def _parent(i: int, entry: dict[str, Any], index: dict[str, int]) -> int:
    """The index of an entry's parent, which is always before it; -1 for the first entry."""
    named = entry.get("parentId")
    if not isinstance(named, str):
        return i - 1
    parent = index.get(named, i - 1)
    return parent if parent < i else i - 1


def _parts(entry: dict[str, Any], unknown: Counter[str]) -> Iterator[Part]:
    """Yield the parts of one entry."""
    kind = str(entry.get("type"))
    if kind == "message" and is_event(entry):
        yield from _message_parts(message_of(entry), unknown)
    elif kind in _SUMMARIES:
        yield Part("other", text_of(entry.get("summary")))
    elif kind == "custom_message":
        yield Part("added", text_of(entry.get("content")))
    elif kind not in _NOTES:
        unknown[kind[:80]] += 1


def _message_parts(message: dict[str, Any], unknown: Counter[str]) -> Iterator[Part]:
    """Yield the parts of one message, by its role."""
    role, content = message["role"], message.get("content")
    if role in ("user", "assistant"):
        yield from content_parts(content, role == "assistant", (), unknown)
    elif role == "toolResult":
        text = text_of(content)
        yield Part("result", text, id_of(message, "toolCallId"), ran=not text.startswith(_NOT_RUN))
    elif role == "system":
        yield Part("system", text_of(content))
    elif role == "bashExecution":
        if message.get("excludeFromContext") is not True:
            yield Part("other", f"{text_of(message.get('command'))}\n{text_of(message.get('output'))}")
    elif role in ("branchSummary", "compactionSummary"):
        yield Part("other", text_of(message.get("summary")))
    elif role in ("custom", "hookMessage"):
        yield Part("added", text_of(content))
    else:
        unknown[f"role {role}"[:80]] += 1
