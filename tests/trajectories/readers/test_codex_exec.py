"""Codex's exec --json: items with several lines, what is the model's own text, and what ran."""

import json
from pathlib import Path

import pytest

from lm_eval_hesnr.labelling.annotate import annotate
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import codex_exec
from lm_eval_hesnr.trajectories.schema import Call, Segment
from tests.builders import read_record

PATH = Path("out.jsonl")


def line(event, kind, name="item_0", **content):
    return {"type": f"item.{event}", "item": {"id": name, "type": kind, **content}}


def thread(name="t"):
    return {"type": "thread.started", "thread_id": name}


def command(event, script, name="item_0", output="", exit_code=None, status="in_progress"):
    content = {"command": script, "aggregated_output": output, "exit_code": exit_code, "status": status}
    return line(event, "command_execution", name, **content)


def segments(*lines):
    return read_record([thread(), *lines], PATH).segments


def thought(text, generated=True):
    return Segment("thought", text, generated=generated)


def bash(text, script, executed):
    return Segment("action", text, generated=True, calls=(Call("bash", {"command": script}, executed),))


def action(tool, arguments, executed, generated=True):
    return Segment("action", json.dumps(arguments), generated, calls=(Call(tool, arguments, executed),))


def test_a_run(tmp_path):
    script = "/bin/zsh -lc 'ls # all'"
    lines = [
        thread(),
        {"type": "turn.started"},
        line("completed", "reasoning", text="**Looking**"),
        line("completed", "agent_message", "item_1", text="Look."),
        command("started", script, "item_2"),
        command("completed", script, "item_2", "x\n", 0, "completed"),
        line("completed", "agent_message", "item_3", text="Done."),
        {"type": "turn.completed", "usage": {"input_tokens": 1}},
    ]
    (tmp_path / "out.jsonl").write_text("\n".join(map(json.dumps, lines)))
    (read,) = load_trajectories(tmp_path / "out.jsonl").trajectories
    assert (read.id, read.source, read.model, read.resolved, read.meta) == ("t", "codex-exec", None, None, {})
    assert read.segments == (
        thought("**Looking**", generated=False),
        thought("Look."),
        bash(script, "ls # all", True),
        Segment("observation", "x\n"),
        thought("Done."),
    )
    labels = annotate(read.segments[2])
    assert "".join(c for c, label in zip(script, labels, strict=True) if label == Label.COMMENT) == "# all"
    assert "".join(c for c, label in zip(script, labels, strict=True) if label == Label.CODE) == "ls"


def test_the_lines_need_no_more_than_the_documented_keys():
    ls = {"type": "command_execution", "command": "ls", "aggregated_output": "x", "exit_code": 1}
    lines = [
        {"type": "item.completed", "item": {"type": "reasoning", "text": "Hm."}},
        {"type": "item.completed", "item": {"type": "agent_message", "text": "Look."}},
        {"type": "item.completed", "item": ls},
        {"type": "item.completed", "item": ls},
    ]
    read = read_record(lines, PATH)
    ran = (bash("ls", "ls", True), Segment("observation", "x"))
    assert (read.id, read.segments) == ("out", (thought("Hm.", generated=False), thought("Look."), *ran, *ran))


def test_the_first_releases():
    lines: list[dict[str, object]] = [{"type": "session.created", "session_id": "s"}]
    lines += [{"type": "item.completed", "item": {"id": "item_0", "item_type": "assistant_message", "text": "Hi."}}]
    read = read_record(lines, PATH)
    assert (read.id, read.segments) == ("s", (thought("Hi."),))


@pytest.mark.parametrize(
    ("written", "script"),
    [
        ("bash -lc 'ls # x'", "ls # x"),
        ('bash -c "echo \\"a\\""', 'echo "a"'),
        ("/usr/bin/zsh -lc ls", "ls"),
        ("bash -lc 'unclosed", "bash -lc 'unclosed"),
        ("bash run.sh x", "bash run.sh x"),
        ("git log", "git log"),
    ],
)
def test_the_script_behind_the_shell(written, script):
    assert segments(command("completed", written, exit_code=0)) == (bash(written, script, True),)


def test_commands_at_the_same_time_and_what_ran():
    """Each stands where it started, its result where it completed."""
    assert segments(
        command("started", "a", "1"),
        command("started", "b", "2"),
        command("started", "c", "3"),
        command("updated", "b", "2", "half"),
        command("completed", "b", "2", "whole", 0, "completed"),
        command("completed", "a", "1", "", 2, "failed"),
        command("completed", "d", "4", "rejected by user", -1, "failed"),
        command("completed", "e", "5", "", None, "declined"),
    ) == (
        bash("a", "a", True),
        bash("b", "b", True),
        bash("c", "c", None),
        Segment("observation", "whole"),
        bash("d", "d", False),
        Segment("observation", "rejected by user"),
        bash("e", "e", False),
    )


