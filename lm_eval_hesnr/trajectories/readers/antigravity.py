"""Antigravity transcripts: a JSONL file of steps, which together are one trajectory.

The files are `~/.gemini/antigravity*/brain/<id>/.system_generated/logs/transcript.jsonl`. If `transcript_full.jsonl` is
there too, it holds the same run without cuts, and the other file is only a part of it.

A step of type `PLANNER_RESPONSE` is a reply of the model. Every other step with the source `MODEL` is the result of a
call. Nothing connects a result to its call, so they are paired in order. Reasoning is what the server sent, which may
be a summary; it is not marked, so it is a thought.

Each argument is stored as JSON text of its own. The action is the object of the decoded values. A long value is cut off
and ends with `<truncated N bytes>`. This mark is removed from what the model wrote, and `meta["cut_texts"]` counts how
often. `CONVERSATION_HISTORY` and steps without content are not text.

The file has neither the system prompt nor the outcome of the task.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.readers.common import PartOfRunError, run_name
from lm_eval_hesnr.trajectories.readers.session_parts import Part, is_session, meta_of, session_segments
from lm_eval_hesnr.trajectories.schema import Trajectory

FORMAT = "Antigravity transcript"

_FULL = "transcript_full"
_NAMES = ("transcript", _FULL)
"""File names that are the same for every session."""
_CUT = re.compile(r"\n?<truncated \d+ bytes>\s*\Z")
_MAX_ESCAPE = 6
"""Length of `\\uXXXX`, the longest escape that a cut can split."""
_MODEL = re.compile(r"`Model Selection` from .{0,200}? to (.{1,80}?)\.(?:\s|$)")
_NOT_RUN = ("CANCELED", "CANCELLED", "INVALID", "REJECTED")
"""Assumed: states of a result whose call did not run."""


def is_event(data: Any) -> bool:
    """Whether a decoded line is a step of a transcript."""
    return (
        isinstance(data, dict)
        and isinstance(data.get("step_index"), int)
        and isinstance(data.get("source"), str)
        and isinstance(data.get("type"), str)
        and ("status" in data or "created_at" in data)
    )


def detect(data: Any) -> bool:
    """Whether the value is a list of a transcript's lines."""
    return is_session(data, is_event)


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one transcript. Raises PartOfRunError if the same run lies beside it without cuts."""
    name = run_name(path)
    whole = path.with_name(path.name.replace(_NAMES[0], _FULL, 1))
    if name == _NAMES[0] and whole.is_file():
        raise PartOfRunError(whole)
    counts: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    steps = [dict_of(line) for line in data]
    segments = session_segments(part for step in steps for part in _parts(step, counts, unknown))
    models = (_MODEL.search(text_of(step.get("content"))) for step in steps if step.get("type") == "USER_INPUT")
    return Trajectory(
        id=_conversation(path) if name in _NAMES else name,
        source="antigravity",
        resolved=None,
        model=next((match[1] for match in models if match), None),
        segments=segments,
        meta=meta_of(unknown, **counts),
    )


def _conversation(path: Path) -> str:
    """The conversation's id, which is the name of its folder in `brain`."""
    folder = path.parent
    if folder.name == "logs" and folder.parent.name == ".system_generated":
        folder = folder.parent.parent
    return folder.name or run_name(path)


def _parts(step: dict[str, Any], counts: Counter[str], unknown: Counter[str]) -> Iterator[Part]:
    """Yield the parts of one step. Counts texts that are cut off, and steps of unknown types."""
    kind, source, content = str(step.get("type")), str(step.get("source")), text_of(step.get("content"))
    if kind == "PLANNER_RESPONSE":
        for text in (text_of(step.get("thinking")), content):
            yield Part("thought", _without_mark(text, counts))
        for item in map(dict_of, list_of(step.get("tool_calls"))):
            yield Part("call", tool=str(item.get("name")), arguments=_arguments(item.get("args"), counts))
    elif kind == "USER_INPUT":
        yield Part("task", content)
    elif not is_event(step) or source not in ("MODEL", "SYSTEM"):
        unknown[kind[:80]] += 1
    elif source == "SYSTEM":
        yield Part("other" if kind == "CHECKPOINT" else "system", content)
    else:
        yield Part("result", content, ran=str(step.get("status")).upper() not in _NOT_RUN)


def _without_mark(text: str, counts: Counter[str]) -> str:
    """The text that the model wrote, without the mark of a cut."""
    cut = _CUT.search(text)
    if cut is None:
        return text
    counts["cut_texts"] += 1
    return text[: cut.start()]


def _arguments(stored: Any, counts: Counter[str]) -> Any:
    """The arguments with decoded values; a value that is not JSON text is kept as it is."""
    if not isinstance(stored, dict):
        return stored
    return {name: _decoded(value, counts) if isinstance(value, str) else value for name, value in stored.items()}


def _decoded(value: str, counts: Counter[str]) -> Any:
    """The value of one argument's JSON text. Of a string that is cut off, what is there."""
    text = _without_mark(value, counts)
    try:
        return json.loads(text, strict=False)
    except (ValueError, RecursionError):
        pass
    if text == value or not text.startswith('"'):
        return text
    for n_lost in range(_MAX_ESCAPE + 1):
        try:
            return json.loads(text[: len(text) - n_lost] + '"', strict=False)
        except ValueError:
            continue
    return text
