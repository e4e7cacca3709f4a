"""OpenHands V0 event streams: `output.jsonl` rows, UI exports, resolver rows and openhands-feedback rows.

`tool_call_metadata.model_response` contains the model's whole reply. Every event of the reply repeats it, so it is read
at the first event only. Older streams do not have it: they have only the arguments of the action. If function calls
were written as text, OpenHands stores the reply converted to tool calls. `message` is text for the user interface and
is never read.

A stream may have event objects, [action, observation] pairs, or flat events without `args`, `id` and `source`. A null
key counts as absent.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from lm_eval_hesnr.trajectories.json_values import dict_of, list_of, text_of
from lm_eval_hesnr.trajectories.readers.common import run_name
from lm_eval_hesnr.trajectories.readers.openhands_chat import (
    completion_message,
    outcome,
    ran,
    reply,
    result,
    row_meta,
    user_message,
)
from lm_eval_hesnr.trajectories.readers.segments import call, thought
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory
from lm_eval_hesnr.trajectories.unknown import record_type

FORMAT = "OpenHands V0 events"

Event = dict[str, Any]

_NAMES = {"message", "run", "run_ipython", "read", "write", "edit", "browse", "think", "finish", "recall", "initialize"}
"""Names of actions and observations; every stream has some of them."""

_KNOWN_KEYS = {"action", "observation", "status"}
"""Every event has one of these. A status is for the user interface."""

_CONTROLLER_ACTIONS = {"initialize", "start", "pause", "resume", "stop", "change_agent_state"} | {
    "recall",
    "condensation_request",
    "null",
}
"""Actions that are neither the agent's nor the user's."""

_TEXT_ACTIONS = {"run": ("bash", "command"), "run_ipython": ("execute_ipython_cell", "code")}
"""Actions whose text is one argument: their tool and that argument."""
_MODEL_ARGUMENTS = {
    "path",
    "content",
    "start",
    "end",
    "url",
    "browser_actions",
    "agent",
    "inputs",
    "command",
    "task_list",
    "plan",
} | {"file_text", "old_str", "new_str", "insert_line", "view_range", "name", "arguments"}
"""Arguments of other actions that the model writes; the runtime adds the rest."""


class _CallKey(NamedTuple):
    """Identifies a call: which reply, and which call of it."""

    reply: str
    call: str


def detect(data: Any) -> bool:
    """Whether the events have known names; a row without events is known by its columns."""
    events = _events(data)
    if not events:
        row = data if isinstance(data, dict) else {}
        return row.get("history", 0) in (None, []) and {"instance_id", "test_result"} <= row.keys()
    named = any(
        {event.get("action"), event.get("observation")} & _NAMES for event in events if _is_action_or_observation(event)
    )
    return named and not any("role" in event or "response" in event for event in events)


def read(data: Any, path: Path) -> Trajectory:
    """Return the run. Raises ValueError if it has no event."""
    row: dict[str, Any] = data if isinstance(data, dict) else {}
    events = [_normalized(event) for event in _events(data)]
    if not events:
        raise ValueError(f"key 'history' has no events, so there is no run to read (error: {row.get('error')!r:.80})")
    issue = dict_of(row.get("issue"))
    named = [str(issue[key]) for key in ("owner", "repo", "number") if key in issue]
    identity = str(row.get("instance_id") or "__".join(named) or run_name(path))
    model = _model(row, events)
    unknown = Counter(record_type(event) for event in events if _KNOWN_KEYS.isdisjoint(event))
    return Trajectory(
        id=identity,
        source="openhands-v0",
        resolved=outcome(row, path, identity, model),
        model=model,
        segments=tuple(_segments(events)),
        meta=row_meta(row, ("error", "feedback", "success"), unknown),
    )


def _events(data: Any) -> list[Event]:
    """The events of a file, a `history` or a `trajectory`, with pairs flattened; empty if it has no events."""
    for stream in (data.get("history"), data.get("trajectory")) if isinstance(data, dict) else (data,):
        flat = [event for item in list_of(stream) for event in (item if isinstance(item, list) else [item])]
        if flat and all(isinstance(event, dict) for event in flat):
            return flat
    return []


def _is_action_or_observation(event: Event) -> bool:
    """Whether the event is an action or an observation. A step of SWE-agent is both."""
    return all(not isinstance(event.get(key), (list, dict)) for key in ("action", "observation")) and (
        (event.get("action") is None) != (event.get("observation") is None)
    )


def _normalized(event: Event) -> Event:
    """The event without null keys and with JSON strings decoded. A flat event gets `args`."""
    found = {key: value for key, value in event.items() if value is not None}
    for key in ("args", "extras", "tool_call_metadata"):
        if key in found:
            found[key] = {k: v for k, v in _object(found[key]).items() if v is not None}
    if "action" in found and "args" not in found:
        found["args"] = {key: value for key, value in found.items() if key != "action"}
    return found


def _object(value: Any) -> dict[str, Any]:
    try:
        return dict_of(json.loads(value) if isinstance(value, str) else value)
    except (ValueError, RecursionError):
        return {}


def _segments(events: list[Event]) -> Iterator[Segment]:
    answers = _answers(events)
    replies: set[str] = set()
    before: Segment | None = None  # the last message, if no other event follows it
    for i, event in enumerate(events):
        name, source, args = event.get("action"), event.get("source"), dict_of(event.get("args"))
        response, key = _response(event), _call_key(event, i)
        if response and key.reply not in replies:
            replies.add(key.reply)
            yield from reply(completion_message(response), answers.get(key.reply, {}), text_calls=True)
        if name is None:
            yield from _observation(event)
        elif name == "system":
            yield Segment("system", text_of(args.get("content")))
        elif name == "message" and not response:
            before = _message_segment(text_of(args.get("content")), source, before, first=not i)
            yield before
            continue
        elif name == "condensation":
            yield from _summary(args.get("summary"))
        elif not response and isinstance(name, str) and name not in _CONTROLLER_ACTIONS:
            yield from _action_without_reply(
                name, args, answers.get(key.reply, {}).get(key.call), by_hand=source not in ("agent", None)
            )
        before = before if event.get("observation") == "null" else None


def _message_segment(text: str, source: Any, before: Segment | None, *, first: bool) -> Segment:
    """A message. A flat stream has no sources: its first message is the task, and answers to the agent are `other`."""
    segment = user_message(text)
    answered = before is not None and before.kind == "thought"
    if source == "agent" or (source is None and not first and not answered and segment.kind == "task"):
        return Segment("thought", text, generated=True)
    return segment if source == "user" or first else Segment("other", text)


def _summary(text: Any) -> Iterator[Segment]:
    """Yield a condenser's summary of events; another model than the agent's wrote it."""
    if text_of(text):
        yield Segment("other", text_of(text))


def _action_without_reply(name: str, args: dict[str, Any], answer: str | None, *, by_hand: bool) -> Iterator[Segment]:
    """Yield an action whose reply is not stored: the thought, and the arguments that the model wrote."""
    if by_hand:  # the user or the set-up made the call
        yield Segment("other", text_of(args.get("command")) or json.dumps(args, ensure_ascii=False))
        return
    yield from thought(text_of(args.get("thought")))
    if name in _TEXT_ACTIONS:
        tool, argument = _TEXT_ACTIONS[name]
        text = text_of(args.get(argument))
        yield Segment("action", text, generated=True, calls=(call(tool, {argument: text}, ran(answer)),))
    elif name == "finish":  # the file does not contain the model's own text of the call
        yield from thought(text_of(args.get("final_thought")))
    elif name not in ("think", "reject"):
        given = {key: value for key, value in args.items() if key in _MODEL_ARGUMENTS}
        text = json.dumps(given, ensure_ascii=False)
        yield Segment("action", text, generated=True, calls=(call(name, given, ran(answer)),))


def _observation(event: Event) -> Iterator[Segment]:
    """Yield what the model was shown; for a recall, the knowledge added to its prompt."""
    name, extras = event.get("observation"), dict_of(event.get("extras"))
    if name == "recall":
        known = [dict_of(item).get("content") for item in list_of(extras.get("microagent_knowledge"))]
        for text in (extras.get("repo_instructions"), extras.get("additional_agent_instructions"), *known):
            if text_of(text):
                yield Segment("task", text_of(text))
    elif name == "condense":
        yield from _summary(event.get("content"))
    elif _answers_call(event) and isinstance(name, str):
        yield result(name, _shown_text(event))


def _shown_text(event: Event) -> str:
    """The text that the model was shown. An edit's content may be a diff for the user interface instead."""
    return text_of(dict_of(event.get("extras")).get("formatted_output_and_error")) or text_of(event.get("content"))


