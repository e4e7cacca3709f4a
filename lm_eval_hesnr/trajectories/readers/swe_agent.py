"""SWE-agent `.traj`: 0.x, 1.0 and 1.1, with any of its parsers, and the chosen attempt of a run with retries.

`history` has what the model was shown and wrote; it is read first. `trajectory` also has the replies that were refused
and requested again, which are not in the history. It also shows whether the last action ran. A finished run ends with
the patch or an exit note. The model did not see this message, so it is not an observation.
"""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.outcomes import resolved_by_report
from lm_eval_hesnr.trajectories.readers.common import run_name
from lm_eval_hesnr.trajectories.readers.found_calls import split_at_calls
from lm_eval_hesnr.trajectories.readers.segments import thought, tool_call
from lm_eval_hesnr.trajectories.readers.swe_agent_parsers import find_commands
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory

FORMAT = "SWE-agent 0.x, 1.x"

EXIT_NOTES = ("Exit due to ", "exit due to ", "Exiting due to ")
"""The beginnings of replies that SWE-agent wrote instead of the model."""

_NATIVE = "function_calling"
_EXIT_ACTIONS = ("exit_context", "exit_cost", "exit_error", "exit_format", "exit_api")
"""Actions that 0.x records for the turn in which it ended the run; the model did not write them."""


def detect(data: Any) -> bool:
    """Whether the run, or one of its attempts, has a history of messages that name their agent."""
    if not isinstance(data, dict):
        return False
    runs = [data, *(dict_of(attempt) for attempt in list_of(data.get("attempts")))]
    return any(_is_history(run.get("history")) or {"trajectory", "history", "info"} <= run.keys() for run in runs)


def read(data: dict[str, Any], path: Path) -> Trajectory:
    """Return the run of one file. Raises ValueError that names a malformed message."""
    run = _chosen_attempt(data)
    history = list_of(run.get("history"))
    if not history or not all(isinstance(message, dict) for message in history):
        raise ValueError("key 'history' should be a list with messages, each an object")
    steps = [dict_of(step) for step in list_of(run.get("trajectory"))]
    info, agent = dict_of(run.get("info")), _agent_config(run, data)
    identity = run_name(path)
    model = dict_of(agent.get("model")).get("name")
    # a replay does not name the model that wrote the replies
    model = model if isinstance(model, str) and model != "replay" else None
    parser = dict_of(dict_of(agent.get("tools")).get("parse_function")).get("type")
    parser = parser if isinstance(parser, str) else None
    meta = {key: info[key] for key in ("exit_status", "swe_agent_version", "best_attempt_idx") if key in info}
    return Trajectory(
        id=identity,
        source="swe-agent",
        resolved=resolved_by_report(path, identity, model),
        model=model,
        segments=tuple(history_segments(history, parser=parser, exit_status=info.get("exit_status"), steps=steps)),
        meta=meta | ({"parser": parser} if parser else {}),
    )


