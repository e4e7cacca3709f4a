"""mini-swe-agent: what the model wrote and what ran, in every format, by small runs and against the real files."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from lm_eval_hesnr.trajectories.readers import mini_swe_agent
from lm_eval_hesnr.trajectories.schema import Call, Segment
from tests.builders import read_record

NOWHERE = Path("no-such-folder/x.traj.json")
TOLD = "Reply with one command in {}."
PADDED = "<exception>action was not executed</exception>\n<returncode>-1</returncode>\n<output>\n</output>"
REFUSAL = "Please always provide EXACTLY ONE action in triple backticks, found 2 actions."
PATCH = "diff --git a/x b/x\n"
FENCES = {
    "mini-swe-agent-1": "```bash",
    "mini-swe-agent-1.1": "```mswea_bash_command",
}


def run(*messages, version="mini-swe-agent-1.1", status="Submitted", told="", **info):
    """The segments after instructions and task."""
    head = [{"role": "system", "content": TOLD.format(told)}, {"role": "user", "content": "Fix it."}]
    info = {"exit_status": status, "submission": PATCH, **info}
    data = {"info": info, "messages": [*head, *messages], "trajectory_format": version, "instance_id": "i"}
    segments = read_record(data, NOWHERE).segments
    assert segments[:2] == (Segment("system", TOLD.format(told)), Segment("task", "Fix it."))
    return segments[2:]


def said(text="", *calls, **more):
    """A reply with native calls, each (id, command)."""
    listed = [call(name, command) for name, command in calls]
    return {"role": "assistant", "content": text, **({"tool_calls": listed} if listed else {}), **more}


def call(name, command):
    arguments = command if command.startswith("{") else json.dumps({"command": command})
    return {"id": name, "type": "function", "function": {"name": "bash", "arguments": arguments}}


def result(name, text="<returncode>0</returncode>", code=0):
    return {"role": "tool", "tool_call_id": name, "content": text, "extra": {"returncode": code}}


def user(text, interruption=None):
    return {"role": "user", "content": text, **({"extra": {"interrupt_type": interruption}} if interruption else {})}


def exit_note(status="Submitted", text=PATCH):
    return {"role": "exit", "content": text, "extra": {"exit_status": status}}


def thought(text, **more):
    return Segment("thought", text, generated=True, **more)


def native(command, executed):
    return Segment("action", json.dumps({"command": command}), True, (Call("bash", {"command": command}, executed),))


def executed(segments):
    return [one.executed for segment in segments for one in segment.calls]


def test_a_run_of_tool_calls():
    segments = run(
        said("Look.", ("a", "ls"), reasoning_content="Hm."),
        result("a", "x"),
        said("", ("b", "submit"), reasoning_content=None),
        exit_note(),
    )
    assert segments == (
        thought("Hm."),
        thought("Look."),
        native("ls", True),
        Segment("observation", "x"),
        native("submit", True),
        Segment("other", PATCH),
    )


@pytest.mark.parametrize(
    ("after", "status", "expected"),
    [
        ([exit_note()], "Submitted", True),
        ([exit_note("TimeoutExpired", "boom")], "TimeoutExpired", None),
        ([exit_note("LimitsExceeded", "")], "Submitted", None),  # the message has priority over the file's `info`
        ([], None, None),
        ([user("Interrupted by user: no", "UserInterruption"), exit_note()], "Submitted", None),
        ([user("Commands not executed. No", "UserRejection"), exit_note()], "Submitted", False),
        ([user("The user added a new task: more", "UserNewTask"), exit_note()], "Submitted", None),
        ([said("Done."), exit_note()], "Submitted", None),  # an unanswered call in the middle
    ],
)
def test_a_call_without_a_result(after, status, expected):
    segments = run(said("", ("a", "ls")), *after, status=status)
    assert segments[0] == native("ls", expected)


@pytest.mark.parametrize(
    "fence",
    [
        "```mswea_bash_command\n{}\n```",
        "<mswea_bash_command>{}</mswea_bash_command>",
        "<bash_code>\n{}\n</bash_code>",
    ],
)
@pytest.mark.parametrize(
    ("after", "status", "expected"),
    [
        ([user("<returncode>0</returncode>")], None, True),
        ([exit_note()], "Submitted", True),
        ([exit_note("RuntimeError", "boom")], "RuntimeError", None),
        ([user("Interrupted by user: no", "UserInterruption"), exit_note()], "Submitted", None),
        ([user("Command not executed. No", "UserRejection")], None, False),
        ([], None, None),
    ],
)
def test_a_command_in_the_text(fence, after, status, expected):
    block = fence.format("ls")
    segments = run(said(f"Look.\n{block} Done."), *after, status=status, told=fence.split("\n")[0].split("{")[0])
    assert segments[:3] == (
        thought("Look.\n"),
        Segment("action", block, True, (Call("bash", {"command": "ls"}, expected),), continues=True),
        thought(" Done.", continues=True),
    )
    kinds = {True: "observation", None: "other", False: "other"} | ({True: "other"} if status else {})
    assert [segment.kind for segment in segments[3:4]] == [kinds[expected]] * bool(after)


@pytest.mark.parametrize(
    ("last", "status", "kind", "expected"),
    [
        (PATCH, "Submitted", "other", True),
        ("boom", "RuntimeError", "other", None),
        ("<returncode>1</returncode>", None, "observation", True),  # killed: saved after every step
        ("The last command <command>ls</command> timed out", None, "observation", True),
        ("Interrupted by user: no", None, "other", None),
        ("Command not executed. Switching to human mode", None, "other", False),
    ],
)
def test_the_end_of_a_run_before_exit_messages(last, status, kind, expected):
    reply = said("```bash\nls\n```")
    segments = run(reply, user(last), version="mini-swe-agent-1", status=status, told="```bash")
    action = Segment("action", "```bash\nls\n```", True, (Call("bash", {"command": "ls"}, expected),))
    assert segments == (action, Segment(kind, last))


@pytest.mark.parametrize("version", FENCES)
def test_a_refused_turn_has_no_action(version):
    block = f"{FENCES[version]}\nls\n```"
    for reply in (f"{block}\n{block}", "Done.", block):  # the agent's own count decides
        segments = run(said(reply), user(REFUSAL), version=version, told=FENCES[version])
        assert segments == (thought(reply), Segment("other", REFUSAL))
    config = {"agent": {"format_error_template": "Wrong format ({{actions|length}})."}}
    segments = run(said(block), user("Wrong format (3)."), version=version, told=FENCES[version], config=config)
    assert segments == (thought(block), Segment("other", "Wrong format (3)."))


def test_two_commands_are_not_an_action_even_without_a_note():
    two = "```bash\nls\n```\n```bash\npwd\n```"
    assert run(said(two), user("x"), version="mini-swe-agent-1", told="```bash")[0] == thought(two)


def test_a_format_error_of_a_tool_call():
    note = user("Tool call error: no command", "FormatError")
    dropped = run(said("", ("a", "ls")), result("a"), note, exit_note("LimitsExceeded", ""), status="LimitsExceeded")
    assert executed(dropped) == [True]
    assert [segment.kind for segment in dropped] == ["action", "observation", "other", "other"]
    kept = run(said("", ("a", '{"cmd": "ls"}')), note)
    assert kept == (thought('{"cmd": "ls"}'), Segment("other", note["content"]))


@pytest.mark.parametrize(
    ("text", "code", "expected"),
    [
        (PADDED, -1, False),
        ("action was not executed", -1, False),
        (PADDED, 0, True),  # printed by a command
        (f"<returncode>0</returncode>\n<output>\n1: {PADDED}\n</output>", 0, True),
        (f"<exception>killed</exception>\n<returncode>-1</returncode>\n<output>\n{PADDED}", -1, True),
    ],
)
def test_a_result_may_say_that_its_call_did_not_run(text, code, expected):
    segments = run(said("", ("a", "grep"), ("b", "ls")), result("a", text, code), result("b"), said("Go on."))
    assert executed(segments) == [expected, True]


def test_one_of_the_calls_without_a_result_submitted_and_they_ran_in_order():
    three = said("", ("a", "ls"), ("b", "submit"), ("c", "rm"))
    assert executed(run(three, exit_note())) == [True, None, None]
    assert executed(run(three, result("a"), exit_note())) == [True, True, None]
    padded = (result("b", PADDED, -1), result("c", PADDED, -1))  # as the interactive agent writes it
    assert executed(run(three, result("a"), *padded, exit_note())) == [True, True, False]
    assert executed(run(three, result("a"), *padded, exit_note("X"), status="X")) == [True, False, False]


def test_the_responses_format():
    items: list[Any] = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "**Looking**"}], "content": None},
        {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]},
        {"type": "message", "content": [{"type": "output_text", "text": "Look."}]},
        {"type": "function_call", "call_id": "a", "name": "bash", "arguments": '{"command": "ls"}'},
        {"type": "function_call", "call_id": "b", "name": "bash", "arguments": '{"command": "pwd"}'},
    ]
    answers = [
        {"type": "function_call_output", "call_id": "a", "output": "x", "extra": {"returncode": 0}},
        {"type": "function_call_output", "call_id": "b", "output": PADDED, "extra": {"returncode": -1}},
    ]
    refused = {"object": "response", "output": [{**items[3], "call_id": "c", "arguments": "{ls"}]}
    note = {"type": "message", **user([{"type": "input_text", "text": "No."}], "FormatError")}
    last = {"object": "response", "output": [{**items[3], "call_id": "d"}]}
    assert run({"object": "response", "output": items}, *answers, refused, note, last, exit_note()) == (
        Segment("thought", "**Looking**"),
        thought("Hm."),
        thought("Look."),
        native("ls", True),
        native("pwd", False),
        Segment("observation", "x"),
        Segment("observation", PADDED),
        thought("{ls"),
        Segment("other", "No."),
        native("ls", True),
        Segment("other", PATCH),
    )
    assert executed(run(last, exit_note("X"), status="X")) == [None]


def test_commands_of_the_user_are_other():
    typed = user("User command: \n```bash\nls\n```")
    segments = run(said("", ("a", "ls")), result("a"), typed, user("x"), said("Done."), exit_note())
    assert [segment.kind for segment in segments] == ["action", "observation", "other", "other", "thought", "other"]


def bare(*messages):
    head = [{"role": "system", "content": TOLD.format("```bash")}, user("Fix it.")]
    return [*head, *messages]


def test_the_bare_list():
    reply = "Look.\n```bash\nls\n```"
    trajectory = read_record(
        bare(said(reply), user("x"), said(reply), user(REFUSAL), said(reply), user(PATCH)), NOWHERE
    )
    assert (trajectory.id, trajectory.source, trajectory.resolved) == ("x", "mini-swe-agent-0", None)
    action = Segment("action", reply[6:], True, (Call("bash", {"command": "ls"}, True),), continues=True)
    assert trajectory.segments[2:] == (
        thought("Look.\n"),
        action,
        Segment("observation", "x"),
        thought(reply),
        Segment("other", REFUSAL),
        thought("Look.\n"),
        action,
        Segment("other", PATCH),
    )


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"trajectory_format": "mini-swe-agent-2", "messages": [{}]}, "'mini-swe-agent-2'; this package reads"),
        ({"trajectory_format": "mini-swe-agent-1", "messages": []}, "key 'messages' should be a list"),
        ({"trajectory_format": "mini-swe-agent-1", "messages": ["x"]}, "message 0: expected an object"),
        ({"trajectory_format": "mini-swe-agent-1", "messages": [{"role": "x"}]}, "message 0: unknown role 'x'"),
    ],
)
def test_malformed_files_are_named(data, reason):
    with pytest.raises(ValueError, match=re.escape(reason)):
        read_record(data, NOWHERE)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("jobs/trial_7/agent/mini-swe-agent.trajectory.json", "trial_7"),
        ("jobs/trial_7/agent_mini-swe-agent.trajectory.json", "trial_7"),
        ("jobs/trial_7/my.traj.json", "my"),
    ],
)
def test_runs_in_equally_named_files_of_harbor_have_different_names(path, name):
    data = {"trajectory_format": "mini-swe-agent-1", "messages": [user("Fix it.")]}
    assert read_record(data, Path(path)).id == name
    assert read_record({**data, "instance_id": "i"}, Path(path)).id == "i"


def real_runs(folder):
    """Every real file with its messages and its info, read without this package."""
    paths = [*folder.glob("mini_swe_agent_*/**/*.json"), *folder.glob("atif/*/*_mini-swe-agent.trajectory.json")]
    for path in sorted(paths):
        try:
            data = json.loads(path.read_text())
        except ValueError:
            continue
        if isinstance(data, list) or "trajectory_format" in data:
            messages, info = (data, {}) if isinstance(data, list) else (data["messages"], data["info"])
            yield mini_swe_agent.read(data, path), path, messages, info


def flat(message):
    """A message's text."""
    content = message.get("content") or ""
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def test_real_runs_have_exactly_the_actions_that_ran(real_trajectories):
    """Compare with a regular expression and the raw arguments. A refused turn is one followed by a note."""
    files = actions = refused = 0
    for trajectory, path, messages, _ in real_runs(real_trajectories):
        expected, texts = [], []
        for message, following in pairwise(messages):
            if message["role"] != "assistant":
                continue
            if "Please always provide EXACTLY ONE action" in flat(following):
                refused += 1
                continue
            called = [one["function"]["arguments"] for one in message.get("tool_calls") or []]
            blocks = re.findall(r"```(?:mswea_bash_command|bash)[ \t]*\n.*?\n```", flat(message), re.DOTALL)
            texts += called or blocks
            expected += [json.loads(one)["command"] for one in called] or [
                b.partition("\n")[2][:-3].strip() for b in blocks
            ]
        acted = [segment for segment in trajectory.segments if segment.kind == "action"]
        assert [segment.text for segment in acted] == texts, path
        assert [segment.calls for segment in acted] == [(Call("bash", {"command": c}, True),) for c in expected], path
        files, actions = files + 1, actions + len(acted)
    assert (files, refused) == (47, 36)
    assert actions > 1800


def test_real_messages_are_complete_and_of_the_right_kind(real_trajectories):
    """Generated text is all text of the model and nothing else; each note about a refusal is one segment `other`."""
    for trajectory, path, messages, info in real_runs(real_trajectories):
        said_by_model = [
            (message.get("reasoning_content") or "")
            + flat(message)
            + "".join(one["function"]["arguments"] for one in message.get("tool_calls") or [])
            for message in messages
            if message["role"] == "assistant"
        ]
        assert "".join(s.text for s in trajectory.segments if s.generated) == "".join(said_by_model), path
        others = [segment.text for segment in trajectory.segments if segment.kind == "other"]
        notes = [flat(m) for m in messages if flat(m).startswith(("Please always provide EXACTLY", "Tool call error"))]
        ends = [flat(messages[-1])] if flat(messages[-1]).startswith("diff") or info else []
        assert others == notes + ends, path
