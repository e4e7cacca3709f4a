"""Droid sessions: the store with Anthropic's blocks, and the stream with one line for each text, call and result."""

import json
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import droid, pi, reader_of
from lm_eval_hesnr.trajectories.readers.segments import call
from lm_eval_hesnr.trajectories.schema import Segment
from tests.builders import compared_with_files, read_record

START = {"type": "session_start", "id": "d1", "title": "T", "cwd": "/w", "version": "0.8"}


def message(role, *blocks):
    return {
        "type": "message",
        "id": "m",
        "parentId": "p",
        "timestamp": "t",
        "message": {"role": role, "content": [*blocks]},
    }


def text(value):
    return {"type": "text", "text": value}


def event(kind, **keys):
    return {"type": kind, "session_id": "d2", "timestamp": 1, **keys}


def action(name, executed, **arguments):
    return Segment("action", json.dumps(arguments), True, (call(name, arguments, executed),))


def test_a_store(tmp_path):
    (tmp_path / "d1.settings.json").write_text('{"model": "m", "reasoningEffort": "high"}')
    lines = [
        START,
        message("user", text("<system-reminder>now</system-reminder>"), text("Go.")),
        message("assistant", {"type": "thinking", "thinking": "Hm.", "signature": "s"}, text("Look.")),
        message("assistant", {"type": "tool_use", "id": "a", "name": "Read", "input": {"file_path": "é"}}),
        message("user", {"type": "tool_result", "tool_use_id": "a", "content": "text"}, text("<system-reminder>x")),
        {"type": "todo_state", "id": "t", "todos": []},
        {"type": "compaction_state", "id": "c", "summaryText": "So far."},
        {"type": "brand_new", "id": "n"},
    ]
    (tmp_path / "d1.jsonl").write_text("\n".join(map(json.dumps, lines)))
    loaded = load_trajectories(tmp_path)
    assert not loaded.bad
    (read,) = loaded.trajectories
    assert (read.id, read.source, read.model, read.resolved) == ("d1", "droid", "m", None)
    assert read.meta == {"agent_version": "0.8", "unknown_records": {"brand_new": 1}}
    assert read.segments == (
        Segment("task", "<system-reminder>now</system-reminder>"),
        Segment("task", "Go."),
        Segment("thought", "Hm.", True),
        Segment("thought", "Look.", True),
        Segment("action", '{"file_path": "é"}', True, (call("Read", {"file_path": "é"}, True),)),
        Segment("observation", "text"),
        Segment("other", "<system-reminder>x"),
        Segment("other", "So far."),
    )


def test_a_session_of_a_sub_agent():
    reply = message("assistant", text("Done."))
    reply["message"]["model"] = "m"
    read = droid.read([{**START, "callingSessionId": "d0"}, reply], Path("d1.jsonl"))
    assert (read.id, read.model) == ("d0/d1", "m")


def test_a_stream():
    read = droid.read(
        [
            event("system", subtype="init", model="m"),
            event("message", role="user", text="Go."),
            event("message", role="assistant", text="Look."),
            event("tool_call", id="a", toolName="Read", parameters={"p": 1}),
            event("tool_call", toolCallId="b", id="x", toolName="Read", parameters={"p": 2}),
            event("tool_result", toolCallId="b", value={"stdout": "é\n", "exitCode": 0}),
            event("tool_result", id="a", isError=True, value="no"),
            event("retry"),
            event("message", role="assistant", text="Done.\n"),
            event("completion", finalText="Done."),
            event("error", message="late"),
        ],
        Path("out.jsonl"),
    )
    assert (read.id, read.model, read.meta) == ("d2", "m", {"unknown_records": {"retry": 1}})
    assert read.segments == (
        Segment("task", "Go."),
        Segment("thought", "Look.", True),
        action("Read", True, p=1),
        action("Read", True, p=2),
        Segment("observation", '{"stdout": "é\\n", "exitCode": 0}'),
        Segment("observation", "no"),
        Segment("thought", "Done.\n", True),
    )


def test_the_final_text_is_read_if_no_message_has_it():
    lines = [event("message", role="assistant", text="Look."), event("completion", finalText="Done.")]
    assert [s.text for s in droid.read(lines, Path("x")).segments] == ["Look.", "Done."]


def test_a_store_without_its_first_line_is_known_by_its_calls():
    lines = [message("user", text("Go.")), message("assistant", {"type": "tool_use", "name": "t", "input": {}})]
    assert reader_of(lines) is droid
    assert reader_of(lines[:1]) is None
    assert reader_of([{"type": "session", "id": "p", "cwd": "/"}, *lines]) is pi


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [[]], {"a": {}}])
def test_wrong_types(value):
    good = message("assistant", text("Hi"))
    bad = [{**START, "id": value}, {**good, "message": {"role": value, "content": value}}, {**good, "type": value}]
    assert read_record([START, {**START, "version": value}, good, good, *bad], Path("x")).segments
    call_line = event("tool_call", id=value, toolName=value, parameters=value)
    lines = [event("message", role=value, text=value), call_line, event("tool_result", id=value, value=value)]
    assert read_record([*lines, event("completion", finalText="Hi")], Path("x")).segments


def independent(path):
    actions, thoughts, results = [], [], []
    for row in filter(None, path.read_text().splitlines()):
        row = json.loads(row)
        for block in row.get("message", {}).get("content", []) if isinstance(row.get("message"), dict) else []:
            if block["type"] == "tool_result":
                results.append(block["content"])
            elif block["type"] == "tool_use":
                actions.append(json.dumps(block["input"]))
            elif row["message"]["role"] == "assistant":
                thoughts.append(block["text"])
        if row["type"] == "tool_call":
            actions.append(json.dumps(row["parameters"]))
        elif row["type"] == "tool_result":
            results.append(row["value"] if isinstance(row["value"], str) else json.dumps(row["value"]))
        elif row.get("role") == "assistant":
            thoughts.append(row["text"])
        elif row["type"] == "completion" and row["finalText"] not in thoughts:
            thoughts.append(row["finalText"])
    return actions, thoughts, results


def test_the_real_files(real_trajectories):
    assert compared_with_files(real_trajectories, "droid/*.jsonl", independent) == [5, 8, 5]