def _answers(events: list[Event]) -> dict[str, dict[str, str]]:
    """Reply -> call -> the observation that answered it.

    An observation names the event that caused it: the last event with this id, because ids start again in exports of
    several sessions. Otherwise the observation names its call. In flat streams, it answers the previous event.
    """
    answers: dict[str, dict[str, str]] = {}
    by_id: dict[str, _CallKey] = {}
    for i, event in enumerate(events):
        if "action" in event:
            by_id[str(event.get("id"))] = _call_key(event, i)
        elif _answers_call(event):
            key = by_id.get(str(event["cause"])) if "cause" in event else None
            if key is None and "tool_call_metadata" in event:
                key = _call_key(event, i)
            elif key is None and i and "id" not in event and "action" in events[i - 1]:
                key = _call_key(events[i - 1], i - 1)
            if key:
                calls = answers.setdefault(key.reply, {})
                calls.setdefault(key.call, _shown_text(event))
                calls.setdefault("", _shown_text(event))  # for a reply whose call is text
    return answers


def _answers_call(event: Event) -> bool:
    return event.get("observation") not in (None, "null", "agent_state_changed", "recall")


def _call_key(event: Event, place: int) -> _CallKey:
    """The call of an event. Parallel calls have one response id; without an id, each event is its own reply."""
    call_id = str(dict_of(event.get("tool_call_metadata")).get("tool_call_id") or "")
    return _CallKey(str(_response(event).get("id") or call_id or f"event {place}"), call_id)


def _response(event: Event) -> dict[str, Any]:
    return dict_of(dict_of(event.get("tool_call_metadata")).get("model_response"))


def _model(row: dict[str, Any], events: list[Event]) -> str | None:
    """The model's name from the run's settings, or from the first reply, or from the session's start."""
    configured = dict_of(dict_of(row.get("metadata")).get("llm_config")).get("model")
    replied = (_response(event).get("model") for event in events)
    begun = (dict_of(event.get("args")).get("LLM_MODEL") for event in events)
    return next((name for name in (configured, *replied, *begun) if isinstance(name, str) and name), None)
