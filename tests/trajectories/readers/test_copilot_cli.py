"""Copilot CLI sessions: requests and their repetitions, reasoning, plain-text tools, declined calls, sub-agents."""

import json
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import copilot_cli
from lm_eval_hesnr.trajectories.schema import Call, Segment

PATH = Path("0001/events.jsonl")


def line(kind, agent=None, **data):
    envelope = {"type": kind, "data": data, "id": "e", "timestamp": "t", "parentId": None}
    return {**envelope, "agentId": agent} if agent else envelope


def says(text, *requests, **more):
    return line("assistant.message", content=text, toolRequests=list(requests), **more)


def request(identity, arguments, name="bash", **more):
    return {"toolCallId": identity, "name": name, "arguments": arguments, **more}


def complete(identity, content=None, **more):
    result = {"result": {"content": content, "detailedContent": "more"}} if content else {}
    return line("tool.execution_complete", toolCallId=identity, success=bool(content), **result, **more)


def thought(text):
    return Segment("thought", text, generated=True)


def bash(command, executed, text=None):
    text = text or json.dumps({"command": command})
    return Segment("action", text, generated=True, calls=(Call("bash", {"command": command}, executed),))


def test_a_session():
    patch = "*** Begin Patch\n*** End Patch"
    lines = [
        line("session.start", sessionId="s", copilotVersion="1.0", selectedModel="auto"),
        line("system.message", content="Be good.", role="system"),
        line("user.message", content="Fix it.", transformedContent="<now/>Fix it."),
        line("assistant.turn_start", turnId="0"),
        line("assistant.reasoning", content="Hm."),
        says(
            "Look.",
            request("a", {"command": "ls"}),
            request("b", '{"command": "pwd"}'),
            reasoningText="Hm.",
            model="gpt-5",
        ),
        line("tool.execution_start", toolCallId="a", toolName="bash", arguments={"command": "ls"}),
        complete("a", "x"),
        complete("b", "/w"),
        says("", request("c", patch, "apply_patch", type="custom"), reasoningText="So."),
        line("tool.execution_start", toolCallId="d", toolName="bash", arguments={"command": "id"}),
        line("tool.user_requested", toolCallId="e", toolName="bash", arguments={"command": "w"}),
        line("tool.execution_start", toolCallId="e", toolName="bash", arguments={"command": "w"}),
        complete("e", "users", isUserRequested=True),
        line("system.notification", content="An agent ended."),
        line("skill.invoked", name="s", content="How to."),
        line("session.compaction_complete", success=True, summaryContent="So far: x."),
        line("new.kind"),
        line("session.new_kind"),
        line("session.shutdown", currentModel="other"),
    ]
    read = copilot_cli.read(lines, PATH)
    assert (read.id, read.source, read.model, read.resolved) == ("s", "copilot-cli", "gpt-5", None)
    assert read.meta == {"agent_version": "1.0", "unknown_records": {"new.kind": 1, "session.new_kind": 1}}
    assert read.segments == (
        Segment("system", "Be good."),
        Segment("task", "<now/>Fix it."),
        thought("Hm."),
        thought("Look."),
        bash("ls", True),
        bash("pwd", True, '{"command": "pwd"}'),
        Segment("observation", "x"),
        Segment("observation", "/w"),
        thought("So."),
        Segment("action", patch, generated=True, calls=(Call("apply_patch", {"input": patch}, None),)),
        bash("id", None),
        Segment("other", '{"command": "w"}'),
        Segment("observation", "users"),
        Segment("other", "An agent ended."),
        Segment("other", "How to."),
        Segment("other", "So far: x."),
    )


def test_calls_that_were_declined_never_ran():
    read = copilot_cli.read(
        [
            says("", request("a", {"command": "x"}), request("b", {"command": "y"}), request("c", {"command": "z"})),
            line("permission.requested", requestId="r", permissionRequest={"kind": "shell", "toolCallId": "a"}),
            line("permission.completed", requestId="r", result={"kind": "denied-interactively-by-user"}),
            complete("a", error={"message": "denied by the user"}),
            complete("b", error={"message": "no", "code": "rejected"}),
            complete("c", error={"message": "exit code 1", "code": "failure"}),
        ],
        PATH,
    )
    assert [call.executed for s in read.segments for call in s.calls] == [False, False, True]
    assert [s.text for s in read.segments if s.kind == "observation"] == ["denied by the user", "no", "exit code 1"]