def history_segments(
    messages: Sequence[dict[str, Any]],
    *,
    parser: str | None,
    exit_status: Any = None,
    steps: Sequence[dict[str, Any]] = (),
    submitted: bool = False,
    injected: Collection[int] = (),
) -> Iterator[Segment]:
    """Yield the segments of a history.

    Args:
        messages: the history.
        parser: name of the run's parser; None if the file does not name it.
        exit_status: of the run. If there is one, the run has ended, and its last message is not an observation.
        steps: the file's `trajectory`.
        submitted: whether a reply at the end of the history is known to have run.
        injected: indices of replies that the model did not write, besides those with an exit note.
    """
    if any(message.get("tool_calls") for message in messages):
        parser = _NATIVE
    owners, lost = _match_steps(messages, steps)
    begun = answered = False  # begun: there was a reply; answered: the last one has an answer
    for i, message in enumerate(messages):
        role, text = message.get("role"), text_of(message.get("content"))
        if message.get("is_demo"):
            yield Segment("other" if begun else "task", text)
        elif role == "system":
            yield Segment("system", text)
        elif role == "assistant":
            yield from _turns_not_in_history(lost.get(i, ()), steps, parser, ended=False)
            begun, answered = True, i in injected or _is_exit_note(message)
            if answered:
                yield Segment("other", text)
            else:
                ran = _ran(messages, i, owners.get(i, {}), submitted or exit_status == "submitted")
                yield from _with_place(f"message {i}", _turn(message, owners.get(i, {}), parser, ran))
        elif role not in ("user", "tool"):
            raise ValueError(f"message {i}: unknown role {role!r}; expected system, user, assistant or tool")
        elif not begun:
            yield Segment("task", text)
        elif i == len(messages) - 1 and _is_closing_message(text, messages[i - 1], exit_status):
            yield Segment("other", text)
        else:
            yield Segment("other" if answered and role == "user" else "observation", text)
            answered = True
    yield from _turns_not_in_history(lost.get(len(messages), ()), steps, parser, ended=bool(exit_status))


def _is_exit_note(message: Mapping[str, Any]) -> bool:
    """Whether SWE-agent wrote the reply itself, to say why it ended the run. Such a turn has no action."""
    if message.get("tool_calls") or message.get("action") not in ("", *_EXIT_ACTIONS):
        return False
    return text_of(message.get("content")).startswith(EXIT_NOTES)


def _turn(
    message: dict[str, Any], step: Mapping[str, Any], parser: str | None, executed: bool | None
) -> Iterator[Segment]:
    """Yield one reply: reasoning, then the text with the command in it, or the text and the tool calls."""
    blocks = [block.get("thinking") for block in map(dict_of, list_of(message.get("thinking_blocks")))]
    reasoning = "".join(block for block in blocks if isinstance(block, str))
    yield from thought(reasoning or text_of(step.get("reasoning_content")))
    text, action, calls = text_of(message.get("content")), message.get("action"), list_of(message.get("tool_calls"))
    if calls:
        yield from thought(text)
        for function in (dict_of(dict_of(call).get("function")) for call in calls):
            yield tool_call(str(function.get("name")), function.get("arguments"), executed)
    elif isinstance(action, str) and action.strip() in _EXIT_ACTIONS:
        yield from thought(text)
    else:
        recorded = action if isinstance(action, str) else None
        yield from split_at_calls(text, find_commands(text, recorded, parser, executed))


def _turns_not_in_history(
    places: Sequence[int], steps: Sequence[dict[str, Any]], parser: str | None, *, ended: bool
) -> Iterator[Segment]:
    """Yield steps that the history does not have: refused or replaced replies, and a last submit.

    The answer to a step is in the prompt of the next step (1.1). Otherwise, if the step ran, the answer is the step's
    observation. The file does not have the tool call of a refused reply.
    """
    for place in places:
        step, text = steps[place], text_of(steps[place].get("response"))
        seen, action = text_of(step.get("observation")), text_of(step.get("action"))
        last = ended and place == len(steps) - 1
        if _is_exit_note({"content": text, "action": action}):
            yield Segment("other", text)
            continue
        ran = bool(action.strip()) and (bool(seen.strip()) or last)
        if not ran:
            yield from thought(text_of(step.get("reasoning_content")))
            yield from thought(text)
        elif parser != _NATIVE:
            yield from _with_place(f"step {place}", _turn({"content": text, "action": action}, step, parser, True))
        else:
            yield from thought(text)
        answer = _prompted(text, steps[place + 1] if place + 1 < len(steps) else {}) or (seen if ran else "")
        if answer and not last:
            yield Segment("observation" if ran else "other", answer)


