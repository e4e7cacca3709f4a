"""OpenHands SDK events: replies from `thought` and `tool_call`, answers by the action's id."""

import json
from pathlib import Path
from typing import Any

import pytest

from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import openhands_sdk
from lm_eval_hesnr.trajectories.schema import Call, Segment
from tests.builders import read_record

EVENTS = Path("conversations/abc/events/event-00000-x.json")


def text(value):
    return [{"type": "text", "text": value, "cache_prompt": False}]


def action(ident, tool, arguments, thought="", **more):
    return {
        "kind": "ActionEvent",
        "id": ident,
        "source": "agent",
        "thought": text(thought) if thought else [],
        "action": {"kind": "SomeAction"},
        "tool_name": tool,
        "tool_call_id": f"call-{ident}",
        "tool_call": {"id": f"call-{ident}", "name": tool, "arguments": arguments},
        "llm_response_id": "r",
        **more,
    }


def observation(ident, tool, content):
    return {
        "kind": "ObservationEvent",
        "source": "environment",
        "action_id": ident,
        "tool_call_id": f"call-{ident}",
        "tool_name": tool,
        "observation": {"kind": "SomeObservation", "content": text(content), "is_error": False},
    }


def message(source, content, **more):
    role = "assistant" if source == "agent" else "user"
    return {"kind": "MessageEvent", "source": source, "llm_message": {"role": role, "content": text(content)}, **more}


def generated(kind, content, *calls):
    return Segment(kind, content, generated=True, calls=tuple(calls))


def segments(*events):
    assert openhands_sdk.detect(list(events))
    return list(read_record(list(events), EVENTS).segments)


def test_a_conversation():
    state = {"kind": "ConversationStateUpdateEvent", "source": "environment", "key": "stats"}
    usage = {"condenser": {"model_name": "small"}, "default": {"model_name": "big"}}
    system = {"kind": "SystemPromptEvent", "source": "agent", "system_prompt": {"text": "Be good."}, "tools": []}
    arguments = '{"security_risk": "LOW", "summary": "list", "command": "ls"}'
    events = [
        {**state, "value": {"usage_to_metrics": usage}},
        {**system, "dynamic_context": {"type": "text", "text": "Today."}},
        message("user", "Fix it.", extended_content=text("Rule.")),
        action("1", "terminal", arguments, "Look.", reasoning_content="Hm."),
        action("2", "think", '{"thought": "Why?"}'),
        observation("1", "terminal", "a.py"),
        observation("2", "think", "Logged."),
        {"kind": "Condensation", "source": "environment", "summary": "So far.", "forgotten_event_ids": ["1"]},
        {"kind": "CondensationSummaryEvent", "source": "environment", "summary": "So far."},
        message("agent", "Done?"),
        message("user", "Please continue working on the task on whatever approach."),
        action("3", "finish", '{"message": "Done."}'),
        observation("3", "finish", "Done."),
        {"kind": "PauseEvent", "source": "user"},
    ]
    trajectory = read_record(events, EVENTS)
    assert (trajectory.id, trajectory.model, trajectory.resolved) == ("abc", "big", None)
    assert list(trajectory.segments) == [
        Segment("system", "Be good."),
        Segment("system", "Today."),
        Segment("task", "Fix it."),
        Segment("task", "Rule."),
        generated("thought", "Hm."),
        generated("thought", "Look."),
        generated(
            "action", arguments, Call("bash", {"command": "ls", "security_risk": "LOW", "summary": "list"}, True)
        ),
        generated("thought", '{"thought": "Why?"}'),
        Segment("observation", "a.py"),
        Segment("observation", "Logged."),
        Segment("other", "So far."),
        generated("thought", "Done?"),
        Segment("other", "Please continue working on the task on whatever approach."),
        generated("action", '{"message": "Done."}', Call("finish", {"message": "Done."}, True)),
        Segment("other", "Done."),
    ]


def test_reasoning_that_the_thought_repeats_is_taken_once():
    event = action("1", "terminal", '{"command": "ls"}', "<think>Hm.\n</think>\n\nLook.", reasoning_content="Hm.\n")
    assert [s.text for s in segments(event)] == ["<think>Hm.\n</think>\n\nLook.", '{"command": "ls"}']


def test_thinking_blocks_are_reasoning():
    event = action("1", "terminal", '{"command": "ls"}', thinking_blocks=[{"type": "thinking", "thinking": "Hm."}])
    assert [s.text for s in segments(event)] == ["Hm.", '{"command": "ls"}']


