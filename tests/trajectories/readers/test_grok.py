"""Grok sessions: a chat history with a summary beside it, sub-agents, and calls that the server ran."""

import json
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import claude_code, grok, reader_of
from lm_eval_hesnr.trajectories.readers.segments import call
from lm_eval_hesnr.trajectories.schema import Segment
from tests.builders import compared_with_files, read_record


def line(kind, content, **keys):
    return {"type": kind, "content": content, **keys}


def tool(identity, name, arguments):
    return {"id": identity, "name": name, "arguments": arguments}


def text(value):
    return [{"type": "text", "text": value}]


SESSION = [
    line("system", "You are it."),
    line("user", text("<user_info>"), synthetic_reason="environment_context"),
    line("user", text("Go."), prompt_index=0),
    {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Sum."}], "encrypted_content": "x"},
    line("assistant", "Look.", tool_calls=[tool("a", "read_file", '{"f":"é"}'), tool("b", "x", "{}")], model_id="m"),
    line("tool_result", "text", tool_call_id="a"),
    {"type": "backend_tool_call", "kind": {"tool_type": "web_search"}},
    line("brand_new", "?"),
    line("user", [{"type": "image", "url": "data:"}, *text("See.")], prompt_index=1),
    line("user", text("<note>"), synthetic_reason="reminder"),
    line("user", text("Stop."), synthetic_reason="interjection"),
]


def folder(path, identity, **keys):
    path.mkdir(parents=True)
    (path / "summary.json").write_text(json.dumps({"info": {"id": identity}, **keys}))
    (path / "chat_history.jsonl").write_text("\n".join(map(json.dumps, SESSION)))


def test_a_session():
    read = grok.read(SESSION, Path("x.jsonl"))
    assert (read.id, read.source, read.model, read.resolved) == ("x", "grok", "m", None)
    assert read.meta == {"server_calls": 1, "unknown_records": {"brand_new": 1}}
    assert read.segments == (
        Segment("system", "You are it."),
        Segment("task", "<user_info>"),
        Segment("task", "Go."),
        Segment("thought", "Sum."),
        Segment("thought", "Look.", True),
        Segment("action", '{"f":"é"}', True, (call("read_file", {"f": "é"}, True),)),
        Segment("action", "{}", True, (call("x", {}, None),)),
        Segment("observation", "text"),
        Segment("task", "See."),
        Segment("other", "<note>"),
        Segment("task", "Stop."),
    )


def test_ids_of_sessions_and_sub_agents(tmp_path):
    folder(tmp_path / "one", "s1", current_model_id="m")
    folder(tmp_path / "one" / "child", "a1", session_kind="subagent")
    folder(tmp_path / "two" / "s2", "s2")
    (tmp_path / "two" / "s2" / "subagents" / "a2").mkdir(parents=True)
    folder(tmp_path / "two" / "a2", "a2", session_kind="subagent")
    folder(tmp_path / "two" / "a3", "a3", session_kind="subagent")
    loaded = load_trajectories(tmp_path)
    assert sorted(t.id for t in loaded.trajectories) == ["a3", "s1", "s1/a1", "s2", "s2/a2"]


def test_a_history_without_a_summary_has_its_folders_name(tmp_path):
    folder(tmp_path / "s1", None)
    (tmp_path / "s1" / "summary.json").write_text("[")
    (read,) = load_trajectories(tmp_path / "s1" / "chat_history.jsonl").trajectories
    assert read.id == "s1"


def test_lines_of_other_agents_are_not_read():
    claude = {"type": "user", "uuid": "u", "sessionId": "s", "message": {"role": "user", "content": "a"}}
    assert reader_of([claude]) is claude_code
    assert not grok.detect([line("system", "a"), line("user", "b")])
    assert not grok.is_event({**line("assistant", "a", tool_calls=[]), "uuid": "u"})


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [[]], {"a": {}}])
def test_wrong_types(value):
    bad = [{**row, key: value} for row in SESSION for key in row]
    bad += [line("assistant", value, tool_calls=[value, tool(value, value, value)], model_id=value), value]
    assert read_record([*SESSION, *bad, *SESSION], Path("x")).segments


def independent(path):
    actions, thoughts, results = [], [], []
    for row in map(json.loads, path.read_text().splitlines()):
        if row["type"] == "assistant":
            thoughts += [row["content"]] if row["content"] else []
            actions += [c["arguments"] for c in row["tool_calls"]]
        elif row["type"] == "reasoning":
            thoughts.append(row["summary"][0]["text"])
        elif row["type"] == "tool_result":
            results.append(row["content"])
    return actions, thoughts, results


def test_the_real_files(real_trajectories):
    assert compared_with_files(real_trajectories, "grok/**/*.jsonl", independent) == [3, 5, 3]
    root = real_trajectories / "wild" / "agent_sessions_fixtures" / "grok"
    own = [
        json.loads((path.parent / "summary.json").read_text())["info"]["id"] for path in sorted(root.rglob("*.jsonl"))
    ]
    assert [t.id for t in load_trajectories(root).trajectories] == [own[0], f"{own[0]}/{own[1]}"]
