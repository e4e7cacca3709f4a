"""Grok sessions: `chat_history.jsonl`, whose lines together are one trajectory, with `summary.json` next to it.

The files are in `~/.grok/sessions/<project>/<id>/`. The summary has the session's id and the model. A sub-agent's
session is a run of its own, with the id `<session>/<agent>`. Its folder is in the session's folder, or next to it. In
the second case, the session has a folder `subagents/<agent>`.

The log has the system prompt. Arguments are stored as the text that the model wrote. Reasoning is encrypted; its
summary is a thought that is not `generated`. User messages with a `synthetic_reason` are text that the program added.
Searches that the server ran (`backend_tool_call`) have no result and are left out; `meta["server_calls"]` counts them.
The outcome of the task is not in the files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.listing import kept_for_folder, paths_in
from lm_eval_hesnr.trajectories.readers.common import meta_of, run_name
from lm_eval_hesnr.trajectories.readers.session_parts import Part, id_of, is_session, session_segments
from lm_eval_hesnr.trajectories.schema import Trajectory
from lm_eval_hesnr.trajectories.side_files import json_of

FORMAT = "Grok session"

_FILE = "chat_history"
_TYPES = ("system", "user", "assistant", "tool_result", "reasoning", "backend_tool_call")
_FOREIGN = ("message", "uuid", "timestamp", "session_id", "sessionId", "payload", "role")
"""Keys of other agents' lines."""
_OF_THE_USER = (None, "", "interjection")
"""Values of `synthetic_reason` in messages that the user wrote."""
_NOT_RUN = ("The user rejected", "Tool call rejected", "Tool call cancelled", "User rejected")
"""Assumed: the beginnings of results of calls that did not run."""


def is_event(data: Any) -> bool:
    """Whether a decoded line is from a session, judged by keys that only Grok has."""
    if not isinstance(data, dict) or any(key in data for key in _FOREIGN):
        return False
    kind = data.get("type")
    if kind == "user":
        return "content" in data and ("prompt_index" in data or "synthetic_reason" in data)
    if kind == "assistant":
        return "content" in data and ("model_id" in data or isinstance(data.get("tool_calls"), list))
    if kind == "tool_result":
        return "content" in data and "tool_call_id" in data
    return kind == "backend_tool_call" and isinstance(data.get("kind"), dict)


def detect(data: Any) -> bool:
    """Whether the value is a list of a session's lines."""
    return is_session(data, _has_known_type) and any(map(is_event, data))


def read(data: Any, path: Path) -> Trajectory:
    """Return the trajectory of one session's lines."""
    unknown: Counter[str] = Counter()
    lines = [dict_of(line) for line in data]
    summary = dict_of(json_of(path.with_name("summary.json"))) if run_name(path) == _FILE else {}
    models = [line.get("model_id") for line in lines] + [summary.get("current_model_id")]
    return Trajectory(
        id=_identity(summary, path),
        source="grok",
        resolved=None,
        model=next((str(model) for model in models if model), None),
        segments=session_segments(part for line in lines for part in _parts(line, unknown)),
        meta=meta_of(unknown, server_calls=sum(line.get("type") == "backend_tool_call" for line in lines)),
    )


def _has_known_type(data: Any) -> bool:
    return isinstance(data, dict) and data.get("type") in _TYPES and not any(key in data for key in _FOREIGN)


def _identity(summary: dict[str, Any], path: Path) -> str:
    """The session's id. For a sub-agent, the id of its session comes first, if it is known."""
    if run_name(path) != _FILE:
        return run_name(path)
    own = id_of(dict_of(summary.get("info")), "id") or path.parent.name or _FILE
    if summary.get("session_kind") != "subagent":
        return own
    around = path.parent.parent
    if (around / path.name).is_file():
        outer = id_of(dict_of(dict_of(json_of(around / "summary.json")).get("info")), "id")
        return f"{outer or around.name}/{own}"
    session = _sessions(around).get(own, "")
    return f"{session}/{own}" if session else own


@kept_for_folder
def _sessions(around: Path) -> dict[str, str]:
    """Sub-agent -> its session, for the sessions in a folder."""
    found: dict[str, str] = {}
    for session in paths_in(around):
        for agent in paths_in(session / "subagents"):
            found.setdefault(agent.name, session.name)
    return found


def _parts(line: dict[str, Any], unknown: Counter[str]) -> Iterator[Part]:
    """Yield the parts of one line."""
    kind, text = str(line.get("type")), text_of(line.get("content"))
    if kind == "assistant":
        yield Part("thought", text)
        for item in map(dict_of, list_of(line.get("tool_calls"))):
            yield Part("call", id=id_of(item, "id"), tool=str(item.get("name")), arguments=item.get("arguments"))
    elif kind == "reasoning":
        yield Part("thought", text)
        yield Part("summary", "" if text else text_of(line.get("summary")))
    elif kind == "tool_result":
        yield Part("result", text, id_of(line, "tool_call_id"), ran=not text.startswith(_NOT_RUN))
    elif kind == "user":
        yield Part("added" if line.get("synthetic_reason") not in _OF_THE_USER else "task", text)
    elif kind == "system":
        yield Part("system", text)
    elif kind != "backend_tool_call":
        unknown[kind[:80]] += 1
