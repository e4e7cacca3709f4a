"""Qwen Code sessions: parts of Gemini's API in lines like those of Claude Code, a tree of lines, sub-agents."""

import json
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import qwen_code, reader_of
from lm_eval_hesnr.trajectories.schema import Call, Segment

PATH = Path("session.jsonl")


def line(uuid, parent, kind, *parts, **more):
    role = "model" if kind == "assistant" else "user"
    message = {"message": {"role": role, "parts": list(parts)}} if kind != "system" else {"systemPayload": {}}
    return {"uuid": uuid, "parentUuid": parent, "sessionId": "s", "type": kind, "version": "1", **message, **more}


def call(identity, **arguments):
    return {"functionCall": {"id": identity, "name": "read_file", "args": arguments}}


def answer(identity, output, key="output"):
    return {"functionResponse": {"id": identity, "name": "read_file", "response": {key: output}}}


def thought(text):
    return Segment("thought", text, generated=True)


def action(executed, **arguments):
    return Segment("action", json.dumps(arguments), generated=True, calls=(Call("read_file", arguments, executed),))


def test_a_session():
    lines = [
        line("1", None, "user", {"text": "Fix it."}, {"text": "<qwen:user-prompt-submit-context>\nhook"}),
        line(
            "2",
            "1",
            "assistant",
            {"text": "Hm.", "thought": True},
            {"text": "Look."},
            call("a", path="x"),
            model="qwen3",
        ),
        line("3", "2", "tool_result", answer("a", "content"), toolCallResult={"status": "success"}),
        line("4", "3", "system", subtype="ui_telemetry"),
        line("5", "4", "assistant", call("b", path="y"), {"text": "Both."}, call("c"), call("d")),
        line("6", "5", "tool_result", answer("b", "no", "error"), toolCallResult={"status": "cancelled"}),
        line("7", "6", "tool_result", answer("c", "bad", "error"), toolCallResult={"errorType": "invalid_tool_params"}),
        line("8", "7", "user", {"text": "A task ended."}, subtype="notification"),
        line("9", "8", "user", {"text": "Go on."}, {"inlineData": {}}),
        {"type": "new_kind", "uuid": "x", "sessionId": "s"},
    ]
    read = qwen_code.read(lines, PATH)
    assert (read.id, read.source, read.model, read.resolved) == ("s", "qwen-code", "qwen3", None)
    assert read.meta == {"agent_version": "1", "unknown_records": {"new_kind": 1, "inlineData": 1}}
    assert read.segments == (
        Segment("task", "Fix it."),
        Segment("task", "<qwen:user-prompt-submit-context>\nhook"),
        thought("Hm."),
        thought("Look."),
        action(True, path="x"),
        Segment("observation", "content"),
        action(False, path="y"),
        thought("Both."),
        action(False),
        action(None),
        Segment("observation", "no"),
        Segment("observation", "bad"),
        Segment("other", "A task ended."),
        Segment("task", "Go on."),
    )


def test_the_summary_after_a_compression_is_not_generated():
    history = [{"role": "user", "parts": [{"text": "So far: x."}]}, {"role": "model", "parts": [{"text": "Got it."}]}]
    payload = {"systemPayload": {"compressedHistory": history}}
    lines = [
        line("1", None, "assistant", {"text": "Look."}),
        line("2", "1", "system", subtype="chat_compression", **payload),
        line("3", "2", "assistant", {"text": "Done."}),
    ]
    expected = (thought("Look."), Segment("other", "So far: x."), thought("Done."))
    assert qwen_code.read(lines, PATH).segments == expected


def test_lines_before_a_rewind_that_the_model_did_not_see_are_left_out():
    lines = [
        line("1", None, "user", {"text": "Fix it."}),
        line("2", "1", "assistant", {"text": "Wrong."}),
        line("3", "1", "system", subtype="rewind"),
        line("4", "3", "user", {"text": "Again."}),
        line("5", "4", "assistant", {"text": "Right."}),
        line("5", "4", "assistant", {"text": "Second part."}),
        line("9", "2", "system", subtype="session_artifact_snapshot"),
    ]
    read = qwen_code.read(lines, PATH)
    assert [s.text for s in read.segments] == ["Fix it.", "Again.", "Right.", "Second part."]
    assert read.meta == {"agent_version": "1", "discarded_lines_left_out": 1}


