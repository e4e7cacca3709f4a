"""Pi and OpenClaw sessions: a tree of entries, of which the branch of the last entry is read."""

import json
from pathlib import Path

import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import droid, pi, reader_of
from lm_eval_hesnr.trajectories.readers.segments import call
from lm_eval_hesnr.trajectories.schema import Segment
from tests.builders import compared_with_files, read_record

HEADER = {"type": "session", "version": 3, "id": "p1", "timestamp": "t", "cwd": "/w"}


def entry(kind, identity, parent, **keys):
    return {"type": kind, "id": identity, "parentId": parent, "timestamp": "t", **keys}


def message(identity, parent, role, content, **keys):
    return entry("message", identity, parent, message={"role": role, "content": content, **keys})


def tool(identity, name, **arguments):
    return {"type": "toolCall", "id": identity, "name": name, "arguments": arguments}


def text(value):
    return {"type": "text", "text": value}


def texts(*entries):
    return [segment.text for segment in pi.read([HEADER, *entries], Path("x.jsonl")).segments]


def test_a_session():
    blocks = [{"type": "thinking", "thinking": "Hm."}, text("Look."), tool("c1", "read", path="é"), tool("c2", "ls")]
    read = pi.read(
        [
            {**HEADER, "parentSession": "/home/x/old.jsonl"},
            entry("model_change", "a", None, provider="p", modelId="m"),
            entry("custom_message", "b", "a", customType="x", content="Context.", display=False),
            message("c", "b", "user", "Go."),
            message("d", "c", "assistant", blocks, model="m2", stopReason="toolUse"),
            message("e", "d", "toolResult", [text("con"), text("tent")], toolCallId="c1", isError=False),
            message(
                "f", "e", "toolResult", [text("Skipped due to queued user message.")], toolCallId="c2", isError=True
            ),
            message("g", "f", "bashExecution", None, command="ls", output="a\n"),
            message("h", "g", "bashExecution", None, command="pwd", output="/", excludeFromContext=True),
            entry("compaction", "i", "h", summary="So far.", firstKeptEntryId="c"),
            message("j", "i", "compactionSummary", None, summary="Earlier."),
            message("k", "j", "custom", "From an extension."),
            message("l", "k", "stranger", "?"),
            entry("brand_new", "m", "l"),
            message("n", "m", "system", [text("Updated.")]),
        ],
        Path("x.jsonl"),
    )
    assert (read.id, read.source, read.model, read.resolved) == ("p1", "pi", "m", None)
    assert read.meta == {"branched_from": "old.jsonl", "unknown_records": {"brand_new": 1, "role stranger": 1}}
    assert read.segments == (
        Segment("task", "Context."),
        Segment("task", "Go."),
        Segment("thought", "Hm.", True),
        Segment("thought", "Look.", True),
        Segment("action", '{"path": "é"}', True, (call("read", {"path": "é"}, True),)),
        Segment("action", "{}", True, (call("ls", {}, False),)),
        Segment("observation", "content"),
        Segment("observation", "Skipped due to queued user message."),
        Segment("other", "ls\na\n"),
        Segment("other", "So far."),
        Segment("other", "Earlier."),
        Segment("other", "From an extension."),
        Segment("other", "Updated."),
    )


def test_a_branch_that_the_user_left_is_left_out():
    entries = [
        message("a", None, "user", "Go."),
        message("b", "a", "assistant", "First."),
        message("c", "b", "user", "More."),
        entry("label", "d", "a", targetId="b", label="x"),
        message("e", "a", "assistant", "Second."),
        entry("custom_message", "f", "a", content="Kept: no message is on this branch."),
        message("g", "e", "user", "Fine."),
    ]
    assert texts(*entries) == ["Go.", "Second.", "Kept: no message is on this branch.", "Fine."]
    assert pi.read([HEADER, *entries], Path("x")).meta == {"abandoned_entries": 2}


@pytest.mark.parametrize("parents", ["ba", "bca"])
def test_a_cycle_of_parents_is_refused(parents, tmp_path):
    entries = [message(name, parent, "assistant", name) for name, parent in zip("abc", parents, strict=False)]
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(map(json.dumps, [HEADER, message("z", None, "user", "Go."), *entries])))
    with pytest.raises(InputError, match=r"the parents of the entries form a cycle: entry '.' is its own ancestor"):
        load_trajectories(path)


def test_entries_without_a_known_parent_follow_the_entry_before():
    first = {"type": "message", "timestamp": "t", "message": {"role": "user", "content": "Go."}}
    assert texts(first, message("b", "gone", "assistant", "A."), message("c", "c", "assistant", "B.")) == [
        "Go.",
        "A.",
        "B.",
    ]


def test_sessions_are_known_by_their_first_line_or_their_calls():
    lines = [message("a", None, "user", "Go."), message("b", "a", "assistant", [tool("c", "ls")])]
    assert reader_of(lines) is pi
    assert reader_of([HEADER, lines[0]]) is pi
    assert reader_of(lines[:1]) is None
    assert reader_of([{"type": "session_start", "id": "d", "cwd": "/"}, *lines[:1]]) is droid


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [[]], {"a": {}}])
def test_wrong_types(value):
    good = message("a", None, "assistant", "Hi")
    bad = [{**good, "parentId": value}, {**good, "id": value}, {**good, "message": value}, {**good, "type": value}]
    bad += [
        message("b", "a", value, value),
        message("b", "a", "toolResult", value),
        message("b", "a", "assistant", [value]),
    ]
    bad += [entry("compaction", value, value, summary=value), {**HEADER, "parentSession": value}, value]
    assert read_record([{**HEADER, "cwd": value}, *[good] * 8, *bad, good], Path("x")).segments


def independent(path):
    actions, thoughts, results = [], [], []
    for row in map(json.loads, path.read_text().splitlines()):
        content = row.get("message", {}).get("content", [])
        if row.get("message", {}).get("role") == "toolResult":
            results.append(content)
        elif row.get("message", {}).get("role") == "assistant":
            thoughts += [block["text"] for block in content if block["type"] == "text"]
            actions += [json.dumps(block["arguments"]) for block in content if block["type"] == "toolCall"]
    return actions, thoughts, results


@pytest.mark.parametrize(("folder", "numbers"), [("pi", [0, 2, 0]), ("openclaw", [4, 5, 4])])
def test_the_real_files(real_trajectories, folder, numbers):
    assert compared_with_files(real_trajectories, f"{folder}/*.jsonl", independent) == numbers
    runs = load_trajectories(real_trajectories / "wild" / "agent_sessions_fixtures" / folder).trajectories
    assert all(call.executed is True for run in runs for segment in run.segments for call in segment.calls)
