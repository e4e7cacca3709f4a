"""LangChain's messages in their three forms, and the calls in the form that the model wrote."""

import json
from pathlib import Path
from typing import Any

import pytest

from lm_eval_hesnr.trajectories.readers import langchain, openai_messages
from lm_eval_hesnr.trajectories.schema import Call, Segment
from tests.builders import read_record

HERE = Path("nowhere", "run.json")

FIELDS: list[tuple[str, dict[str, Any]]] = [
    ("system", {"content": "You are an agent."}),
    ("human", {"content": "Fix it."}),
    ("ai", {
        "content": "Look.",
        "tool_calls": [{"name": "bash", "args": {"command": "ls"}, "id": "c1", "type": "tool_call"}],
        "response_metadata": {"model_name": "m-1"},
    }),
    ("tool", {"content": "a.py", "tool_call_id": "c1", "name": "bash", "status": "success"}),
    ("ai", {"content": [{"type": "text", "text": "Done."}], "tool_calls": []}),
]  # fmt: skip
EXPECTED = (
    Segment("system", "You are an agent."),
    Segment("task", "Fix it."),
    Segment("thought", "Look.", generated=True),
    Segment("action", '{"command": "ls"}', generated=True, calls=(Call("bash", {"command": "ls"}, True),)),
    Segment("observation", "a.py"),
    Segment("thought", "Done.", generated=True),
)


def constructor(kind, fields):
    name = {"ai": "AI"}.get(kind, kind.capitalize()) + "Message"
    return {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", name], "kwargs": fields}


@pytest.mark.parametrize(
    "stored",
    [
        lambda kind, fields: {"type": kind, **fields},
        lambda kind, fields: {"type": kind, "data": {**fields, "type": kind}},
        constructor,
    ],
    ids=["fields", "data", "constructor"],
)
@pytest.mark.parametrize("bare", [False, True])
def test_each_form_is_read_the_same(stored, bare):
    messages = [stored(kind, fields) for kind, fields in FIELDS]
    trajectory = read_record(messages if bare else {"messages": messages, "id": "r"}, HERE)
    assert (trajectory.source, trajectory.model, trajectory.id) == ("langchain", "m-1", "run" if bare else "r")
    assert trajectory.segments == EXPECTED


def test_the_arguments_that_the_model_wrote_come_before_the_parsed_ones():
    written = '{"command":  "ls"}'
    raw = {"id": "c1", "type": "function", "function": {"name": "bash", "arguments": written}}
    ai = {**FIELDS[2][1], "type": "ai", "additional_kwargs": {"tool_calls": [raw], "reasoning_content": "Hm."}}
    segments = read_record([{"type": "human", "content": "go"}, ai], HERE).segments
    assert [(s.kind, s.text) for s in segments] == [
        ("task", "go"), ("thought", "Hm."), ("thought", "Look."), ("action", written)
    ]  # fmt: skip


def test_parts_that_repeat_the_calls_are_taken_once():
    part = {"type": "tool_use", "id": "c1", "name": "bash", "input": {"command": "ls"}}
    ai = {**FIELDS[2][1], "type": "ai", "content": [{"type": "text", "text": "Look."}, part]}
    segments = read_record([{"type": "human", "content": "go"}, ai], HERE).segments
    assert [s.kind for s in segments] == ["task", "thought", "action"]


def test_a_call_that_could_not_be_parsed_is_a_thought():
    invalid = [{"name": "bash", "args": '{"command": ', "id": "c1", "error": "cut"}]
    ai = {"type": "ai", "content": "", "invalid_tool_calls": invalid}
    segments = read_record([{"type": "human", "content": "go"}, ai], HERE).segments
    assert segments[1:] == (Segment("thought", '{"command": ', generated=True),)


@pytest.mark.parametrize(
    "value",
    [
        None, 3, "x", [], {}, [None], [[]], {"messages": 3}, {"messages": []}, {"messages": [3]},
        [{"type": "human"}], [{"type": "system", "content": "only"}], [{"type": ["ai"], "content": ""}],
        [{"type": "user", "content": "of another agent"}], [{"type": "ai", "role": "user", "content": ""}],
        [{"type": "constructor", "id": 3, "kwargs": {"content": ""}}],
    ],
)  # fmt: skip
def test_other_values_are_not_detected(value):
    assert langchain.detect(value) is False


def test_chats_of_the_two_forms_are_distinguished():
    messages = [{"type": kind, **fields} for kind, fields in FIELDS]
    assert langchain.detect({"messages": messages})
    assert not openai_messages.detect({"messages": messages})
    assert not langchain.detect({"messages": [{"role": "user", "content": "go"}]})


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([{"type": "human", "content": 3}, {"type": "ai", "content": ""}], "message 0: key 'content' should be text"),
        ([{"type": "ai", "content": ""}] * 3 + [{"type": "note", "content": ""}], "message 3: unknown role 'note'"),
        ([{"type": "ai", "content": "", "tool_calls": [3]}], "message 0: call 0 should have a name, found None"),
        ([{"type": "ai", "content": "", "additional_kwargs": 3, "tool_calls": {}}, None, [], 3], "message 1"),
        ([{"type": "human", "content": "go"}], "the chat has no message with role assistant"),
    ],
)
def test_errors_name_the_message(messages, reason):
    with pytest.raises(ValueError, match=reason.split(":")[0]) as caught:
        langchain.read({"messages": messages}, HERE)
    assert reason in str(caught.value)


def test_json_of_the_trajectory_is_plain():
    assert json.dumps(read_record([{"type": kind, **fields} for kind, fields in FIELDS], HERE).to_json())