def test_changed_files_have_no_text_of_the_model():
    changes = {"changes": [{"path": "/w/a.py", "kind": "update"}]}
    read = segments(line("completed", "file_change", status="completed", **changes))
    assert read == (action("file_change", changes, True, generated=False),)
    assert set(annotate(read[0])) == {Label.OTHER}


def test_other_calls():
    mcp = {"server": "docs", "tool": "find", "arguments": {"q": "x"}}
    answer = {"result": {"content": [{"type": "text", "text": "found"}]}, "error": None, "status": "completed"}
    failed = {"result": None, "error": {"message": "user cancelled MCP tool call"}, "status": "failed"}
    assert segments(
        line("started", "mcp_tool_call", "1", **mcp, status="in_progress"),
        line("completed", "mcp_tool_call", "1", **mcp, **answer),
        line("completed", "mcp_tool_call", "2", **mcp, **failed),
        line("started", "web_search", "3", query=""),
        line("completed", "web_search", "3", query="lm"),
        line("completed", "collab_tool_call", "4", tool="spawn_agent", prompt="Look.", status="completed"),
    ) == (
        action("mcp__docs__find", {"q": "x"}, True),
        Segment("observation", "found"),
        action("mcp__docs__find", {"q": "x"}, False),
        Segment("observation", "user cancelled MCP tool call"),
        action("web_search", {"query": "lm"}, True),
        action("spawn_agent", {"prompt": "Look."}, True),
    )


def test_each_state_of_a_list_of_tasks_is_a_call():
    one, two = ([{"text": "Look.", "completed": done}] for done in (False, True))
    lines = [line("started", "todo_list", items=one), line("updated", "todo_list", items=one)]
    lines += [line("updated", "todo_list", items=two), line("completed", "todo_list", items=two)]
    assert segments(*lines) == (
        action("update_plan", {"items": one}, True),
        action("update_plan", {"items": two}, True),
    )


def test_errors_are_other_and_unknown_types_counted(tmp_path):
    lines = [
        thread(),
        line("completed", "error", message="No skills."),
        line("completed", "agent_message", "item_1", text="Hi."),
        line("completed", "hint", "item_2"),
        {"type": "hint"},
        3,
        {"type": "error", "message": "Reconnecting"},
        {"type": "turn.failed", "error": {"message": "Gone."}},
    ]
    (tmp_path / "out.jsonl").write_text("\n".join(map(json.dumps, lines)))
    loaded = load_trajectories(tmp_path / "out.jsonl")
    assert loaded.bad == []
    assert [(s.kind, s.text) for s in loaded.trajectories[0].segments] == [
        ("other", "No skills."),
        ("thought", "Hi."),
        ("other", "Reconnecting"),
        ("other", "Gone."),
    ]
    assert loaded.trajectories[0].meta == {"unknown_records": {"hint": 2, "no type": 1}}


def test_a_resumed_thread_is_one_run_and_another_thread_is_another(tmp_path):
    """The ids of items begin again in each process."""
    says = [line("completed", "agent_message", text=text) for text in "abc"]
    lines = [thread("1"), says[0], thread("1"), says[1], thread("2"), says[2]]
    (tmp_path / "out.jsonl").write_text("\n".join(map(json.dumps, lines)))
    runs = load_trajectories(tmp_path / "out.jsonl").trajectories
    assert [(run.id, run.segments) for run in runs] == [("1", (thought("a"), thought("b"))), ("2", (thought("c"),))]


@pytest.mark.parametrize(
    "data", [None, 3, [], {}, {"type": "item.completed"}, {"type": "item.completed", "item": {"type": []}}]
)
def test_other_values_are_not_events(data):
    assert not codex_exec.is_event(data)
    assert not codex_exec.detect([data, thread()])
    assert not codex_exec.detect(data)


@pytest.mark.parametrize("value", [None, 3, "x", [], {}, [[]], {"a": {}}])
def test_hostile_lines_are_read_or_refused(value):
    """A wrong type at any place of any item."""
    mcp = {"server": "docs", "tool": "find", "arguments": {}, "result": {"content": []}, "error": {"message": "x"}}
    lines = [
        thread(),
        command("completed", "ls", output="x"),
        line("completed", "mcp_tool_call", **mcp),
        line("completed", "file_change", changes=[]),
        line("completed", "todo_list", items=[]),
        line("completed", "web_search", query="x"),
        line("completed", "collab_tool_call", tool="x", prompt="x"),
        line("completed", "agent_message", text="x"),
        {"type": "turn.failed", "error": {"message": "x"}},
    ]
    for at, one in enumerate(lines):
        for key in {*one, *one.get("item", {})}:
            bad = json.loads(json.dumps(lines))
            holder = bad[at] if key in bad[at] and key != "type" else bad[at].get("item", bad[at])
            holder.update({key: value} if key in holder else {})
            for part in codex_exec.separate_runs(bad):
                read = codex_exec.read(part, PATH)
                assert isinstance(read.id, str)
                assert all(isinstance(segment.text, str) for segment in read.segments)