@pytest.mark.parametrize("arguments", ['{"command": "ls"', '{"path": 3}'])
def test_a_call_that_could_not_be_parsed_is_a_thought(arguments):
    error = {"kind": "AgentErrorEvent", "source": "agent", "tool_name": "terminal", "tool_call_id": "call-1"}
    refused = {**error, "error": "Error validating args for tool 'terminal': bad"}
    assert segments(action("1", "terminal", arguments, action=None), refused) == [
        generated("thought", arguments),
        Segment("observation", "Error validating args for tool 'terminal': bad"),
    ]


@pytest.mark.parametrize(
    ("answer", "executed"),
    [
        (observation("1", "terminal", "x"), True),
        (observation("1", "terminal", "Cannot execute multiple commands at once.\nPlease"), False),
        ({"kind": "UserRejectObservation", "source": "user", "action_id": "1", "rejection_reason": "No."}, False),
        ({"kind": "AgentErrorEvent", "source": "agent", "tool_call_id": "call-1", "error": "Broke."}, None),
        ({"kind": "PauseEvent", "source": "user"}, None),
    ],
)
def test_whether_a_call_ran(answer, executed):
    assert segments(action("1", "terminal", '{"command": "ls"}'), answer)[0].calls[0].executed is executed


def test_arguments_come_from_the_action_if_the_call_is_not_stored():
    event: Any = {"kind": "ActionEvent", "source": "agent", "tool_name": "terminal", "id": "1"}
    event["action"] = {"kind": "TerminalAction", "command": "ls", "timeout": None}
    assert segments(event) == [generated("action", '{"command": "ls"}', Call("bash", {"command": "ls"}, None))]


def test_a_row_of_the_benchmarks():
    row = {"instance_id": "i", "attempt": 2, "test_result": {"git_patch": ""}, "history": [message("user", "Fix.")]}
    trajectory = read_record(row, Path("output.jsonl"))
    assert (trajectory.id, trajectory.source, trajectory.meta) == ("i", "openhands-sdk", {"attempt": 2})
    assert trajectory.segments == (Segment("task", "Fix."),)


@pytest.mark.parametrize(
    ("data", "is_event"),
    [
        ({"kind": "ActionEvent"}, True),
        ({"kind": "NewEvent", "source": "agent"}, True),
        ({"kind": "NewEvent"}, False),
        ({"kind": "Agent", "source": "agent"}, False),
        ({"kind": 3}, False),
        ([], False),
        (None, False),
    ],
)
def test_is_event(data, is_event):
    assert openhands_sdk.is_event(data) is is_event


def test_elements_of_unknown_kind_are_skipped_and_counted():
    new = {"kind": "NewEvent", "source": "agent"}
    events = [message("user", "Fix."), {"kind": "Agent"}, new, 3, message("agent", "Done."), new, {"kind": ["x"]}]
    trajectory = read_record(events, EVENTS)
    assert [segment.text for segment in trajectory.segments] == ["Fix.", "Done."]
    assert trajectory.meta == {"unknown_records": {"Agent": 1, "NewEvent": 2, "no kind": 2}}


def real_events(folder):
    return [json.loads(line) for line in (folder / "openhands" / "sdk_events.jsonl").read_text().splitlines()]


def test_real_events_give_every_reply_whole(real_trajectories):
    events = real_events(real_trajectories)
    actions = [event for event in events if event["kind"] == "ActionEvent"]
    written = [part for e in actions for part in (e["thought"][0]["text"], e["tool_call"]["arguments"])]
    segments = read_record(events, EVENTS).segments
    assert len(actions) == 2
    assert [s.text for s in segments if s.generated] == written  # the thought contains the reasoning
    assert [s.calls[0].arguments["command"] for s in segments if s.calls] == [e["action"]["command"] for e in actions]
    assert [s.calls[0].executed for s in segments if s.calls] == [False, True]
    answers = [e["observation"]["content"][0]["text"] for e in events if e["kind"] == "ObservationEvent"]
    assert [s.text for s in segments if s.kind == "observation"] == answers


def test_real_events_load_as_one_trajectory_by_line(real_trajectories):
    loaded = load_trajectories(real_trajectories / "openhands" / "sdk_events.jsonl")
    assert (len(loaded.trajectories), loaded.bad) == (1, [])
