"""Cursor agent transcripts: blocks without ids, sub-agents beside their session, lines of unknown types."""

import json
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import cursor, openai_messages, reader_of
from lm_eval_hesnr.trajectories.readers.segments import call
from lm_eval_hesnr.trajectories.schema import Segment
from tests.builders import compared_with_files, read_record

PATH = Path("s1/s1.jsonl")


def line(role, *blocks, **keys):
    return {"role": role, "message": {"content": [*blocks]}, **keys}


def text(value):
    return {"type": "text", "text": value}


def tool(name, kind="tool_use", **arguments):
    return {"type": kind, "name": name, "input": arguments}


def action(name, executed, **arguments):
    return Segment("action", json.dumps(arguments), True, (call(name, arguments, executed),))


def test_a_session():
    read = cursor.read(
        [
            line("user", text("Go.")),
            line(
                "assistant", {"type": "thinking", "thinking": "Hm."}, text("Look."), tool("Read", path="a"), text("B.")
            ),
            line("user", {"type": "tool_result", "tool_use_id": "x", "content": [text("con"), text("tent")]}),
            line("user", text("<system_reminder>be quick")),
            line("assistant", tool("Edit", kind="tool_call", path="a"), {"type": "custom", "text": "shown"}),
            {"type": "turn_ended", "status": "success"},
            {"type": "new_thing"},
            line("user", text("Thanks.")),
            line("assistant", text("Bye."), model="m"),
        ],
        PATH,
    )
    assert (read.id, read.source, read.model, read.resolved) == ("s1", "cursor", "m", None)
    assert read.meta == {"unknown_records": {"custom": 1, "new_thing": 1}}
    assert read.segments == (
        Segment("task", "Go."),
        Segment("thought", "Hm.", True),
        Segment("thought", "Look.", True),
        action("Read", True, path="a"),
        Segment("thought", "B.", True),
        Segment("observation", "content"),
        Segment("other", "<system_reminder>be quick"),
        action("Edit", None, path="a"),
        Segment("task", "Thanks."),
        Segment("thought", "Bye.", True),
    )


def test_a_sub_agent_is_a_run_of_its_own(tmp_path):
    session = tmp_path / "s1"
    (session / "subagents").mkdir(parents=True)
    lines = json.dumps(line("user", text("Go."))) + "\n" + json.dumps(line("assistant", text("Done.")))
    for name in ("s1.jsonl", "subagents/a1.jsonl", "subagents/a2.jsonl"):
        (session / name).write_text(lines)
    assert [t.id for t in load_trajectories(tmp_path).trajectories] == ["s1", "s1/a1", "s1/a2"]


def test_messages_of_other_formats_are_not_read():
    chat = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    assert reader_of(chat) is openai_messages
    assert not cursor.is_event({"role": "user", "message": {"role": "user", "content": "a"}})
    assert not cursor.is_event({"role": "user", "uuid": "u", "message": {"content": "a"}})


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [[]], {"a": {}}])
def test_wrong_types(value):
    good = line("assistant", text("Hi"))
    bad = [{**good, "message": {"content": value}}, line("assistant", value, {"type": value, "name": value})]
    bad += [
        line("assistant", {**tool("t"), "name": value, "input": value}),
        line("user", {"type": "tool_result", "content": value}),
    ]
    assert read_record([good, *bad, good, good], PATH).segments
    assert not cursor.is_event({**good, "message": value})
    assert not cursor.is_event({**good, "role": value})


def independent(path):
    actions, thoughts, results = [], [], []
    for row in map(json.loads, path.read_text().splitlines()):
        for block in row.get("message", {}).get("content", []):
            if block["type"] in ("tool_result", "tool-result"):
                results.append("".join(part["text"] for part in block["content"]))
            elif row["role"] == "assistant" and block["type"] in ("tool_use", "tool_call"):
                actions.append(json.dumps(block["input"]))
            elif row["role"] == "assistant" and block["type"] in ("text", "thinking"):
                thoughts.append(block[block["type"]])
    return actions, thoughts, results


def test_the_real_files(real_trajectories):
    assert compared_with_files(real_trajectories, "cursor/**/*.jsonl", independent) == [5, 11, 3]
