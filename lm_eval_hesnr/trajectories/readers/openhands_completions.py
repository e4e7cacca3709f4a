"""OpenHands `llm_completions` logs, V0 and SDK: one call of the model, with the whole prompt.

Each log is the run up to one reply. The next log begins with the same prompt and continues it, so only the last log is
read as a trajectory. If a condenser changed the prompt, the log before the change is also read.

The text is what the model itself saw and wrote: `messages`, and the text response if calls were written as text.
OpenHands rewrites all such calls except the last from their parsed form. The bare message lists of the SDK are read
too. Responses API logs are not read.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories import decoding
from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.listing import kept_for_folder, paths_in
from lm_eval_hesnr.trajectories.outcomes import resolved_by_report
from lm_eval_hesnr.trajectories.readers.common import PartOfRunError, run_name
from lm_eval_hesnr.trajectories.readers.openhands_chat import completion_message, openhands_segments
from lm_eval_hesnr.trajectories.schema import Trajectory
from lm_eval_hesnr.trajectories.side_files import json_of

FORMAT = "OpenHands completion logs"

_NAME = re.compile(r"(.+)-(\d+\.\d+)(?:-\w+)*\.json")
"""<model>-<seconds>[-...].json, the names of logs."""

_TEXT_CALLS = "<function=example_function_name>"
"""Part of the system prompt if function calls are written as text."""


def detect(data: Any) -> bool:
    """Whether the value has the keys of a log, or is a message list that begins with OpenHands' system prompt."""
    if isinstance(data, list):
        first = dict_of(data[0]) if data else {}
        is_chat = all(isinstance(m, dict) and "role" in m for m in data)
        return is_chat and first.get("role") == "system" and "OpenHands" in text_of(first.get("content"))[:400]
    log = isinstance(data, dict) and {"messages", "kwargs"} <= data.keys()
    return log and isinstance(data.get("messages"), list) and not {"response", "error"}.isdisjoint(data)


def read(data: Any, path: Path) -> Trajectory:
    """Return the run up to the logged reply. Raises ValueError that names a malformed message.

    The log of a failed call has no reply; its prompt is still read.

    Raises:
        PartOfRunError: the next log in the folder contains this one.
    """
    log: dict[str, Any] = {"messages": data} if isinstance(data, list) else data
    if following := _continuation(log, path):
        raise PartOfRunError(following)
    reply = _reply(log)
    messages = [*log["messages"], *([{**reply, "role": "assistant"}] if reply else [])]
    in_folder_of_run = path.parent.parent.name == "llm_completions"  # llm_completions/<instance>/<model>-<time>.json
    identity = path.parent.name if in_folder_of_run else run_name(path)
    named = (dict_of(log.get(key)).get("model") for key in ("response", "kwargs"))
    model = next((name for name in named if isinstance(name, str)), None)
    return Trajectory(
        id=identity,
        source="openhands-completions",
        resolved=resolved_by_report(path, identity, model),
        model=model,
        segments=tuple(openhands_segments(messages, text_calls=_is_text(log))),
        meta={key: log[key] for key in ("timestamp",) if key in log},
    )


def _reply(log: dict[str, Any]) -> dict[str, Any]:
    """The message of the response, as the model wrote it.

    `raw_response` is the text form. But some releases converted it in place, so it may have no call in its text.
    """
    response, raw = completion_message(log.get("response")), completion_message(log.get("raw_response"))
    return raw if "<function=" in text_of(raw.get("content")) and not raw.get("tool_calls") else response


def _is_text(log: dict[str, Any]) -> bool:
    if "fncall_messages" in log or "raw_messages" in log:  # V0 and the SDK write these if calls are text
        return True
    prompts = (m for m in map(dict_of, log["messages"]) if m.get("role") in ("system", "user"))
    return any(_TEXT_CALLS in text_of(prompt.get("content")) for prompt in prompts)


def _continuation(log: dict[str, Any], path: Path) -> Path | None:
    """The next log of the same model in the folder, if its prompt is longer and begins with this one's.

    Runs whose logs alternate in one folder are not separated: the next log may be from another run.
    """
    name = _NAME.fullmatch(path.name)
    logs = _logs(path.parent).get(name[1], []) if name else []
    at = bisect_right(logs, float(name[2]), key=lambda log: log[0]) if name else 0
    if at == len(logs):
        return None
    following = logs[at][1]
    log_after = json_of(following, largest=decoding.MAX_BYTES)  # None for a bad file, which is reported later
    prompt = list_of(dict_of(log_after).get("messages"))
    start = [_without_cache_marks(message) for message in log["messages"]]
    goes_on = len(prompt) > len(start) and [_without_cache_marks(message) for message in prompt[: len(start)]] == start
    return following if goes_on else None


@kept_for_folder
def _logs(folder: Path) -> dict[str, list[tuple[float, Path]]]:
    """Model -> times and paths of its logs in a folder, sorted."""
    found: dict[str, list[tuple[float, Path]]] = {}
    for path in paths_in(folder):
        if match := _NAME.fullmatch(path.name):
            found.setdefault(match[1], []).append((float(match[2]), path))
    return {model: sorted(logs) for model, logs in found.items()}


def _without_cache_marks(message: Any) -> tuple[Any, str, Any]:
    """A message without its prompt cache marks, which change from call to call."""
    return dict_of(message).get("role"), text_of(dict_of(message).get("content")), dict_of(message).get("tool_calls")
