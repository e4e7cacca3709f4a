"""Claude Code's stream-json: sessions without uuids, sub-agents by the call that started them, denied calls."""

import json
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import claude_stream
from lm_eval_hesnr.trajectories.schema import Call, Segment
from tests.builders import read_record

PATH = Path("out.jsonl")
INIT = {"type": "system", "subtype": "init", "session_id": "s", "model": "claude", "tools": ["Bash"], "cwd": "/w"}
END = {"type": "result", "subtype": "success", "session_id": "s", "is_error": False, "result": "Done."}


def says(*blocks, parent=None, name="m", session="s"):
    message = {"id": name, "type": "message", "role": "assistant", "content": list(blocks)}
    return {"type": "assistant", "session_id": session, "parent_tool_use_id": parent, "message": message}


def text(words):
    return {"type": "text", "text": words}


def use(name, command):
    return {"type": "tool_use", "id": name, "name": "Bash", "input": {"command": command}}


def result(name, content, parent=None, session="s"):
    block = {"type": "tool_result", "tool_use_id": name, "content": content}
    message = {"role": "user", "content": [block]}
    return {"type": "user", "session_id": session, "parent_tool_use_id": parent, "message": message}


def thought(words):
    return Segment("thought", words, generated=True)


def bash(command, executed):
    call = Call("bash", {"command": command}, executed)
    return Segment("action", json.dumps({"command": command}), generated=True, calls=(call,))


def written(path, *lines):
    path.write_text("\n".join(json.dumps(line) for line in lines))
    return path


def test_a_session(tmp_path):
    lines = [
        INIT | {"claude_code_version": "2.0"},
        says({"type": "thinking", "thinking": "Hm.", "signature": "x"}),
        says(text("Look.")),
        says(use("a", "ls")),
        result("a", "x.py"),
        says(text("Done."), name="m2"),
        END,
    ]
    (read,) = load_trajectories(written(tmp_path / "out.jsonl", *lines)).trajectories
    assert (read.id, read.source, read.model, read.resolved) == ("s", "claude-code-stream", "claude", None)
    assert read.meta == {"agent_version": "2.0", "exit_status": "success"}
    expected = (thought("Hm."), thought("Look."), bash("ls", True), Segment("observation", "x.py"), thought("Done."))
    assert read.segments == expected
    as_list = tmp_path / "out.json"
    as_list.write_text(json.dumps(lines))
    assert load_trajectories(as_list).trajectories == [read]


def test_the_lines_need_no_more_than_the_documented_keys():
    lines = [
        {"type": "system", "subtype": "init", "session_id": "s", "model": "claude", "tools": []},
        {"type": "assistant", "session_id": "s", "message": {"role": "assistant", "content": [use("a", "ls")]}},
        {"type": "user", "session_id": "s", "message": {"content": result("a", "x")["message"]["content"]}},
        {"type": "result", "subtype": "error_max_turns"},
    ]
    read = read_record(lines, PATH)
    assert (read.id, read.model, read.meta) == ("s", "claude", {"exit_status": "error_max_turns"})
    assert read.segments == (bash("ls", True), Segment("observation", "x"))


def test_lines_with_a_uuid_are_of_the_stream_too():
    """Newer releases write one; the key of the session tells the stream from the session log."""
    lines = [INIT | {"uuid": "1"}, says(use("a", "ls")) | {"uuid": "2"}, says(use("a", "ls")) | {"uuid": "2"}]
    read = read_record(lines, PATH)
    assert (read.source, read.segments) == ("claude-code-stream", (bash("ls", None),))


def test_denied_calls_did_not_run():
    denied = END | {"permission_denials": [{"tool_name": "Bash", "tool_use_id": "a"}]}
    request = "Claude requested permissions to use Bash, but you haven't granted it yet."
    lines = [INIT, says(use("a", "x"), use("b", "y"), use("c", "z")), result("a", "no"), result("b", request), denied]
    executed = [call.executed for segment in read_record(lines, PATH).segments for call in segment.calls]
    assert executed == [False, False, None]


def test_sub_agents_and_sessions_are_runs_of_their_own(tmp_path):
    sub = says(use("b", "pwd"), parent="a", name="n")
    sub["message"]["model"] = "small"
    lines = [
        INIT,
        says(use("a", "task")),
        sub,
        result("b", "/w", parent="a"),
        result("a", "Nothing."),
        INIT | {"session_id": "t"},
        says(text("Hi."), session="t"),
    ]
    runs = {run.id: run for run in load_trajectories(written(tmp_path / "o.jsonl", *lines)).trajectories}
    assert {name: run.segments for name, run in runs.items()} == {
        "s": (bash("task", True), Segment("observation", "Nothing.")),
        "s/a": (bash("pwd", True), Segment("observation", "/w")),
        "t": (thought("Hi."),),
    }
    assert [run.model for run in runs.values()] == ["claude", "small", "claude"]
    assert claude_stream.read(lines[:5], PATH).meta == {"sidechain_lines_left_out": 2}


def test_pieces_are_left_out_and_unknown_lines_counted(tmp_path):
    piece = {"type": "stream_event", "session_id": "s", "event": {"type": "content_block_delta"}}
    unknown = {"type": "hint", "session_id": "s"}
    path = written(tmp_path / "o.jsonl", INIT, piece, says(text("Hi.")), unknown, [1])
    loaded = load_trajectories(path)
    assert loaded.bad == []
    assert loaded.trajectories[0].segments == (thought("Hi."),)
    assert loaded.trajectories[0].meta == {"unknown_records": {"hint": 1, "no type": 1}}


def test_texts_of_the_program_are_other():
    error = says(text("API Error"), name="e") | {"is_api_error_message": True}
    assert read_record([INIT, says(text("Hi.")), error], PATH).segments[1:] == (Segment("other", "API Error"),)


DROID = {"type": "message", "role": "user", "id": "m", "text": "go", "session_id": "s"}


@pytest.mark.parametrize(
    "data", [None, 3, [], {}, DROID, {"type": "result"}, {"type": "system", "subtype": [], "session_id": "s"}]
)
def test_other_values_are_not_events(data):
    assert not claude_stream.is_event(data)
    assert not claude_stream.detect([data, INIT, END])
    assert not claude_stream.detect(data)


@pytest.mark.parametrize("value", [None, 3, "x", [], {}, [[]], {"a": {}}])
def test_hostile_lines_are_read_or_refused(value):
    """A wrong type at any place of any line."""
    lines = [INIT, says(use("a", "ls"), parent="p"), result("a", "x", parent="p"), END | {"permission_denials": []}]
    for at, line in enumerate(lines):
        for key in {*line, *line.get("message", {}), *(line.get("message", {}).get("content") or [{}])[0]}:
            bad = json.loads(json.dumps(lines))
            message = bad[at].get("message", {})
            for holder in (bad[at], message, *message.get("content", [])):
                holder.update({key: value} if key in holder else {})
            assert claude_stream.detect(bad) in (True, False)
            for part in claude_stream.separate_runs(bad) if claude_stream.detect(bad) else []:
                read = claude_stream.read(part, PATH)
                assert isinstance(read.id, str)
                assert all(isinstance(segment.text, str) for segment in read.segments)
