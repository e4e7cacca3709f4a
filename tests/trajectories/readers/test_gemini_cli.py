"""Gemini CLI: sessions as one object and on lines, saved chats, summaries of thoughts, results stored with calls."""

import json
from pathlib import Path
from typing import Any

import pytest

from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import gemini_cli
from lm_eval_hesnr.trajectories.schema import Call, Segment
from tests.builders import read_record

PATH = Path("session.json")
HEADER = {"sessionId": "s", "projectHash": "h", "startTime": "t"}


def thought(text):
    return Segment("thought", text, generated=True)


def shell(command, executed):
    text = json.dumps({"command": command})
    return Segment("action", text, generated=True, calls=(Call("bash", {"command": command}, executed),))


def record(identity, command, output=None, status="success", key="output"):
    response = {"functionResponse": {"id": identity, "name": "run_shell_command", "response": {key: output}}}
    result = {"result": [response]} if output is not None else {}
    return {"id": identity, "name": "run_shell_command", "args": {"command": command}, "status": status, **result}


def user(text, identity="u"):
    return {"id": identity, "type": "user", "content": text}


def reply(identity="m", content="", **more):
    return {"id": identity, "type": "gemini", "content": content, "model": "gemini-3", "tokens": {}, **more}


def segments(*messages):
    return gemini_cli.read({**HEADER, "messages": list(messages)}, PATH).segments


def actions(read):
    """The calls without their names: (arguments, executed)."""
    return [(call.arguments, call.executed) for segment in read for call in segment.calls]


def test_a_session():
    calls = [record("a", "ls", "x"), record("b", "pwd", "no", "error", "error")]
    read = gemini_cli.read(
        {
            **HEADER,
            "messages": [
                user([{"text": "Fix it."}]),
                {"id": "i", "type": "info", "content": "Update available"},
                reply(content="Look.", thoughts=[{"subject": "Plan", "description": "List."}], toolCalls=calls),
                reply(content=[{"text": "Done."}]),
                user("Thanks."),
            ],
        },
        PATH,
    )
    assert (read.id, read.source, read.model, read.resolved, read.meta) == ("s", "gemini-cli", "gemini-3", None, {})
    assert read.segments == (
        Segment("task", "Fix it."),
        Segment("thought", "Plan\nList."),
        thought("Look."),
        shell("ls", True),
        shell("pwd", True),
        Segment("observation", "x"),
        Segment("observation", "no"),
        thought("Done."),
        Segment("task", "Thanks."),
    )


def test_calls_that_never_ran_or_have_no_result():
    read = segments(
        reply(
            toolCalls=[
                record("a", "a", "[Operation Cancelled] Reason: User did not allow it", "cancelled", "error"),
                record("b", "b", "params must have required property 'command'", "error", "error"),
                record("c", "c", 'Tool "run" not found in registry.', "error", "error"),
                record("d", "d", status="executing"),
                record("e", "e", status="cancelled"),
                record("f", "f", "Command failed", "error", "error"),
            ]
        )
    )
    assert [executed for _, executed in actions(read)] == [False, False, False, None, False, True]


def test_lines_that_grow_are_read_once_and_going_back_removes_messages():
    lines = [
        {**HEADER, "kind": "main"},
        user("Fix it.", "u1"),
        reply("m1"),
        reply("m1", toolCalls=[record("a", "ls", "x")]),
        {"$set": {"lastUpdated": "t"}},
        user("Wrong way.", "u2"),
        reply("m2", "Lost."),
        {"$rewindTo": "u2"},
        user("Go on.", "u3"),
        reply("m3", "Done."),
        {"type": "new_kind", "value": 1},
    ]
    read = gemini_cli.read(lines, Path("session.jsonl"))
    assert read.segments == (
        Segment("task", "Fix it."),
        shell("ls", True),
        Segment("observation", "x"),
        Segment("task", "Go on."),
        thought("Done."),
    )
    assert read.meta == {"discarded_messages": 2, "unknown_records": {"new_kind": 1}}


def test_text_that_the_program_wrote_in_the_model_s_name_is_never_generated():
    summary = {"messages": [user("<state_snapshot>", "new"), reply("new2", "Got it."), reply("m1", "Masked.")]}
    lines = [HEADER, user("Fix it.", "u1"), reply("m1", "Look."), {"$set": summary}, reply("m2", "Done.")]
    synthetic: dict[str, Any] = {"id": "x", "type": "gemini", "content": "Snapshot", "thoughts": [], "tokens": None}
    assert gemini_cli.read([*lines, synthetic], PATH).segments == (
        Segment("task", "Fix it."),
        thought("Look."),
        Segment("other", "<state_snapshot>"),
        Segment("other", "Got it."),
        thought("Done."),
        Segment("other", "Snapshot"),
    )


