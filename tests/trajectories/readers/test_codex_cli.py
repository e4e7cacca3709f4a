"""Codex CLI rollouts: items without the screen's copies, raw tool input, reasoning that is not the model's text."""

import json
from pathlib import Path
from typing import Any

import pytest

from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import codex_cli
from lm_eval_hesnr.trajectories.schema import Call, Segment
from tests.builders import read_record

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


HEADER = {"id": "i", "timestamp": "t", "instructions": "Be good.", "git": {"branch": "main"}}
ARGUMENTS = '{"command":["bash","-lc","ls # all"],"workdir":"/w"}'
ITEMS: list[dict[str, Any]] = [
    {"type": "message", "id": None, "role": "user", "content": [{"type": "input_text", "text": "Fix it."}]},
    {
        "type": "reasoning",
        "id": "r",
        "summary": [{"type": "summary_text", "text": "Looking"}],
        "encrypted_content": "g",
    },
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Look."}]},
    {"type": "function_call", "id": "f", "name": "shell", "arguments": ARGUMENTS, "call_id": "a"},
    {"type": "function_call_output", "call_id": "a", "output": '{"output":"x","metadata":{}}'},
]
READ = (
    Segment("system", "Be good."),
    Segment("task", "Fix it."),
    Segment("thought", "Looking"),
    thought("Look."),
    Segment("action", ARGUMENTS, True, (Call("bash", {"command": "ls # all", "workdir": "/w"}, True),)),
    Segment("observation", '{"output":"x","metadata":{}}'),
)
STATE = {"record_type": "state"}


@pytest.mark.parametrize(
    "data",
    [
        [HEADER, STATE, *ITEMS[:3], STATE, *ITEMS[3:]],
        [HEADER, *ITEMS],
        [HEADER, STATE, *ITEMS[:3], *(item("", **one) for one in ITEMS[3:])],
        {"session": {"id": "i", "timestamp": "t", "instructions": "Be good."}, "items": ITEMS},
    ],
    ids=["states", "no states", "continued by a later release", "one object"],
)
def test_the_forms_of_2025(tmp_path, data):
    path = tmp_path / "rollout-1.jsonl"
    path.write_text("\n".join(map(json.dumps, data)) if isinstance(data, list) else json.dumps(data))
    loaded = load_trajectories(path)
    (read,) = loaded.trajectories
    assert (read.id, read.source, read.model, read.meta, loaded.bad) == ("i", "codex-cli", None, {}, [])
    assert read.segments == READ


def test_a_header_of_two_keys_and_no_header(tmp_path):
    path = tmp_path / "rollout-1.jsonl"
    path.write_text("\n".join(map(json.dumps, [{"id": "j", "timestamp": "t"}, STATE, *ITEMS])))
    (read,) = load_trajectories(path).trajectories
    assert (read.id, read.segments, read.meta) == ("j", READ[1:], {})
    read = codex_cli.read([STATE, *ITEMS], path)
    assert (read.id, read.segments) == ("rollout-1", READ[1:])
    assert not codex_cli.detect(ITEMS)  # the items of any client of the Responses API


def test_lines_and_items_of_unknown_types_are_skipped_and_counted(tmp_path):
    known = [event("session_meta", id="i"), says("user", "Fix it."), says("assistant", "Done.")]
    unknown = [event("hint"), item("hint"), {"type": "hint"}, {"a": 1}, 3, {"payload": {}}]
    path = tmp_path / "rollout-1.jsonl"
    path.write_text("\n".join(map(json.dumps, [*known, *unknown, item("ghost_snapshot"), event("event_msg")])))
    loaded = load_trajectories(path)
    assert loaded.bad == []
    assert loaded.trajectories[0].segments == (Segment("task", "Fix it."), thought("Done."))
    assert loaded.trajectories[0].meta == {"unknown_records": {"hint": 3, "no type": 3}}


def test_a_web_search_is_an_action():
    action = {"type": "search", "query": "lm"}
    found = segments(item("web_search_call", status="completed", action=action), item("web_search_call"))
    assert found == (Segment("action", json.dumps(action), True, (Call("web_search", action, True),)),)


@pytest.mark.parametrize("data", [None, [], {"type": "session_meta"}, {"payload": {}}, {"type": 3, "payload": {}}])
def test_other_values_are_not_events(data):
    assert not codex_cli.is_event(data)
    assert not codex_cli.detect([data])


OLD = {"session": {"id": "i", "timestamp": "t"}, "items": ITEMS}


@pytest.mark.parametrize("value", [None, 3, "x", [], {}, [[]], {"a": {}}])
def test_hostile_lines_are_read_or_refused(value):
    """A wrong type at any place of any line."""
    lines = [event("session_meta", id="i"), event("turn_context", model="m"), HEADER, STATE, *ITEMS]
    for data in (lines, OLD):
        for at in range(len(lines)):
            for key in ("type", "payload", "id", "model", "role", "content", "name", "arguments", "call_id", "output"):
                bad = json.loads(json.dumps(data))
                parts = bad if isinstance(bad, list) else [bad["session"], *bad["items"]]
                part = parts[at % len(parts)]
                holder = part if key in part else part.get("payload", part)
                holder.update({key: value} if key in holder else {})
                assert codex_cli.detect(bad) in (True, False)
                if codex_cli.detect(bad):
                    read = codex_cli.read(bad, PATH)
                    assert isinstance(read.id, str)
                    assert all(isinstance(segment.text, str) for segment in read.segments)
    assert not codex_cli.detect({"session": value, "items": value})
    assert codex_cli.is_event(value) is False


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
