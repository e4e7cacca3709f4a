"""Antigravity transcripts: a JSONL file of steps, which together are one trajectory.

The files are `~/.gemini/antigravity*/brain/<id>/.system_generated/logs/transcript.jsonl`. If `transcript_full.jsonl` is
there too, it contains the same run without cuts, and the other file is only a part of it.

A step of type `PLANNER_RESPONSE` is a reply of the model. Every other step with the source `MODEL` is the result of a
call, and so is an error about a call. Nothing connects a result to its call, so they are paired in order. Reasoning
that begins with a bold heading on its own line is a summary by the server. It is a thought that is not `generated`.

Most versions store each argument as JSON text of its own. The action is the object of the decoded values. Other
versions store plain values, which are used unchanged. A long value is cut off and ends with `<truncated N bytes>`. This
mark is removed from the model's text, and `meta["cut_texts"]` counts the cuts.

Left out: `CONVERSATION_HISTORY`, which is about other conversations. Text that the program adds (`SYSTEM`), also the
summary of a compaction, is `other` after the first reply. The file has neither the system prompt nor the outcome.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.readers.common import PartOfRunError, meta_of, run_name
from lm_eval_hesnr.trajectories.readers.session_parts import Part, is_session, session_segments
from lm_eval_hesnr.trajectories.schema import Trajectory

FORMAT = "Antigravity transcript"

_FULL = "transcript_full"
_NAMES = ("transcript", _FULL)
"""File names that are the same for every session."""
_CUT = re.compile(r"\n?<truncated \d+ bytes>\s*\Z")
_MAX_ESCAPE = 6
"""Length of `\\uXXXX`, the longest escape that a cut can split."""
_SUMMARY = re.compile(r"\s*\*\*[^*\n]{1,200}\*\*\s*(\n|\Z)")
"""The heading in bold with which the server begins a summary of the model's reasoning."""
_MODEL_CHANGE = "`Model Selection` from "
"""The program writes this into the user's message, then the names of the old and the new model."""
_NEW_MODEL = re.compile(r".{0,100}? to (.{1,100}?)\.(?:\s|$)")
_NOT_RUN = ("CANCELED", "CANCELLED", "INVALID", "REJECTED")
"""Assumed: states of a result whose call did not run."""
_INVALID = "invalid tool call"
_DENIED = "denied"


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
    """Return the trajectory of one transcript. Raises PartOfRunError if a file next to it has the run without cuts."""
    name = run_name(path)
    whole = path.with_name(path.name.replace(_NAMES[0], _FULL, 1))
    if name == _NAMES[0] and whole.is_file():
        raise PartOfRunError(whole)
    counts: Counter[str] = Counter()
    unknown: Counter[str] = Counter()
    steps = _in_order([dict_of(line) for line in data])
    segments = session_segments(part for step in steps for part in _parts(step, counts, unknown))
    return Trajectory(
        id=_conversation(path) if name in _NAMES else name,
        source="antigravity",
        resolved=None,
        model=_model(steps),
        segments=segments,
        meta=meta_of(unknown, **counts),
    )


def _conversation(path: Path) -> str:
    """The conversation's id, which is the name of its folder in `brain`."""
    folder = path.parent
    if folder.name == "logs" and folder.parent.name == ".system_generated":
        folder = folder.parent.parent
    return folder.name or run_name(path)


def _model(steps: list[dict[str, Any]]) -> str | None:
    """The first model that the user chose."""
    inputs = (text_of(step.get("content")) for step in steps if step.get("type") == "USER_INPUT")
    found = (_NEW_MODEL.match(text.partition(_MODEL_CHANGE)[2]) for text in inputs)
    return next((match[1] for match in found if match), None)


def _in_order(steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The steps sorted by index, because a few are written late. Not sorted if an index is missing or repeated."""
    indices = [step.get("step_index") for step in steps]
    if not all(isinstance(index, int) for index in indices) or len(set(indices)) < len(indices):
        return steps
    return sorted(steps, key=lambda step: int(step["step_index"]))


def _parts(step: dict[str, Any], counts: Counter[str], unknown: Counter[str]) -> Iterator[Part]:
    """Yield the parts of one step. Counts texts that are cut off, and steps of unknown types."""
    kind, source, content = str(step.get("type")), str(step.get("source")), text_of(step.get("content"))
    if kind == "PLANNER_RESPONSE":
        yield Part("reply")
        reasoning = _without_mark(text_of(step.get("thinking")), counts)
        yield Part("summary" if _SUMMARY.match(reasoning) else "thought", reasoning)
        yield Part("thought", _without_mark(content, counts))
        for item in map(dict_of, list_of(step.get("tool_calls"))):
            yield Part("call", tool=str(item.get("name")), arguments=_arguments(item.get("args"), counts))
    elif kind == "USER_INPUT":
        yield Part("task", content)
    elif not is_event(step) or source not in ("MODEL", "SYSTEM"):
        unknown[kind[:80]] += 1
    elif source == "MODEL" or (kind == "ERROR_MESSAGE" and _INVALID in content):
        yield _result(step, content)
    elif kind != "CONVERSATION_HISTORY":
        yield Part("other" if kind == "CHECKPOINT" else "system", content)


def _result(step: dict[str, Any], content: str) -> Part:
    """The result of a call: its output, or an error."""
    error, status = text_of(step.get("error")), str(step.get("status")).upper()
    is_error = step.get("type") == "ERROR_MESSAGE"
    refused = (is_error and _INVALID in content) or (status == "ERROR" and _DENIED in error) or status in _NOT_RUN
    return Part("result", content or error, ran=not refused)


def _without_mark(text: str, counts: Counter[str]) -> str:
    """The text that the model wrote, without the mark of a cut."""
    cut = _CUT.search(text)
    if cut is None:
        return text
    counts["cut_texts"] += 1
    return text[: cut.start()]


def _arguments(stored: Any, counts: Counter[str]) -> Any:
    """The arguments. Their values are decoded if all of them are JSON texts and at least one is a JSON string."""
    if not isinstance(stored, dict):
        return stored
    texts = {key: _without_mark(value, counts) for key, value in stored.items() if isinstance(value, str)}
    if len(texts) < len(stored) or not any(text.startswith('"') for text in texts.values()):
        return {**stored, **texts}
    try:
        return {key: _decoded(text, is_cut=text != stored[key]) for key, text in texts.items()}
    except (ValueError, RecursionError):
        return texts


def _decoded(text: str, *, is_cut: bool) -> Any:
    """The value of a JSON text; for a string that is cut off, its beginning. Raises ValueError if it is not JSON."""
    if not is_cut:
        return json.loads(text, strict=False)
    if not text.startswith('"'):
        return text
    for n_lost in range(_MAX_ESCAPE):
        try:
            return json.loads(text[: len(text) - n_lost] + '"', strict=False)
        except ValueError:
            continue
    return json.loads(text, strict=False)