@pytest.mark.parametrize("wrap", [lambda contents: contents, lambda contents: {"history": contents}])
def test_a_saved_chat_pairs_results_by_id_else_by_position(wrap):
    def call(command, **more):
        return {"functionCall": {"name": "run_shell_command", "args": {"command": command}, **more}}

    def answer(output, **more):
        return {"functionResponse": {"name": "run_shell_command", "response": {"output": output}, **more}}

    read = gemini_cli.read(
        wrap(
            [
                {"role": "user", "parts": [{"text": "Setting up."}]},
                {"role": "model", "parts": [{"text": "Got it. Thanks for the context!"}]},
                {
                    "role": "user",
                    "parts": [{"text": "Fix it."}, {"inlineData": {"mimeType": "image/png", "data": "A"}}],
                },
                {
                    "role": "model",
                    "parts": [{"text": "Hm.", "thought": True}, {"text": "Look."}, call("ls"), call("pwd")],
                },
                {"role": "user", "parts": [answer("x"), answer("/w")]},
                {"role": "model", "parts": [call("a", id="1"), call("b", id="2")]},
                {"role": "user", "parts": [answer("y", id="2")]},
            ]
        ),
        Path("checkpoint-tag.json"),
    )
    assert (read.id, read.meta) == ("checkpoint-tag", {"unknown_records": {"inlineData": 1}})
    assert read.segments == (
        Segment("task", "Setting up."),
        Segment("other", "Got it. Thanks for the context!"),
        Segment("task", "Fix it."),
        Segment("thought", "Hm."),
        thought("Look."),
        shell("ls", True),
        shell("pwd", True),
        Segment("observation", "x"),
        Segment("observation", "/w"),
        shell("a", None),
        shell("b", True),
        Segment("observation", "y"),
    )


def test_calls_that_are_parts_and_records_are_read_once():
    part = {"functionCall": {"id": "a", "name": "run_shell_command", "args": {"command": "ls"}}}
    answer = {"functionResponse": {"id": "a", "response": {"output": "x"}}}
    read = segments(reply(content=[part], toolCalls=[record("a", "ls", "x")]), user([answer]), reply(content="Done."))
    assert read == (shell("ls", True), Segment("observation", "x"), thought("Done."))


def test_a_sub_agent_is_named_by_its_session_and_itself():
    lines = [{**HEADER, "kind": "subagent"}, user("Look."), reply(content="Found.")]
    assert gemini_cli.read(lines, Path("chats/parent/s.jsonl")).id == "parent/s"


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        [None],
        {"messages": []},
        {"messages": [user("x")]},
        {"messages": [{"role": "user", "content": "x"}]},
        {"history": []},
        {"history": [{"role": "assistant", "parts": []}]},
        {"sessionId": 3, "projectHash": "h", "messages": []},
        [{"type": "user", "sessionId": "s", "message": {"parts": []}}],
    ],
)
def test_other_values_are_not_sessions(data):
    assert not gemini_cli.detect(data)
    assert not gemini_cli.is_event(data)


def test_a_session_without_messages_is_refused():
    with pytest.raises(ValueError, match="the session has no messages"):
        read_record({**HEADER, "messages": []}, PATH)


def test_values_of_wrong_types_do_not_stop_the_reader():
    broken = {
        **HEADER,
        "sessionId": "s",
        "messages": [3, None, {"type": 3}, reply(content=5), reply(toolCalls=[1, {}])],
    }
    read = gemini_cli.read(broken, PATH)
    assert actions(read.segments) == [({}, None), ({}, None)]
    assert sum(read.meta["unknown_records"].values()) == 3


NAMES = ["small.json", "large.json", "jsonl_v040.jsonl"]


@pytest.mark.parametrize("name", NAMES)
def test_every_text_of_the_fixtures(real_trajectories, name):
    path = real_trajectories / "wild" / "agent_sessions_fixtures" / "gemini" / name
    text = path.read_text()
    messages = [json.loads(line) for line in text.splitlines()] if name.endswith("l") else json.loads(text)["messages"]
    calls, said, summaries, shown = [], [], [], []
    for message in messages:
        if message.get("type") in ("gemini", "model"):
            summaries += [one["description"] for one in message.get("thoughts", [])]
            texts = [part["text"] for part in message.get("parts", [])] or [message["content"]]
            said += [text for text in texts if text]
            calls += message.get("toolCalls", [])
        elif message.get("type") == "user":
            content = message["content"]
            shown.append(content if isinstance(content, str) else content[0]["text"])
    (read,) = load_trajectories(path).trajectories
    assert [json.loads(s.text) for s in read.segments if s.kind == "action"] == [call["args"] for call in calls]
    assert all(call.executed is True for s in read.segments for call in s.calls)
    assert [s.text for s in read.segments if s.kind == "observation"] == [
        call["result"][0]["functionResponse"]["response"]["output"] for call in calls
    ]
    assert [s.text for s in read.segments if s.kind == "thought" and s.generated] == said
    assert [s.text for s in read.segments if s.kind == "thought" and not s.generated] == summaries
    assert [s.text for s in read.segments if s.kind == "task"] == shown


def test_a_fixture_with_parts_of_unknown_kinds(real_trajectories):
    path = real_trajectories / "wild" / "agent_sessions_fixtures" / "gemini" / "schema_drift.json"
    turns = json.loads(path.read_text())["history"]
    (read,) = load_trajectories(path).trajectories
    texts = [part["text"] for turn in turns for part in turn["parts"] if "text" in part]
    assert [s.text for s in read.segments] == texts
    assert read.meta == {"unknown_records": {"inlineData": 1}}