@pytest.mark.parametrize("parent", ["missing", "2"])
def test_a_broken_chain_or_a_circle_leaves_out_nothing(parent):
    lines = [line("1", None, "user", {"text": "Fix it."}), line("2", parent, "assistant", {"text": "Done."})]
    texts = [s.text for s in qwen_code.read(lines, PATH).segments]
    assert texts == (["Fix it.", "Done."] if parent == "missing" else ["Done."])


def test_sub_agents_are_left_out_unless_they_are_the_file():
    inner = line("i", None, "assistant", {"text": "Sub."}, isSidechain=True, agentId="explore-1")
    lines = [line("1", None, "user", {"text": "Fix it."}), inner, line("2", "1", "assistant", {"text": "Main."})]
    main = qwen_code.read(lines, PATH)
    assert [s.text for s in main.segments] == ["Fix it.", "Main."]
    assert main.meta["sidechain_lines_left_out"] == 1
    alone = qwen_code.read([inner], Path("agent.jsonl"))
    assert (alone.id, alone.segments) == ("s/explore-1", (thought("Sub."),))


def test_objects_without_a_line_end_between_them(tmp_path):
    lines = [line("1", None, "user", {"text": 'Say {"a": 1}'}), line("2", "1", "assistant", {"text": "Yes."})]
    path = tmp_path / "session.jsonl"
    path.write_text("".join(map(json.dumps, lines)) + "\n")
    (read,) = load_trajectories(path).trajectories
    assert [s.text for s in read.segments] == ['Say {"a": 1}', "Yes."]


@pytest.mark.parametrize(
    "data",
    [
        None,
        "user",
        [],
        {"type": "user", "uuid": "u", "sessionId": "s", "message": {"role": "user", "content": "x"}},
        {"type": "user", "message": {"parts": []}},
        {"type": "system", "uuid": "u", "sessionId": "s", "subtype": "x"},
        {"type": [], "uuid": "u", "sessionId": "s"},
    ],
)
def test_other_values_are_not_events(data):
    assert not qwen_code.is_event(data)
    assert not qwen_code.detect([data])


def test_values_of_wrong_types_do_not_stop_the_reader():
    lines = [
        3,
        {"type": "assistant", "message": 4, "uuid": []},
        line([], {}, "assistant", 1, "Text.", {"text": 3}, {"functionCall": 4}, {"functionCall": {"args": [1]}}),
        line("x", [], "tool_result", {"functionResponse": 3}, toolCallResult=[]),
    ]
    read = qwen_code.read(lines, PATH)
    assert [(s.kind, s.text) for s in read.segments] == [("thought", "Text."), ("thought", "[1]")]


@pytest.mark.parametrize(
    "name",
    [
        "019f0000-0000-7000-8000-000000000001",
        "019f0000-0000-7000-8000-000000000002",
        "019f0000-0000-7000-8000-000000000004",
        "019f0000-0000-7000-8000-000000000005",
        "019f0000000070008000000000000003",
        "system_telemetry",
    ],
)
def test_every_text_of_the_fixtures(real_trajectories, name):
    path = real_trajectories / "wild" / "agent_sessions_fixtures" / "qwen" / f"{name}.jsonl"
    text = path.read_text().replace("}}{", "}}\n{")  # one fixture lacks a line end
    lines = [json.loads(one) for one in text.splitlines()]
    parts = [(one["type"], part) for one in lines for part in one.get("message", {}).get("parts", [])]
    by_model = [part for kind, part in parts if kind == "assistant"]
    discarded = {"Discarded branch answer."}
    (read,) = load_trajectories(path).trajectories
    actions = [s for s in read.segments if s.kind == "action"]
    assert [json.loads(s.text) for s in actions] == [p["functionCall"]["args"] for p in by_model if "functionCall" in p]
    assert [s.text for s in read.segments if s.kind == "thought"] == [
        part["text"] for part in by_model if "text" in part and part["text"] not in discarded
    ]
    assert all(s.generated for s in read.segments if s.kind == "thought")
    results = [part["functionResponse"]["response"].get("output") for _, part in parts if "functionResponse" in part]
    assert [s.text for s in read.segments if s.kind == "observation"] == [text for text in results if text]
    assert [s.text for s in read.segments if s.kind in ("task", "other")] == [
        part["text"] for kind, part in parts if kind == "user"
    ]
    assert reader_of(lines) is qwen_code
