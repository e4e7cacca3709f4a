"""Codex CLI rollouts: items without the screen's copies, raw tool input, reasoning that is not the model's text."""

import json
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.readers import codex_cli, read_record
from lm_eval_hesnr.trajectories.schema import Call, Segment

PATH = Path("rollout.jsonl")


def item(kind, **payload):
    return {"timestamp": "t", "type": "response_item", "payload": {"type": kind, **payload}}


def says(role, text):
    return item("message", role=role, content=[{"type": "output_text", "text": text}])


def event(kind, **payload):
    return {"timestamp": "t", "type": kind, "payload": payload}


def segments(*lines):
    return codex_cli.read(list(lines), PATH).segments


def thought(text):
    return Segment("thought", text, generated=True)


def test_a_session():
    arguments = '{"command":["bash","-lc","ls"],"workdir":"/w"}'
    read = codex_cli.read(
        [
            event("session_meta", id="i", cli_version="1", base_instructions={"text": "Be good."}),
            event("turn_context", model="m"),
            says("developer", "No network."),
            says("user", "<environment_context>\n</environment_context>"),
            says("user", "Fix it."),
            event("event_msg", type="user_message", message="Fix it."),
            item("reasoning", summary=[{"type": "summary_text", "text": "Looking"}], encrypted_content="gAAA"),
            item("reasoning", summary=[], content=[{"type": "reasoning_text", "text": "Hm."}]),
            event("event_msg", type="agent_message", message="Look."),
            says("assistant", "Look."),
            item("function_call", name="shell", arguments=arguments, call_id="a"),
            item("function_call_output", call_id="a", output='{"output":"x","metadata":{"exit_code":0}}'),
            event("compacted", message="So far: x."),
            says("user", "<turn_aborted>"),
            says("user", "Go on."),
        ],
        PATH,
    )
    assert (read.id, read.model, read.resolved, read.meta) == ("i", "m", None, {"agent_version": "1"})
    assert read.segments == (
        Segment("system", "Be good."),
        Segment("system", "No network."),
        Segment("task", "<environment_context>\n</environment_context>"),
        Segment("task", "Fix it."),
        Segment("thought", "Looking"),
        thought("Hm."),
        thought("Look."),
        Segment("action", arguments, True, (Call("bash", {"command": "ls", "workdir": "/w"}, True),)),
        Segment("observation", '{"output":"x","metadata":{"exit_code":0}}'),
        Segment("other", "So far: x."),
        Segment("other", "<turn_aborted>"),
        Segment("task", "Go on."),
    )


def test_raw_tool_input_and_shell_items():
    patch = '*** Begin Patch\n"quoted"\n*** End Patch'
    words = ["git", "commit", "-m", "a b"]
    assert segments(
        item("custom_tool_call", name="apply_patch", input=patch, call_id="a"),
        item("local_shell_call", call_id="b", action={"type": "exec", "command": words, "timeout_ms": None}),
        item("custom_tool_call_output", call_id="a", output="patch rejected by user"),
    ) == (
        Segment("action", patch, True, (Call("apply_patch", {"input": patch}, False),)),
        Segment(
            "action", json.dumps({"command": words}), True, (Call("bash", {"command": "git commit -m 'a b'"}, None),)
        ),
        Segment("observation", "patch rejected by user"),
    )


@pytest.mark.parametrize(
    ("arguments", "output"),
    [('{"cmd": "ls"', None), ('{"cmd": 3}', "failed to parse function arguments: invalid type")],
)
def test_a_call_with_broken_arguments_is_a_thought(arguments, output):
    answer = [item("function_call_output", call_id="a", output=output)] if output else []
    read = segments(item("function_call", name="exec_command", arguments=arguments, call_id="a"), *answer)
    assert read[0] == thought(arguments)


@pytest.mark.parametrize("data", [None, [], {"type": "session_meta"}, {"payload": {}}, {"type": 3, "payload": {}}])
def test_other_values_are_not_events(data):
    assert not codex_cli.is_event(data)
    assert not codex_cli.detect([data])


def test_every_call_of_the_real_file(real_trajectories):
    path = real_trajectories / "cli_sessions" / "codex_rollout_sample.jsonl"
    lines = [json.loads(text) for text in path.read_text().splitlines()]
    assert all(codex_cli.is_event(line) for line in lines)
    payloads = [line["payload"] for line in lines if line["type"] == "response_item"]
    read = read_record(lines, path).segments
    assert [s.text for s in read if s.kind == "action"] == [
        payload["arguments"] for payload in payloads if payload["type"] == "function_call"
    ]
    assert [call.executed for s in read for call in s.calls] == [True, True]
    assert [s.text for s in read if s.kind == "thought" and s.generated] == [
        payload["content"][0]["text"] for payload in payloads if payload.get("role") == "assistant"
    ]
    assert "gAAAA" not in "".join(s.text for s in read)
