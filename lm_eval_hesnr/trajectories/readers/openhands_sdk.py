"""OpenHands software-agent-sdk (V1) events: a list of them, or an `output.jsonl` row with them as `history`.

One event is one step. The model's text is in `thought` and `tool_call.arguments`, not in the parsed `action`. The calls
of one response follow each other, and only the first has the thought. If `action` is null, the call could not be parsed
and did not run. A condenser's summary is `other`, as another model wrote it; the events that it replaced are kept.

`ACPToolCallEvent`, in which another agent reports its work, and summaries of hidden reasoning are not read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.trajectories.json_values import dict_of, text_of
from lm_eval_hesnr.trajectories.readers.common import run_name
from lm_eval_hesnr.trajectories.readers.openhands_chat import (
    emitted_call,
    outcome,
    refused,
    result,
    row_meta,
    user_message,
)
from lm_eval_hesnr.trajectories.readers.segments import reasoning_of, thought
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory
from lm_eval_hesnr.trajectories.unknown import record_type

FORMAT = "OpenHands SDK events"

_EVENT_KINDS = {
    "SystemPromptEvent",
    "SystemPromptUpdateEvent",
    "MessageEvent",
    "ActionEvent",
    "ObservationEvent",
    "UserRejectObservation",
    "AgentErrorEvent",
    "Condensation",
    "CondensationRequest",
    "CondensationSummaryEvent",
    "ConversationStateUpdateEvent",
    "PauseEvent",
}


def is_event(data: Any) -> bool:
    """Whether the value is an SDK event: its kind is known, or ends with `Event` next to a source."""
    kind = data.get("kind") if isinstance(data, dict) else None
    return isinstance(kind, str) and (kind in _EVENT_KINDS or (kind.endswith("Event") and "source" in data))


def detect(data: Any) -> bool:
    """Whether the value is a list that begins with an event, or a row whose `history` is such a list."""
    events = data.get("history") if isinstance(data, dict) else data
    return isinstance(events, list) and bool(events) and is_event(events[0])


def read(data: Any, path: Path) -> Trajectory:
    """Return the conversation. Elements that are not events of a known kind are skipped and counted in `meta`."""
    row: dict[str, Any] = data if isinstance(data, dict) else {"history": data}
    events = [event for event in row["history"] if is_event(event)]
    kinds = (record_type(event, "kind") for event in row["history"])
    unknown = Counter(kind for kind in kinds if kind not in _EVENT_KINDS)
    identity, model = str(row.get("instance_id") or _conversation_name(path)), _model(row)
    return Trajectory(
        id=identity,
        source="openhands-sdk",
        resolved=outcome(row, path, identity, model),
        model=model,
        segments=tuple(_segments(events)),
        meta=row_meta(row, ("attempt", "error"), unknown),
    )


def _segments(events: list[dict[str, Any]]) -> Iterator[Segment]:
    answers, shown = _answers(events), ""
    for event in events:
        kind = event["kind"]
        if kind == "ActionEvent":
            yield from _action_event(event, answers)
        elif kind == "MessageEvent":
            yield from _message_event(event)
        elif kind in ("SystemPromptEvent", "SystemPromptUpdateEvent"):
            for key in ("system_prompt", "dynamic_context"):
                if text := text_of([event.get(key)]):
                    yield Segment("system", text)
        elif kind in ("Condensation", "CondensationSummaryEvent"):
            if (summary := text_of(event.get("summary"))) and summary != shown:  # some streams have the same text twice
                yield Segment("other", summary)
                shown = summary
        elif (answer := _answer(event)) is not None:
            yield result(str(event.get("tool_name")), answer)


def _action_event(event: dict[str, Any], answers: dict[str, str]) -> Iterator[Segment]:
    """Yield reasoning, prose and the call; a call that could not be parsed is a thought."""
    text = text_of(event.get("thought"))
    yield from thought(reasoning_of(event, text) or _reasoning_item(event))
    yield from thought(text)
    emitted, action = dict_of(event.get("tool_call")), dict_of(event.get("action"))
    tool = str(event.get("tool_name") or emitted.get("name"))
    arguments = emitted.get("arguments", dict_of(emitted.get("function")).get("arguments"))
    if arguments is None:
        arguments = {key: value for key, value in action.items() if key != "kind" and value is not None}
    answer = answers.get(str(event.get("id")), answers.get(str(event.get("tool_call_id"))))
    segment = emitted_call(tool, arguments, answer)
    if segment.kind == "action" and "action" in event and event["action"] is None:
        segment = Segment("thought", segment.text, generated=True)
    yield segment


def _message_event(event: dict[str, Any]) -> Iterator[Segment]:
    message = dict_of(event.get("llm_message"))
    text, source = text_of(message.get("content")), event.get("source")
    if source == "agent":
        yield from thought(reasoning_of(message, text) or _reasoning_item(message))
        yield from thought(text)
    elif source == "user":
        yield user_message(text)
    else:
        yield Segment("other", text)
    if added := text_of(event.get("extended_content")):  # skills and rules from the agent's context
        yield Segment("task" if source == "user" else "other", added)


def _reasoning_item(holder: dict[str, Any]) -> str:
    """Reasoning of the Responses API, if it is stored unencrypted."""
    return text_of(dict_of(holder.get("responses_reasoning_item")).get("content"))


def _answers(events: list[dict[str, Any]]) -> dict[str, str]:
    """Action id and tool call id -> the text that answered the call.

    Errors of the scaffold are not answers of the environment: something may have run before them. Only errors about a
    refused format are kept, as they say that nothing ran.
    """
    answers: dict[str, str] = {}
    for event in events:
        text = _answer(event)
        if text is None:
            continue
        if event["kind"] == "UserRejectObservation":
            text = f"Action rejected: {text}"  # as the model reads it
        if event["kind"] != "AgentErrorEvent" or refused(text):
            for key in ("action_id", "tool_call_id"):
                if event.get(key):
                    answers[str(event[key])] = text
    return answers


def _answer(event: dict[str, Any]) -> str | None:
    """The text with which an event answers a call; None for other kinds of event."""
    if event["kind"] == "ObservationEvent":
        observation = dict_of(event.get("observation"))
        content = observation.get("content", observation.get("output"))
        return text_of(content) + text_of(event.get("extended_content"))
    key = {"AgentErrorEvent": "error", "UserRejectObservation": "rejection_reason"}.get(event["kind"])
    return text_of(event.get(key)) if key else None


def _conversation_name(path: Path) -> str:
    """The folder `<id>` in conversations/<id>/events/event-00000-....json, otherwise the file's name."""
    if path.name.startswith("event-") and path.parent.name == "events":
        return path.parent.parent.name
    return path.parent.name if path.name == "events" else run_name(path)


def _model(row: dict[str, Any]) -> str | None:
    """The model's name from the row's metadata, otherwise from the conversation's statistics."""
    named = dict_of(dict_of(row.get("metadata")).get("llm")).get("model")
    if isinstance(named, str):
        return named
    for event in row["history"]:
        usages = dict_of(dict_of(dict_of(event).get("value")).get("usage_to_metrics"))
        for usage, metrics in usages.items():
            name = dict_of(metrics).get("model_name")
            if usage != "condenser" and isinstance(name, str):
                return name
    return None
