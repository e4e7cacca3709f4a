"""The events of `gemini --output-format stream-json`: pieces of text, calls, results."""

import json
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import gemini_stream
from lm_eval_hesnr.trajectories.schema import Call, Segment
from tests.builders import read_record

PATH = Path("out.jsonl")
INIT = {"type": "init", "timestamp": "t", "session_id": "s", "model": "gemini-3"}


def says(role, content, **more):
    return {"type": "message", "timestamp": "t", "role": role, "content": content, **more}


def use(identity, **parameters):
    return {"type": "tool_use", "tool_name": "read_file", "tool_id": identity, "parameters": parameters}


def result(identity, status="success", **more):
    return {"type": "tool_result", "tool_id": identity, "status": status, **more}


def action(executed, **arguments):
    return Segment("action", json.dumps(arguments), generated=True, calls=(Call("read_file", arguments, executed),))


def thought(text):
    return Segment("thought", text, generated=True)


def test_a_stream(tmp_path):
    events = [
        INIT,
        says("user", "Fix it."),
        says("assistant", "Loo", delta=True),
        says("assistant", "k.", delta=True),
        use("a", path="x"),
        use("b", path="y"),
        use("c"),
        use("d", path="z"),
        result("a", output="content"),
        result("b", "error", error={"type": "file_not_found", "message": "no such file"}),
        result("c", "error", error={"type": "invalid_tool_params", "message": "path is missing"}),
        says("assistant", "One."),
        says("assistant", "Two."),
        {"type": "new_kind"},
        {"type": "result", "status": "success", "stats": {}},
    ]
    path = tmp_path / "out.jsonl"
    path.write_text("\n".join(map(json.dumps, events)))
    (read,) = load_trajectories(path).trajectories
    assert (read.id, read.source, read.model, read.resolved) == ("s", "gemini-stream", "gemini-3", None)
    assert read.meta == {"unknown_records": {"new_kind": 1}}
    assert read.segments == (
        Segment("task", "Fix it."),
        thought("Look."),
        action(True, path="x"),
        action(True, path="y"),
        action(False),
        action(None, path="z"),
        Segment("observation", "content"),
        Segment("observation", "no such file"),
        Segment("observation", "path is missing"),
        thought("One."),
        thought("Two."),
    )


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {"type": "init"},
        {"type": "message", "role": "user", "content": "x"},
        {"type": "tool_result", "toolCallId": "c"},
        {**INIT, "subtype": "init"},
        {"type": []},
    ],
)
def test_other_values_are_not_events(data):
    assert not gemini_stream.is_event(data)
    assert not gemini_stream.detect([data])


def test_a_stream_without_messages_is_refused():
    with pytest.raises(ValueError, match="the stream has no message"):
        read_record([INIT, {"type": "result"}], PATH)


def test_values_of_wrong_types_do_not_stop_the_reader():
    events = [INIT, says([], {}), use({}), {**use("a"), "parameters": 3}, {**result("a"), "output": [], "error": 3}, 4]
    kinds = [(s.kind, s.text) for s in gemini_stream.read(events, PATH).segments]
    assert kinds == [("action", "{}"), ("thought", "3")]