def test_sub_agents_are_left_out_and_counted():
    lines = [says("Main."), says("Old.", parentToolCallId="a"), line("assistant.message", "agent-1", content="New.")]
    read = copilot_cli.read(lines, PATH)
    assert (read.id, read.segments, read.meta) == ("0001", (thought("Main."),), {"sidechain_lines_left_out": 2})


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {"type": "user.message", "data": {}},
        {"type": "user.message", "message": {}, "timestamp": "t"},
        {"type": "message", "id": "m", "parentId": None, "timestamp": "t", "data": {}},
        {"type": "user.message", "id": "m", "parentId": None, "timestamp": "t", "data": "x"},
        {"type": {}, "id": "m", "parentId": None, "timestamp": "t", "data": {}},
    ],
)
def test_other_values_are_not_events(data):
    assert not copilot_cli.is_event(data)
    assert not copilot_cli.detect([data])


def test_values_of_wrong_types_do_not_stop_the_reader():
    lines = [
        3,
        {"type": "user.message", "data": 3},
        line([], content="x"),
        line("user.message", content={}, transformedContent=[3]),
        says(None, 3, request({}, [1], None), reasoningText=4),
        line("permission.completed", requestId=[], result=3),
        line("tool.execution_complete", toolCallId={}, result="x", error=[]),
        says("Done."),
    ]
    read = copilot_cli.read(lines, PATH)
    assert [(s.kind, s.text) for s in read.segments] == [("action", "{}"), ("thought", "[1]"), ("thought", "Done.")]
    assert read.meta["unknown_records"] == {"line without data": 2, "[]": 1}


def test_reasoning_beside_encrypted_reasoning_is_a_summary():
    own = [line("assistant.reasoning", content="Hm."), says("A", reasoningText="Hm.")]
    hidden = [line("assistant.reasoning", content="So."), says("B", reasoningText="So.", reasoningOpaque="x")]
    alone = [says("C", reasoningText="Then.", encryptedContent="y")]
    read = copilot_cli.read([*own, *hidden, *alone, *own], PATH)
    said = [("Hm.", True), ("A", True), ("So.", False), ("B", True), ("Then.", False), ("C", True)]
    assert [(s.text, s.generated) for s in read.segments] == [*said, *said[:2]]


@pytest.mark.parametrize(
    "name",
    ["large.jsonl", "schema_drift.jsonl", "small.jsonl", "subdir_v1/aaaabbbb-1111-2222-3333-ccccddddeeee/events.jsonl"],
)
def test_every_text_of_the_fixtures(real_trajectories, name):
    path = real_trajectories / "wild" / "agent_sessions_fixtures" / "copilot" / name
    lines = [json.loads(one) for one in path.read_text().splitlines()]
    own = [one for one in lines if "parentToolCallId" not in one["data"]]
    calls, said, requested = [], [], set()
    for one in own:
        requested |= {r["toolCallId"] for r in one["data"].get("toolRequests", [])}
    for one in own:
        kind, data = one["type"], one["data"]
        if kind == "assistant.message":
            said += [data.get("reasoningText"), data["content"]]
            calls += [r["arguments"] for r in data["toolRequests"]]
        elif kind == "assistant.reasoning":
            said.append(data["content"])
        elif kind == "tool.execution_start" and data["toolCallId"] not in requested:
            calls.append(data["arguments"])
    (read,) = load_trajectories(path).trajectories
    actions = [json.loads(s.text) for s in read.segments if s.kind == "action"]
    assert actions == [json.loads(one) if isinstance(one, str) else one for one in calls]
    assert [s.text for s in read.segments if s.kind == "thought"] == [text for text in said if text]
    assert [s.text for s in read.segments if s.kind == "observation"] == [
        one["data"]["result"]["content"] for one in own if one["type"] == "tool.execution_complete"
    ]
    assert [s.text for s in read.segments if s.kind == "task"] == [
        one["data"]["transformedContent"] for one in own if one["type"] == "user.message"
    ]
    assert read.meta.get("sidechain_lines_left_out", 0) == len(lines) - len(own)