def _prompted(reply: str, following: Mapping[str, Any]) -> str:
    """The answer to a reply in the next prompt; empty if the file does not have that prompt."""
    query = [dict_of(message) for message in list_of(following.get("query"))[-2:]]
    if len(query) < 2 or query[0].get("role") != "assistant" or text_of(query[0].get("content")) != reply:
        return ""
    return text_of(query[1].get("content")) if query[1].get("role") in ("user", "tool") else ""


def _match_steps(
    messages: Sequence[dict[str, Any]], steps: Sequence[dict[str, Any]]
) -> tuple[dict[int, dict[str, Any]], dict[int, list[int]]]:
    """(message index -> its step, message index -> the indices of earlier steps without a message).

    Both are empty if a reply has no step. Then `messages` and `steps` do not match, and a step might repeat a reply.
    """
    places: dict[tuple[str, str], deque[int]] = defaultdict(deque)
    for place, step in enumerate(steps):
        places[text_of(step.get("response")), text_of(step.get("action"))].append(place)
    owners: dict[int, dict[str, Any]] = {}
    lost: dict[int, list[int]] = {}
    position = 0
    for i, message in enumerate(messages):
        if message.get("role") != "assistant" or message.get("is_demo"):
            continue
        same = places[text_of(message.get("content")), text_of(message.get("action"))]
        while same and same[0] < position:
            same.popleft()
        if not same:
            return {}, {}
        place = same.popleft()
        owners[i], lost[i] = steps[place], list(range(position, place))
        position = place + 1
    lost[len(messages)] = list(range(position, len(steps)))
    return owners, lost


def _ran(messages: Sequence[dict[str, Any]], i: int, step: Mapping[str, Any], submitted: bool) -> bool | None:
    """Whether the reply's action ran. Only calls that ran have an answer in a history; None without an answer."""
    if i + 1 < len(messages):
        return True if messages[i + 1].get("role") in ("user", "tool") else None
    return True if submitted or text_of(step.get("observation")).strip() else None


def _is_closing_message(text: str, before: dict[str, Any], exit_status: Any) -> bool:
    """Whether the last message was added after the run's end. Without an exit status, only a patch shows this."""
    names = [dict_of(dict_of(call).get("function")).get("name") for call in list_of(before.get("tool_calls"))]
    submits = text_of(before.get("action")).strip() == "submit" or names == ["submit"]
    return bool(exit_status) or (
        submits and text.lstrip().removeprefix("OBSERVATION:").lstrip().startswith("diff --git")
    )


def _chosen_attempt(data: dict[str, Any]) -> dict[str, Any]:
    """The run itself; for an agent with retries, the chosen attempt."""
    attempts = [dict_of(attempt) for attempt in list_of(data.get("attempts"))]
    if data.get("history") or not attempts:
        return data
    best = dict_of(data.get("info")).get("best_attempt_idx", 0 if len(attempts) == 1 else None)
    if not isinstance(best, int) or not 0 <= best < len(attempts):
        raise ValueError(
            f"{len(attempts)} attempts, but best_attempt_idx {best!r} does not name one; save one attempt as the file"
        )
    return attempts[best]


def _agent_config(run: dict[str, Any], data: dict[str, Any]) -> dict[str, Any]:
    """The agent's configuration in `replay_config`, which is an object or JSON text."""
    config = run.get("replay_config") or data.get("replay_config")
    if isinstance(config, str):
        try:
            config = json.loads(config)
        except (ValueError, RecursionError) as error:
            raise ValueError(f"key 'replay_config' should be JSON text: {error}") from error
    agent = dict_of(dict_of(config).get("agent"))
    several = list_of(agent.get("agent_configs"))
    return dict_of(several[0]) if len(several) == 1 else agent


def _is_history(value: Any) -> bool:
    first = dict_of(value[0]) if isinstance(value, list) and value else {}
    return {"role", "content", "agent"} <= first.keys()


def _with_place(where: str, segments: Iterator[Segment]) -> Iterator[Segment]:
    """The segments. The message of an error gets the place as its beginning."""
    try:
        yield from segments
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
