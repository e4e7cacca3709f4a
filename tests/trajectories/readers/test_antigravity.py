"""Antigravity transcripts: replies and results of one source, arguments that are JSON texts, and cut values."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import antigravity, claude_code, reader_of
from lm_eval_hesnr.trajectories.readers.segments import call
from lm_eval_hesnr.trajectories.schema import Segment
from tests.builders import read_record

PATH = Path("brain/c1/.system_generated/logs/transcript.jsonl")


def step(kind, source="MODEL", **keys):
    return {"step_index": 1, "source": source, "type": kind, "status": "DONE", "created_at": "t", **keys}


def reply(*calls, **keys):
    return step("PLANNER_RESPONSE", tool_calls=[{"name": name, "args": args} for name, args in calls], **keys)


def action(tool, arguments, executed):
    text = json.dumps(arguments, ensure_ascii=False)
    return Segment("action", text, True, (call(tool, arguments, executed),))


def thought(text):
    return Segment("thought", text, generated=True)


def test_a_session():
    asked = "Go.\n<X>\nThe user changed setting `Model Selection` from None to M 3.5 (High). No comment."
    read = antigravity.read(
        [
            step("USER_INPUT", "USER_EXPLICIT", content=asked),
            step("CONVERSATION_HISTORY", "SYSTEM", content="# Others"),
            step("SYSTEM_MESSAGE", "SYSTEM", content="Be it."),
            reply(("list_dir", {"Path": '"/é"', "Deep": "true", "N": "[2]"}), thinking="Hm.", content="Look."),
            step("LIST_DIRECTORY", content="a.txt"),
            step("CHECKPOINT", "SYSTEM", content="Resuming"),
            reply(("run", {}), ("run", {"A": '{"b": [1, "c"]}', "S": '"d"'})),
            step("RUN_COMMAND", content="one"),
            step("USER_INPUT", "USER_EXPLICIT", content="Stop."),
            reply(("browse", {"Url": '"u"'})),
            step("BROWSER_NAVIGATE", content="declined", status="CANCELED"),
            step("GENERIC", "UNHEARD_OF", content="?"),
            {"type": "odd"},
        ],
        PATH,
    )
    assert (read.id, read.source, read.model, read.resolved) == ("c1", "antigravity", "M 3.5 (High)", None)
    assert read.meta == {"unknown_records": {"GENERIC": 1, "odd": 1}}
    assert read.segments == (
        Segment("task", asked),
        Segment("system", "Be it."),
        thought("Hm."),
        thought("Look."),
        action("list_dir", {"Path": "/é", "Deep": True, "N": [2]}, True),
        Segment("observation", "a.txt"),
        Segment("other", "Resuming"),
        action("run", {}, None),
        action("run", {"A": {"b": [1, "c"]}, "S": "d"}, None),
        Segment("observation", "one"),
        Segment("task", "Stop."),
        action("browse", {"Url": "u"}, False),
        Segment("observation", "declined"),
    )


def test_a_summary_of_the_reasoning_is_not_generated():
    summary = "**Reading files**\n\nI'm now focusing on a.py."
    lines = [reply(thinking=text, content="Look.") for text in (summary, "**Look** at it.", "Hm.\n**A**\nB")]
    read = antigravity.read(lines, PATH)
    assert read.segments[:2] == (Segment("thought", summary, generated=False), thought("Look."))
    assert read.segments[2::2] == (thought("**Look** at it."), thought("Hm.\n**A**\nB"))


@pytest.mark.parametrize(
    ("stored", "value"), [('"a\\n', "a\n"), ('"a\\', "a"), ('"a\\u00', "a"), ('"', ""), ("[1, 2", "[1, 2")]
)
def test_the_mark_of_a_cut_is_not_the_models_text(stored, value):
    cut = "\n<truncated 12 bytes>"
    calls = ("w", {"Code": stored + cut, "toolSummary": '"s"'})
    read = antigravity.read([reply(calls, content="Do it" + cut)], Path("x.jsonl"))
    assert read.segments == (thought("Do it"), action("w", {"Code": value, "toolSummary": "s"}, None))
    assert (read.id, read.meta) == ("x", {"cut_texts": 2})


@pytest.mark.parametrize(
    "arguments",
    [{"Command": "true"}, {"Code": '{"a": 1}'}, {"Code": '"a"', "Wait": 5}, {"Code": '"a"', "toolSummary": "s"}, {}],
)
def test_arguments_of_versions_that_store_plain_values(arguments):
    assert antigravity.read([reply(("w", arguments))], PATH).segments == (action("w", arguments, None),)


def test_errors_about_calls():
    invalid = step("ERROR_MESSAGE", "SYSTEM", content="Error invalid tool call: a")
    denied = {**step("GENERIC", content=""), "status": "ERROR", "error": "user denied permission"}
    quota = step("ERROR_MESSAGE", "SYSTEM", content="quota")
    failed = {**step("RUN_COMMAND", content="no such file"), "status": "ERROR", "error": "exit 1"}
    lines = [line for result in (invalid, denied, quota, failed) for line in (reply(("t", {"a": 1})), result)]
    read = antigravity.read(lines, PATH)
    assert [c.executed for s in read.segments for c in s.calls] == [False, False, None, True]
    assert [(s.kind, s.text) for s in read.segments if s.kind != "action"] == [
        ("observation", "Error invalid tool call: a"),
        ("observation", "user denied permission"),
        ("other", "quota"),
        ("observation", "no such file"),
    ]


def test_steps_that_were_written_late_are_put_in_order():
    lines = [{**reply(content=text), "step_index": i} for i, text in ((0, "a"), (2, "c"), (1, "b"))]
    assert [s.text for s in antigravity.read(lines, PATH).segments] == ["a", "b", "c"]
    lines[0]["step_index"] = 2
    assert [s.text for s in antigravity.read(lines, PATH).segments] == ["a", "c", "b"]


@pytest.mark.parametrize(
    ("text", "model"), [("from A to B 1.5 (x). No", "B 1.5 (x)"), ("from A to B.", "B"), ("from A", None), ("", None)]
)
def test_the_model_is_the_one_that_the_user_chose(text, model):
    asked = step("USER_INPUT", "USER_EXPLICIT", content=f"Go.\n`Model Selection` {text}")
    assert antigravity.read([asked, reply(content="Hi")], PATH).model == model


def test_a_file_beside_the_uncut_one_is_a_part(tmp_path):
    steps = [step("USER_INPUT", "USER_EXPLICIT", content="Go."), reply(content="Done.")]
    for name in ("transcript.jsonl", "transcript_full.jsonl"):
        (tmp_path / name).write_text("\n".join(map(json.dumps, steps)))
    loaded = load_trajectories(tmp_path)
    assert [t.id for t in loaded.trajectories] == [tmp_path.name]
    assert [str(skipped) for skipped in loaded.skipped] == [
        f"part of {tmp_path / 'transcript_full.jsonl'}, which contains the complete run"
    ]


def test_other_formats_are_not_read():
    line = {"type": "user", "uuid": "u", "sessionId": "s", "message": {"role": "user", "content": "a"}}
    assert reader_of([line]) is claude_code
    assert not antigravity.detect([line, step("GENERIC", content="a"), line])
    assert antigravity.detect([line, step("GENERIC", content="a")])


HOSTILE: list[Any] = [None, 1, "x", [], {}, [[]], {"a": {}}]


@pytest.mark.parametrize("value", HOSTILE)
def test_wrong_types(value):
    good = step("PLANNER_RESPONSE", content="Hi", tool_calls=[{"name": "t", "args": {"a": "1"}}])
    for key in ("content", "thinking", "tool_calls", "status", "type", "source"):
        record = [{**good, key: value}, good, value, {**good, "tool_calls": [value, {"name": value, "args": value}]}]
        assert antigravity.detect([*record, good])
        assert read_record([*record, good], PATH).segments


def independent(path):
    """Actions as (name, arguments with an uncut value decoded), thoughts and results, straight from the file."""
    actions, thoughts, results = [], [], []
    for row in map(json.loads, path.read_text().splitlines()):
        if row["type"] == "PLANNER_RESPONSE":
            thoughts += [row[key] for key in ("thinking", "content") if row.get(key)]
            actions += [(c["name"], c["args"]) for c in row.get("tool_calls", [])]
        elif row["source"] == "MODEL" and row.get("content"):
            results.append(row["content"])
    return actions, thoughts, results


@pytest.mark.parametrize(
    ("name", "n_actions"),
    [
        ("antigravity/transcript.jsonl", 81),
        ("agent_sessions_fixtures/antigravity/cli_small.jsonl", 2),
        ("agent_sessions_fixtures/antigravity/cli_schema_drift.jsonl", 0),
    ],
)
def test_the_real_files(real_trajectories, name, n_actions):
    path = real_trajectories / "wild" / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    actions, thoughts, results = independent(path)
    (read,) = load_trajectories(path).trajectories
    assert [s.text for s in read.segments if s.kind == "thought"] == thoughts
    assert [s.text for s in read.segments if s.kind == "observation"] == results
    found = [json.loads(s.text) for s in read.segments if s.kind == "action"]
    assert len(found) == len(actions) == n_actions
    for arguments, (_, stored) in zip(found, actions, strict=True):
        assert list(arguments) == list(stored)
        for key, value in stored.items():
            head, *marks = re.split(r"\n<truncated \d+ bytes>\Z", value)
            if marks:  # a cut can leave half an escape
                assert json.loads(head.rstrip("\\") + '"', strict=False) == arguments[key]
            else:
                assert json.loads(value) == arguments[key]
