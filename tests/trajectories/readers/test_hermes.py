"""Hermes sessions: messages of OpenAI's API with reasoning, and messages of unknown roles."""

import json
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.readers import hermes, openai_messages, reader_of
from lm_eval_hesnr.trajectories.readers.segments import call
from lm_eval_hesnr.trajectories.schema import Segment
from tests.builders import compared_with_files, read_record

PATH = Path("session_x.json")
ENVELOPE = {"session_id": "h1", "model": "m", "platform": "cli", "session_start": "t", "system_prompt": "Be it."}


def tool(identity, name, arguments):
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_a_session():
    rows = [
        {"role": "user", "content": "Go."},
        {"role": "assistant", "content": "Look.", "reasoning": "Hm.", "reasoning_content": "Hm."},
        {"role": "assistant", "content": "", "tool_calls": [tool("a", "read", '{"f":"é"}'), tool("b", "x", "{}")]},
        {"role": "tool", "content": "text", "tool_call_id": "a", "tool_name": "read"},
        {"role": "user", "content": "More."},
        {"role": "session_meta"},
        "odd",
    ]
    read = hermes.read({**ENVELOPE, "messages": rows}, PATH)
    assert (read.id, read.source, read.model, read.resolved) == ("h1", "hermes", "m", None)
    assert read.meta == {"platform": "cli", "unknown_records": {"role None": 1, "role session_meta": 1}}
    assert read.segments == (
        Segment("system", "Be it."),
        Segment("task", "Go."),
        Segment("thought", "Hm.", True),
        Segment("thought", "Look.", True),
        Segment("action", '{"f":"é"}', True, (call("read", {"f": "é"}, True),)),
        Segment("action", "{}", True, (call("x", {}, None),)),
        Segment("observation", "text"),
        Segment("task", "More."),
    )


def test_the_system_prompt_is_read_once():
    rows = [{"role": "system", "content": "Be it."}, {"role": "assistant", "content": "Yes."}]
    assert [s.text for s in hermes.read({**ENVELOPE, "messages": rows}, PATH).segments] == ["Be it.", "Yes."]


def test_one_key_is_not_enough():
    rows = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert reader_of({"session_id": "s", "messages": rows}) is openai_messages
    assert reader_of({**ENVELOPE, "messages": rows}) is hermes


@pytest.mark.parametrize("value", [None, 1, [], {}, [[]], {"a": {}}])
def test_wrong_types(value):
    good = {"role": "assistant", "content": "Hi"}
    rows = [good, value, {**good, "role": value}, {**good, "reasoning": value}]
    assert read_record({**ENVELOPE, "model": value, "system_prompt": value, "messages": rows}, PATH).segments


@pytest.mark.parametrize(("key", "value"), [("content", 1), ("tool_calls", 1), ("tool_calls", [1])])
def test_a_malformed_message_is_named(key, value):
    with pytest.raises(ValueError, match="message 1: "):
        read_record({**ENVELOPE, "messages": [{"role": "user"}, {"role": "assistant", key: value}]}, PATH)


def independent(path):
    actions, thoughts, results = [], [], []
    for row in json.loads(path.read_text())["messages"]:
        if row["role"] == "assistant":
            thoughts += [row[key] for key in ("reasoning", "content") if row.get(key)]
            actions += [c["function"]["arguments"] for c in row.get("tool_calls", [])]
        elif row["role"] == "tool":
            results.append(row["content"])
    return actions, thoughts, results


def test_the_real_files(real_trajectories):
    assert compared_with_files(real_trajectories, "hermes/*.json", independent) == [2, 5, 2]
