"""Kimi Code sessions: the loop's events, texts that the program adds, calls that the user declines, sub-agents."""

import json
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import kimi_code
from lm_eval_hesnr.trajectories.schema import Call, Segment

PATH = Path("wire.jsonl")
HEADER = {"type": "metadata", "protocol_version": "1.4", "created_at": 1}


def says(text, origin="user", role="user"):
    message = {"role": role, "content": [{"type": "text", "text": text}], "toolCalls": [], "origin": {"kind": origin}}
    return {"type": "context.append_message", "message": message, "time": 1}


def event(kind, **more):
    return {"type": "context.append_loop_event", "event": {"type": kind, "uuid": "u", **more}, "time": 1}


def part(kind, text):
    return event("content.part", part={"type": kind, kind: text})


def call(identity, **arguments):
    return event("tool.call", toolCallId=identity, name="Bash", args=arguments, description="Running")


def result(identity, output):
    return event("tool.result", toolCallId=identity, result={"output": output})


def approval(identity, decision):
    return {"type": "permission.record_approval_result", "toolCallId": identity, "result": {"decision": decision}}


def thought(text):
    return Segment("thought", text, generated=True)


def bash(command, executed):
    text = json.dumps({"command": command})
    return Segment("action", text, generated=True, calls=(Call("bash", {"command": command}, executed),))


def test_a_session():
    prompt = {"type": "config.update", "systemPrompt": "Be good.", "modelAlias": "org/kimi"}
    lines = [
        HEADER,
        prompt,
        {"type": "turn.prompt", "input": [{"type": "text", "text": "Fix it."}]},
        says("Fix it."),
        says("<reminder>", "injection"),
        event("step.begin"),
        {"type": "llm.request", "model": "kimi-k2"},
        part("think", "Hm."),
        part("text", "Look."),
        approval("a", "approved"),
        call("a", command="ls"),
        approval("b", "rejected"),
        call("b", command="rm x"),
        call("c", command="pwd"),
        result("a", "x"),
        result("b", "The user rejected the call."),
        event("step.end"),
        prompt,
        says("<reminder>", "injection"),
        says("Earlier.", "retry", "assistant"),
        {"type": "context.apply_compaction", "summary": "short", "contextSummary": "So far: x."},
        says("Go on."),
        part("image_url", "data:"),
        event("new_event"),
        {"type": "context.new_kind"},
        {"type": "usage.record"},
    ]
    read = kimi_code.read(lines, PATH)
    assert (read.id, read.source, read.model, read.resolved) == ("wire", "kimi-code", "kimi-k2", None)
    unknown = {"content.part image_url": 1, "new_event": 1, "context.new_kind": 1}
    assert read.meta == {"protocol_version": "1.4", "unknown_records": unknown}
    assert read.segments == (
        Segment("system", "Be good."),
        Segment("task", "Fix it."),
        Segment("task", "<reminder>"),
        thought("Hm."),
        thought("Look."),
        bash("ls", True),
        bash("rm x", False),
        bash("pwd", None),
        Segment("observation", "x"),
        Segment("observation", "The user rejected the call."),
        Segment("other", "<reminder>"),
        Segment("other", "Earlier."),
        Segment("other", "So far: x."),
        Segment("task", "Go on."),
    )


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("wd_x/session_1/agents/main/wire.jsonl", "session_1"),
        ("wd_x/session_1/agents/agent-0/wire.jsonl", "session_1/agent-0"),
        ("copy.jsonl", "copy"),
    ],
)
def test_each_agent_of_a_session_is_a_run_of_its_own(path, name):
    assert kimi_code.read([HEADER, says("x")], Path(path)).id == name


def test_the_notes_of_a_session_are_skipped(tmp_path):
    run = tmp_path / "session_1" / "agents" / "main" / "wire.jsonl"
    run.parent.mkdir(parents=True)
    run.write_text("\n".join(map(json.dumps, [HEADER, says("x")])))
    notes = {"createdAt": "t", "agents": {}, "workDir": "/w", "title": "hi"}
    (tmp_path / "session_1" / "state.json").write_text(json.dumps(notes))
    loaded = load_trajectories(tmp_path)
    assert ([t.id for t in loaded.trajectories], loaded.bad) == (["session_1"], [])


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {"type": "metadata"},
        {"type": "context.append_message", "message": "x"},
        {"type": "context.append_loop_event"},
        {"type": ["metadata"], "protocol_version": 1, "created_at": 1},
    ],
)
def test_other_values_are_not_events(data):
    assert not kimi_code.is_event(data)
    assert not kimi_code.detect([data])


def test_values_of_wrong_types_do_not_stop_the_reader():
    lines = [
        3,
        {"type": {}, "event": []},
        {"type": "config.update", "systemPrompt": 3, "modelAlias": []},
        {"type": "context.append_message", "message": {"role": [], "content": 3, "origin": "x"}},
        event([], part=[]),
        part("text", 3),
        event("tool.call", name=3, args=[1], toolCallId={}),
        event("tool.result", result="x"),
        {"type": "permission.record_approval_result", "toolCallId": [], "result": 3},
        says("x"),
    ]
    assert [(s.kind, s.text) for s in kimi_code.read(lines, PATH).segments] == [("thought", "[1]"), ("task", "x")]


@pytest.mark.parametrize("name", ["assistant_tools", "small", "subagent_agent-0"])
def test_every_text_of_the_fixtures(real_trajectories, name):
    path = real_trajectories / "wild" / "agent_sessions_fixtures" / "kimi" / f"{name}.jsonl"
    lines = [json.loads(one) for one in path.read_text().splitlines()]
    events = [one["event"] for one in lines if one["type"] == "context.append_loop_event"]
    (read,) = load_trajectories(path).trajectories
    actions = [s for s in read.segments if s.kind == "action"]
    assert [json.loads(s.text) for s in actions] == [e["args"] for e in events if e["type"] == "tool.call"]
    answered = {e["toolCallId"] for e in events if e["type"] == "tool.result"}
    expected = [True if e["toolCallId"] in answered else None for e in events if e["type"] == "tool.call"]
    assert [call.executed for s in actions for call in s.calls] == expected
    parts = [e["part"] for e in events if e["type"] == "content.part"]
    said = [one.get("think") or one.get("text") for one in parts]
    assert [s.text for s in read.segments if s.kind == "thought" and s.generated] == [text for text in said if text]
    results = [e["result"]["output"] for e in events if e["type"] == "tool.result"]
    assert [s.text for s in read.segments if s.kind == "observation"] == [text for text in results if text]
    messages = [one["message"] for one in lines if one["type"] == "context.append_message"]
    by_user = [m["content"][0]["text"] for m in messages if m["origin"]["kind"] != "injection"]
    assert [s.text for s in read.segments if s.kind == "task"] == by_user
    assert read.model == "kimi-k2.7-code"
    assert "unknown_records" not in read.meta
