"""OpenAI Responses: items in a list or in an object, calls of every kind, reasoning that is stored as a summary."""

import json
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import reader_of, responses
from lm_eval_hesnr.trajectories.schema import Call, Segment
from tests.builders import read_record

PATH = Path("run.json")
PATCH = "*** Begin Patch\n*** End Patch"


def message(role, text, **more):
    return {"type": "message", "role": role, "content": [{"type": "output_text", "text": text}], **more}


def item(kind, **more):
    return {"type": kind, **more}


def text_item(text):
    return [{"type": "summary_text", "text": text}]


ITEMS = [
    {"role": "developer", "content": "Be good."},
    message("user", "Fix it."),
    item("reasoning", id="r", summary=text_item("Looking"), encrypted_content="gAAA"),
    item("reasoning", summary=[], content=[{"type": "reasoning_text", "text": "Hm."}]),
    message("assistant", "Look.", status="completed"),
    item("function_call", name="shell", arguments='{"command":["ls","-l"]}', call_id="a"),
    message("assistant", "And edit."),
    item("custom_tool_call", name="apply_patch", input=PATCH, call_id="b"),
    item("local_shell_call", call_id="c", action={"type": "exec", "command": ["pwd"], "env": None}),
    item("web_search_call", status="completed"),
    item("function_call_output", call_id="a", output="x"),
    item("custom_tool_call_output", call_id="b", output=[{"type": "input_text", "text": "Done"}]),
    message("user", "Go on."),
    {"type": "message", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
]
SEGMENTS = (
    Segment("system", "Be good."),
    Segment("task", "Fix it."),
    Segment("thought", "Looking"),
    Segment("thought", "Hm.", True),
    Segment("thought", "Look.", True),
    Segment("action", '{"command":["ls","-l"]}', True, (Call("bash", {"command": "ls -l"}, True),)),
    Segment("thought", "And edit.", True),
    Segment("action", PATCH, True, (Call("apply_patch", {"input": PATCH}, True),)),
    Segment("action", '{"command": ["pwd"]}', True, (Call("bash", {"command": "pwd"}, None),)),
    Segment("observation", "x"),
    Segment("observation", "Done"),
    Segment("other", "Go on."),
    Segment("thought", "No.", True),
)


def test_a_list():
    assert reader_of(ITEMS) is responses
    read = read_record(ITEMS, PATH)
    assert (read.id, read.source, read.model, read.resolved) == ("run", "openai-responses", None, None)
    assert read.meta == {"unknown_records": {"web_search_call": 1}}
    assert read.segments == SEGMENTS


def test_objects():
    whole = {"id": "resp_1", "object": "response", "model": "m", "input": ITEMS[1:2], "output": ITEMS[2:]}
    read = read_record(whole, PATH)
    assert (read.id, read.model, read.segments) == ("resp_1", "m", SEGMENTS[1:])
    assert read_record({"input": ITEMS, "instructions": "Rules."}, PATH).segments[1:] == SEGMENTS
    answer = {"object": "response", "input": "Hello?", "output": [message("assistant", "Yes.")]}
    assert read_record(answer, PATH).segments == (Segment("task", "Hello?"), Segment("thought", "Yes.", True))


def test_one_item_per_line(tmp_path):
    path = tmp_path / "run.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in ITEMS))
    [read] = load_trajectories(path).trajectories
    assert (read.id, read.segments) == ("run", SEGMENTS)


@pytest.mark.parametrize(
    "data",
    [
        [message("user", "a"), message("assistant", "b")],
        [{"type": "function_call", "payload": {}}],
        [*ITEMS, {"type": "x"}][-1:],
        {"output": [message("assistant", "a")]},
        {"input": "a"},
    ],
)
def test_what_is_of_another_format(data):
    assert not responses.detect(data)


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [[]], {"a": 1}])
def test_wrong_types(value):
    assert not responses.detect(value)
    assert not responses.detect([value])
    keys = ("role", "content", "name", "arguments", "input", "call_id", "action", "operation", "output", "summary")
    kinds = ("message", "reasoning", "function_call", "custom_tool_call", "apply_patch_call", "function_call_output")
    items = [{"type": kind, **dict.fromkeys(keys, value)} for kind in kinds]
    assert responses.read([*ITEMS, *items], PATH).segments[: len(SEGMENTS)] == SEGMENTS
    if not isinstance(value, dict):
        with pytest.raises(ValueError, match="item 14 should be an object"):
            responses.read([*ITEMS, value], PATH)
    assert json.dumps(responses.read({"output": ITEMS, "model": value, "id": value}, PATH).to_json())
