"""OpenCode sessions: exports, and the tree of small files in its storage folder."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from lm_eval_hesnr.trajectories import decoding
from lm_eval_hesnr.trajectories import storage as storage_module
from lm_eval_hesnr.trajectories.decoding import Bad
from lm_eval_hesnr.trajectories.load import iterate_results, load_trajectories
from lm_eval_hesnr.trajectories.paths import find_inputs
from lm_eval_hesnr.trajectories.readers import opencode
from lm_eval_hesnr.trajectories.schema import Call, Segment, Trajectory
from lm_eval_hesnr.trajectories.skipped import NOTES, STORED, Skipped
from tests.builders import read_record

PATH = Path("export.json")
INFO = {"id": "ses_1", "version": "1.0", "projectID": "p", "parentID": "ses_0"}


def text(content, kind="text", **more):
    return {"type": kind, "text": content, **more}


def tool(name="bash", status="completed", arguments=None, **state):
    return {"type": "tool", "tool": name, "callID": "c", "state": {"status": status, "input": arguments or {}, **state}}


def user(*parts, **more):
    return {"info": {"role": "user", **more}, "parts": list(parts)}


def reply(*parts, **more):
    return {"info": {"role": "assistant", "modelID": "gpt-5", "providerID": "openai", **more}, "parts": list(parts)}


def segments(*messages):
    return opencode.read({"info": INFO, "messages": list(messages)}, PATH).segments


def thought(content):
    return Segment("thought", content, generated=True)


def bash(command, executed):
    written = json.dumps({"command": command})
    return Segment("action", written, generated=True, calls=(Call("bash", {"command": command}, executed),))


def test_an_export():
    read = opencode.read(
        {
            "info": INFO,
            "messages": [
                user(
                    text("Fix it."), {"type": "file", "url": "x"}, text("Content.", synthetic=True), system="Be good."
                ),
                reply(
                    {"type": "step-start"},
                    text("Hm.", "reasoning"),
                    text("Look."),
                    tool(arguments={"command": "ls"}, output="x"),
                    tool(arguments={"command": "pwd"}, output=""),
                    {"type": "step-finish"},
                    {"type": "new_kind"},
                    text("Done."),
                ),
                user(
                    text("<reminder>", synthetic=True), text("Hidden.", ignored=True), text("Go on."), system="Be good."
                ),
                reply(text("So far: x."), summary=True),
                {"info": {"role": "new_role"}, "parts": []},
                3,
            ],
        },
        PATH,
    )
    assert (read.id, read.source, read.model, read.resolved) == ("ses_1", "opencode", "gpt-5", None)
    assert read.meta == {
        "agent_version": "1.0",
        "model_provider": "openai",
        "parent_session": "ses_0",
        "unknown_records": {"message": 2, "new_kind": 1},
    }
    assert read.segments == (
        Segment("system", "Be good."),
        Segment("task", "Fix it."),
        Segment("task", "Content."),
        thought("Hm."),
        thought("Look."),
        bash("ls", True),
        bash("pwd", True),
        Segment("observation", "x"),
        thought("Done."),
        Segment("other", "<reminder>"),
        Segment("task", "Go on."),
        Segment("other", "So far: x."),
    )


def test_a_stream():
    parts = [
        {"type": "step-start"},
        text("Look."),
        tool(arguments={"command": "ls"}, output="x"),
        {"type": "step-finish"},
    ]
    events = [{"type": "x", "timestamp": 1, "sessionID": "ses_1", "part": part} for part in [*parts, text("Done.")]]
    assert opencode.is_event(events[0])
    read = opencode.read([*events, {"type": "error", "sessionID": "ses_1", "error": {}}], PATH)
    assert (read.id, read.meta) == ("ses_1", {"unknown_records": {"error": 1}})
    assert read.segments == (thought("Look."), bash("ls", True), Segment("observation", "x"), thought("Done."))


def test_results_follow_their_call_outside_of_steps():
    read = segments(reply(tool(arguments={"command": "ls"}, output="x"), text("Done.")))
    assert read == (bash("ls", True), Segment("observation", "x"), thought("Done."))


def test_calls_that_failed_were_declined_or_never_became_complete():
    read = segments(
        reply(
            tool(status="error", arguments={"command": "a"}, error="exit code 1"),
            tool(status="error", arguments={"command": "b"}, error="The user rejected permission to use this tool."),
            tool(status="error", arguments={"command": "c"}, error="Tool execution aborted"),
            tool(status="running", arguments={"command": "d"}),
            tool(status="pending", raw='{"command": "e"}'),
            tool(status="pending", raw='{"command": "f'),
            tool("invalid", arguments={"tool": "bash", "error": "bad"}, output="The arguments are not valid."),
        )
    )
    assert [s for s in read if s.kind != "observation"] == [
        bash("a", True),
        bash("b", False),
        bash("c", False),
        bash("d", None),
        bash("e", None),
        thought('{"command": "f'),
        Segment("other", '{"tool": "bash", "error": "bad"}'),
    ]


@pytest.mark.parametrize(
    ("info", "model"),
    [
        ({"model": {"providerID": "openai", "modelID": "gpt-5"}}, "gpt-5"),
        ({"model": "gpt-5"}, "gpt-5"),
        ({"model": 3}, None),
    ],
)
def test_the_model_may_stand_in_several_places(info, model):
    message = {"info": {"role": "assistant"}, "parts": [text("Hi.")]}
    assert opencode.read({"info": info, "messages": [message]}, PATH).model == model


@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        {},
        [{}],
        {"info": {}, "messages": []},
        {"info": {}, "messages": [{"role": "user", "content": "x"}]},
        {"info": {"exit_status": "x"}, "messages": [{"info": {"role": "user"}}]},
        {"info": 3, "messages": 3},
    ],
)
def test_other_values_are_not_sessions(data):
    assert not opencode.detect(data)
    assert not opencode.is_event(data)


def test_values_of_wrong_types_do_not_stop_the_reader():
    parts = [
        3,
        {"type": []},
        text(3),
        {"type": "tool"},
        {"type": "tool", "tool": 3, "state": {"input": [1], "output": 3}},
    ]
    read = opencode.read({"info": {"id": 3}, "messages": [user(*parts), reply(*parts, system=[3])]}, PATH)
    assert read.id == "export"
    assert [(s.kind, s.text) for s in read.segments] == [("action", "{}"), ("thought", "[1]")]


def test_a_session_without_messages_is_refused():
    with pytest.raises(ValueError, match="the session has no messages"):
        read_record([{"info": INFO}], PATH)


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))


@pytest.fixture
def storage(tmp_path):
    """Two sessions, each with a message of the user and a reply, and other files that OpenCode keeps there."""
    root = tmp_path / "storage"
    for name in ("ses_1", "ses_2"):
        write(root / "session" / "p" / f"{name}.json", {**INFO, "id": name})
        for number, message in enumerate([user(text(f"Fix {name}.")), reply(text("Look."), tool(output="x"))]):
            identity = f"msg_{name}_{number}"
            write(root / "message" / name / f"{identity}.json", {**message["info"], "id": identity, "sessionID": name})
            for n, part in enumerate(message["parts"]):
                write(root / "part" / identity / f"prt_{n}.json", {"messageID": identity, **part})
    write(root / "todo" / "ses_1.json", [{"content": "x"}])
    write(root / "migration", "2")
    return root


def results(path):
    return [(str(file.relative_to(path)), result) for file, result in iterate_results(find_inputs(path))]


EXPECTED = ("Look.", "{}", "x")


def test_a_storage_folder_is_one_run_per_session_and_its_other_files_are_skipped(storage):
    found = results(storage)
    runs = {name: [s.text for s in one.segments] for name, one in found if isinstance(one, Trajectory)}
    assert runs == {f"session/p/{name}.json": [f"Fix {name}.", *EXPECTED] for name in ("ses_1", "ses_2")}
    skipped = [(name.split("/")[0], one.reason) for name, one in found if isinstance(one, Skipped)]
    assert sorted(set(skipped)) == [("message", STORED), ("part", STORED), ("todo", NOTES)]
    assert len(found) == 2 + 4 + 6 + 1


@pytest.mark.parametrize("named", ["session", "session/p/ses_1.json"])
def test_a_session_file_named_by_itself_is_read_with_its_messages(storage, named):
    first = load_trajectories(storage / named).trajectories[0]
    assert [s.text for s in first.segments] == ["Fix ses_1.", *EXPECTED]


@pytest.mark.parametrize("layout", ["part/{message}-{part}", "part/ses_1/{message}/{part}"])
def test_parts_in_the_places_of_older_layouts(storage, layout):
    for path in sorted((storage / "part").rglob("prt_*.json")):
        target = storage / (layout.format(message=path.parent.name, part=path.name))
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    assert [s.text for s in load_trajectories(storage).trajectories[0].segments] == ["Fix ses_1.", *EXPECTED]


def test_the_oldest_layout(storage):
    root = storage / "session"
    (root / "p").rename(root / "info")
    (storage / "message").rename(root / "message")
    for path in sorted((storage / "part").rglob("prt_*.json")):
        message = path.parent.name
        target = root / "part" / message.removeprefix("msg_").rpartition("_")[0] / message / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    loaded = load_trajectories(storage)
    assert [[s.text for s in t.segments] for t in loaded.trajectories] == [
        [f"Fix {name}.", *EXPECTED] for name in ("ses_1", "ses_2")
    ]


def test_a_broken_part_ends_the_run_before_its_message(storage):
    (storage / "part" / "msg_ses_1_1" / "prt_0.json").write_text("{")
    loaded = load_trajectories(storage)
    assert [len(t.segments) for t in loaded.trajectories] == [1, 4]
    assert loaded.trajectories[0].meta["incomplete"] == "read up to msg_ses_1_0.json"
    (bad,) = loaded.bad
    assert bad.startswith(f"{storage}/session/p/ses_1.json, prt_0.json line 1: not valid JSON")


def test_a_broken_part_of_an_unknown_message_is_named(storage):
    write(storage / "part" / "prt_9.json", "{")
    loaded = load_trajectories(storage)
    assert len(loaded.trajectories) == 2
    assert [line.split(",")[0] for line in loaded.bad] == [f"{storage}/part/prt_9.json"]


@pytest.mark.parametrize("content", ["{", "[]", "", "{}{}", '{"id": "../../x"}'])
def test_a_broken_session_is_named(storage, content):
    (storage / "session" / "p" / "ses_1.json").write_text(content)
    found = dict(results(storage))
    run = found["session/p/ses_1.json"]
    assert isinstance(run, Bad) or [s.text for s in run.segments] == ["Fix ses_1.", *EXPECTED]
    assert isinstance(found["session/p/ses_2.json"], Trajectory)


def test_messages_of_a_session_that_is_not_there_are_named(storage):
    (storage / "session" / "p" / "ses_2.json").unlink()
    loaded = load_trajectories(storage)
    assert len(loaded.trajectories) == 1
    assert [line.split(":")[0].rsplit("/", 2)[1] for line in loaded.bad] == ["ses_2", "ses_2"]


FIXTURES = {
    "storage_legacy": ("part/prt_*.json", ["s_stage0_drift"]),
    "storage_v2": ("part/{}/*.json", ["s_stage0_large", "s_stage0_small"]),
}


@pytest.mark.parametrize("layout", FIXTURES)
def test_every_text_of_the_fixtures(real_trajectories, layout):
    root = real_trajectories / "wild" / "agent_sessions_fixtures" / "opencode" / layout
    loaded = load_trajectories(root)
    pattern, names = FIXTURES[layout]
    assert [t.id for t in loaded.trajectories] == names
    assert loaded.bad == []
    for read in loaded.trajectories:
        actions, said, results, tasks = [], [], [], []
        for path in sorted((root / "message" / read.id).glob("*.json")):
            message = json.loads(path.read_text())
            for part in map(json.loads, (p.read_text() for p in sorted(root.glob(pattern.format(message["id"]))))):
                if part.get("messageID", message["id"]) != message["id"]:
                    continue
                if part["type"] == "tool":
                    actions.append(part["state"]["input"])
                    results.append(part["state"]["output"])
                elif message["role"] == "user":
                    tasks.append(part["text"])
                elif part["type"] in ("text", "reasoning") and not part.get("synthetic"):
                    said.append(part["text"])
        assert [json.loads(s.text) for s in read.segments if s.kind == "action"] == actions
        assert [s.text for s in read.segments if s.kind == "observation"] == results
        assert [s.text for s in read.segments if s.kind == "thought" and s.generated] == said
        assert [s.text for s in read.segments if s.kind == "task"] == tasks
        assert read.model == "gpt-4o-mini"


@pytest.fixture
def opened(monkeypatch):
    """The names of the files of a storage folder that were opened."""
    names: Any = []
    value = storage_module._value
    monkeypatch.setattr(storage_module, "_value", lambda file: names.append(file.name) or value(file))
    return names


def same_ids(root, n, *, link=False):
    """n sessions with one id, n messages with one id, and n parts; or a folder of each of n, linked to the first."""
    for i in range(n):
        name, message = (f"ses_{i}", f"msg_{i}") if link else ("ses_0", "msg_0")
        write(root / "session" / "p" / f"{i}.json", {**INFO, "id": name})
        info = (reply() if i == 0 else user())["info"]
        write(root / "message" / "ses_0" / f"{i}.json", {**info, "id": message})
        write(root / "part" / "msg_0" / f"{i}.json", {"messageID": "msg_0", **text(f"part {i}")})
        if link and i:
            (root / "message" / name).symlink_to(root / "message" / "ses_0")
            (root / "part" / message).symlink_to(root / "part" / "msg_0")


@pytest.mark.parametrize("link", [False, True])
def test_sessions_and_messages_that_share_an_id_or_a_folder_are_read_once(tmp_path, opened, link):
    same_ids(tmp_path / "storage", 6, link=link)
    loaded = load_trajectories(tmp_path)
    assert len(opened) <= 3 * 6
    assert [[s.text for s in run.segments] for run in loaded.trajectories] == [[f"part {i}" for i in range(6)]]
    assert (
        sum("a second session with the id ses_" in line and "the first is 0.json" in line for line in loaded.bad) == 5
    )
    (line,) = [line for line in loaded.bad if "a second message with the id msg_" in line]
    assert "the first is 0.json; read up to 0.json" in line


def test_a_message_of_another_session_has_its_parts_if_its_folder_is_another_one(storage):
    """In the oldest layout, the ids of messages may be the same in each session."""
    for path in sorted((storage / "part").rglob("prt_*.json")):
        _, _, session, number = path.parent.name.split("_")
        target = storage / "part" / f"ses_{session}" / number / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    for path in (storage / "message").rglob("*.json"):
        write(path, {**json.loads(path.read_text()), "id": path.stem.rpartition("_")[2]})
    assert [len(run.segments) for run in load_trajectories(storage).trajectories] == [4, 4]


def test_parts_that_are_too_large_together_are_not_all_read(storage, opened, monkeypatch):
    monkeypatch.setattr(decoding, "MAX_BYTES", 2000)
    for i in range(50):
        write(storage / "part" / "msg_ses_1_1" / f"prt_{i:02}.json", text("x" * 400))
    loaded = load_trajectories(storage)
    assert "one run of more than 0 MiB" in loaded.bad[0]
    assert sum(name.startswith("prt") for name in opened) < 20


def test_a_folder_of_messages_that_is_a_link_to_itself_is_empty(storage):
    shutil.rmtree(storage / "message" / "ses_1")
    (storage / "message" / "ses_1").symlink_to(storage / "message" / "ses_1")
    assert len(load_trajectories(storage).trajectories) == 1
