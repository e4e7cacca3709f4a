"""Cursor's stream-json: calls on lines of their own, thinking in pieces, text in pieces and again whole."""

import json
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import cursor_stream
from lm_eval_hesnr.trajectories.schema import Call, Segment
from tests.builders import read_record

PATH = Path("out.jsonl")
INIT = {"type": "system", "subtype": "init", "session_id": "s", "model": "composer", "permissionMode": "default"}
END = {"type": "result", "subtype": "success", "session_id": "s", "result": "Done.", "is_error": False}


def says(role, text):
    message = {"role": role, "content": [{"type": "text", "text": text}]}
    return {"type": role, "message": message, "session_id": "s"}


def call(subtype, key, args, name="c", **more):
    line = {"type": "tool_call", "subtype": subtype, "call_id": name, "session_id": "s"}
    return line | {"tool_call": {key: {"args": args, **more}}}


def thinks(text):
    return {"type": "thinking", "subtype": "delta", "text": text, "session_id": "s"}


def thought(text):
    return Segment("thought", text, generated=True)


def action(tool, arguments, executed):
    return Segment("action", json.dumps(arguments), generated=True, calls=(Call(tool, arguments, executed),))


def test_a_run(tmp_path):
    ls, edit = {"command": "ls"}, {"path": "a.py", "fileText": "x = 1\n"}
    refused = {"result": {"rejected": {"reason": "no"}}}
    lines = [
        INIT,
        says("user", "Fix it."),
        thinks("Hm"),
        thinks("."),
        {"type": "thinking", "subtype": "completed"},
        says("assistant", "Look"),
        says("assistant", " here."),
        says("assistant", "Look here."),
        call("started", "lsToolCall", ls, "1"),
        call("started", "writeToolCall", edit | {"toolCallId": "2"}, "2"),
        call("completed", "lsToolCall", ls, "1", result={"success": {"stdout": "a", "stderr": "b", "exitCode": 0}}),
        call("completed", "writeToolCall", edit | {"toolCallId": "2"}, "2", **refused),
        call("started", "readToolCall", {"path": "a.py"}, "3"),
        says("assistant", "Done."),
        {"type": "hint"},
        END,
    ]
    (tmp_path / "out.jsonl").write_text("\n".join(map(json.dumps, lines)))
    loaded = load_trajectories(tmp_path / "out.jsonl")
    (read,) = loaded.trajectories
    assert (read.id, read.source, read.model, read.resolved) == ("s", "cursor-stream", "composer", None)
    assert (read.meta, loaded.bad) == ({"unknown_records": {"hint": 1}}, [])
    assert read.segments == (
        Segment("task", "Fix it."),
        thought("Hm."),
        thought("Look"),
        thought(" here."),
        action("ls", ls, True),
        action("write", edit, False),
        Segment("observation", "ab"),
        Segment("observation", "no"),
        action("read", {"path": "a.py"}, None),
        thought("Done."),
    )


def test_results_without_text_and_calls_without_a_known_key():
    lines = [
        call("completed", "editToolCall", {"path": "a"}, "1", result={"success": {"linesAdded": 1}}),
        {"type": "tool_call", "subtype": "started", "tool_call": {}},
    ]
    read = read_record(lines, PATH)
    assert (read.id, read.model) == ("s", None)
    assert read.segments == (
        action("edit", {"path": "a"}, True),
        Segment("observation", '{"success": {"linesAdded": 1}}'),
        action("unknown", {}, None),
    )


@pytest.mark.parametrize(
    "data", [None, 3, [], {}, INIT, {"type": "tool_call", "subtype": "x"}, {"type": "thinking", "subtype": []}]
)
def test_other_values_are_not_events(data):
    assert not cursor_stream.is_event(data)
    assert not cursor_stream.detect([data, INIT, says("user", "x"), END])


@pytest.mark.parametrize("value", [None, 3, "x", [], {}, [[]], {"a": {}}])
def test_hostile_lines_are_read_or_refused(value):
    """A wrong type at any place of any line."""
    lines = [INIT, says("assistant", "x"), thinks("x"), call("completed", "xToolCall", {}, result={"success": {}})]
    for at, line in enumerate(lines):
        for key in {*line, "xToolCall", "args", "result", "role", "content"}:
            bad = json.loads(json.dumps(lines))
            tool = bad[3]["tool_call"]
            for holder in (bad[at], bad[1]["message"], tool, tool["xToolCall"]):
                holder.update({key: value} if key in holder else {})
            if cursor_stream.detect(bad):
                read = cursor_stream.read(bad, PATH)
                assert isinstance(read.id, str)
                assert all(isinstance(segment.text, str) for segment in read.segments)
