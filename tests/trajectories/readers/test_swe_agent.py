"""SWE-agent `.traj`: text of the model, what ran, and text that only the file contains."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_hesnr.trajectories.json_values import text_of
from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import swe_agent, swe_agent_parsers
from lm_eval_hesnr.trajectories.readers.found_calls import split_at_calls
from lm_eval_hesnr.trajectories.readers.swe_agent_parsers import PARSERS
from lm_eval_hesnr.trajectories.schema import Call, Segment
from tests.builders import read_record

SYSTEM = {"role": "system", "content": "You fix bugs.", "agent": "main", "message_type": "system_prompt"}
ISSUE = {"role": "user", "content": "It is broken.", "agent": "main", "message_type": "observation"}


def shown(text, role="user"):
    return {"role": role, "content": text, "agent": "main", "message_type": "observation"}


def reply(text, action, **more):
    return {"role": "assistant", "content": text, "action": action, "agent": "main", "message_type": "action", **more}


def step(response, action, observation="", **more):
    return {"response": response, "action": action, "observation": observation, **more}


def tool(name, arguments):
    return [{"id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}]


def configured(parser, model="some/model"):
    return json.dumps({"agent": {"model": {"name": model}, "tools": {"parse_function": {"type": parser}}}})


def read(tmp_path=Path("nowhere"), **run):
    return read_record(run, tmp_path / "org__repo-1.traj")


def brief(trajectory):
    """(kind, text, generated) of each segment after the issue."""
    rows = [(s.kind, s.text, s.generated) for s in trajectory.segments]
    assert rows[:2] == [("system", "You fix bugs.", False), ("task", "It is broken.", False)]
    return rows[2:]


def bash(command, executed=True):
    return (Call("bash", {"command": command}, executed),)


@pytest.mark.parametrize(
    ("parser", "text", "action_texts", "calls"),
    [
        ("thought_action", "See.\n```\nls -F\n```\nDone.", ["```\nls -F\n```"], bash("ls -F")),
        ("thought_action", "```\nls\n```\nno:\n```\npwd\n```", ["```\npwd\n```"], bash("pwd")),
        ("thought_action", "```\ncat <<E\n```py\nx\n```\nE\n```", None, bash("cat <<E\n```py\nx\n```\nE")),
        (
            "xml_thought_action",
            "<command>a</command> or <command>\nls\n</command>.",
            ["<command>\nls\n</command>"],
            bash("ls"),
        ),
        (
            "xml_function_calling",
            "I use <function=bash> now.\n<function=bash>\n<parameter=command>\nls\n</parameter>\n</function> ok",
            ["<function=bash>\n<parameter=command>\nls\n</parameter>\n</function>"],
            bash("ls"),
        ),
        (
            "xml_function_calling",
            "<function=submit>\n</function><function=bash>\n</function>",
            ["<function=submit>\n</function>"],
            (Call("submit", {}, True),),
        ),
        ("single_bash_code_block", "Go.\n```bash\nls\n```", ["```bash\nls\n```"], bash("ls")),
        ("single_bash_code_block", "```bash\nls\n```\n```bash\npwd\n```", [], ()),
        (
            "all_bash_code_blocks",
            "```bash\nls\n```\n,\n```bash\npwd\n```",
            ["```bash\nls\n```", "```bash\npwd\n```"],
            (*bash("ls"), *bash("pwd")),
        ),
        (
            "json",
            '{"thought": "look", "command": {"name": "bash", "arguments": {"command": "ls"}}}',
            ['{"name": "bash", "arguments": ', '{"command": "ls"}', "}"],
            bash("ls"),
        ),
        ("json", '{"command": {"name": "submit"}, "thought": ""}', ['{"name": "submit"}'], (Call("submit", {}, True),)),
        ("action", "ls -l", None, bash("ls -l")),
        ("action_only", "ls -l\n", None, bash("ls -l")),
        ("identity", "ls", None, bash("ls")),
    ],
)
def test_each_parser_finds_its_command(parser, text, action_texts, calls):
    segments = list(split_at_calls(text, PARSERS[parser](text, True)))
    assert "".join(s.text for s in segments) == text
    assert [s.text for s in segments if s.kind == "action"] == ([text] if action_texts is None else action_texts)
    assert tuple(call for s in segments for call in s.calls) == calls


PIECES = ["```", "```bash\n", "\n", "<command>", "</command>", "<function=a>\n", "</function>", "<parameter=b>"]
PIECES += ["</parameter>", '{"command":', '{"name":"a","arguments":{"b":1}}', "}", " ", "ls"]


@given(st.sampled_from(sorted(PARSERS)), st.lists(st.sampled_from(PIECES)))
def test_no_parser_loses_a_character(parser, pieces):
    text = "".join(pieces)
    segments = list(split_at_calls(text, PARSERS[parser](text, None)))
    assert "".join(s.text for s in segments) == text
    assert all(s.generated and s.continues == (i > 0) for i, s in enumerate(segments))


def test_parsers_take_linear_time():
    """A parser with quadratic time would need hours."""
    for hostile in ("```\n", "```a\n", "<command>", "<function=", "<function=a>\n<parameter=", '{"command":{"a":'):
        for parser in PARSERS.values():
            parser(hostile * 100_000 + "</function>", None)


def test_first_releases_name_no_parser_and_their_demonstration_is_not_scored():
    demo = {"role": "user", "content": "Look how:\n```\nls\n```", "is_demo": True, "agent": "primary"}
    said = "See.\n```\nls\n```\n\n(cwd)$ more\n\n```\nopen a.py\n```"
    last = "Done.\n```\nsubmit\n```"
    trajectory = read(
        environment="swe_main",
        history=[SYSTEM, demo, ISSUE, reply(said, "open a.py\n"), shown("[File: a.py]"), reply(last, "submit\n")],
        trajectory=[step(said, "open a.py\n", "[File: a.py]"), step(last, "submit\n", "diff --git a/a.py b/a.py")],
        info={"exit_status": "submitted", "submission": "diff --git a/a.py b/a.py"},
    )
    assert trajectory.segments == (
        Segment("system", "You fix bugs."),
        Segment("task", "Look how:\n```\nls\n```"),
        Segment("task", "It is broken."),
        Segment(
            "thought", "See.\n```\nls\n```\n\n(cwd)$ more\n\n", generated=True
        ),  # the model's text, even if it imitates the shell
        Segment("action", "```\nopen a.py\n```", generated=True, calls=bash("open a.py"), continues=True),
        Segment("observation", "[File: a.py]"),
        Segment("thought", "Done.\n", generated=True),
        Segment("action", "```\nsubmit\n```", generated=True, calls=bash("submit"), continues=True),
    )
    assert (trajectory.id, trajectory.source) == ("org__repo-1", "swe-agent")
    assert (trajectory.resolved, trajectory.model) == (None, None)


def test_a_demonstration_in_turns_is_not_a_reply():
    demo = [shown("try") | {"is_demo": True}, reply("```\nls\n```", "ls") | {"is_demo": True}]
    trajectory = read(history=[SYSTEM, *demo, ISSUE, reply("```\npwd\n```", "pwd"), shown("/")])
    assert [(s.kind, s.generated) for s in trajectory.segments] == [
        ("system", False), ("task", False), ("task", False), ("task", False), ("action", True), ("observation", False)
    ]  # fmt: skip


def test_a_last_submit_missing_in_the_history_is_taken_from_the_steps():
    trajectory = read(
        history=[SYSTEM, ISSUE, reply("```\nls\n```", "ls\n"), shown("a.py")],
        trajectory=[step("```\nls\n```", "ls\n", "a.py"), step("```\nsubmit\n```", "submit\n", "diff --git")],
        info={"exit_status": "submitted"},
    )
    assert brief(trajectory)[2:] == [("action", "```\nsubmit\n```", True)]
    assert trajectory.segments[-1].calls == bash("submit")


@pytest.mark.parametrize(
    ("content", "action", "expected"),
    [
        ("Exit due to cost limit", "exit_cost", ("other", "Exit due to cost limit", False)),  # 0.x
        ("exit due to runtime error: x", "exit_error", ("other", "exit due to runtime error: x", False)),
        ("Exit due to unknown error: x\ny", "", ("other", "Exit due to unknown error: x\ny", False)),  # 1.x
        ("Exiting due to forfeit", "", ("other", "Exiting due to forfeit", False)),
        ("I give ```up", "exit_format", ("thought", "I give ```up", True)),  # the model's text, refused too often
    ],
)
def test_an_exit_note_is_not_text_of_the_model(content, action, expected):
    trajectory = read(
        history=[SYSTEM, ISSUE, reply(content, action), shown("Exited (autosubmitted)")],
        trajectory=[step(content, action, "Exited (autosubmitted)")],
        info={"exit_status": "submitted (exit_cost)"},
    )
    assert brief(trajectory) == [expected, ("other", "Exited (autosubmitted)", False)]


def test_a_refused_reply_is_a_thought_followed_by_the_note_in_the_next_prompt():
    refused, good = "no fence", "```\nls\n```"
    prompt = [SYSTEM, ISSUE, {"role": "assistant", "content": refused}, {"role": "user", "content": "Use a fence."}]
    steps = [step(refused, "", thought=refused, query=[SYSTEM, ISSUE]), step(good, "ls", "a.py", query=prompt)]
    run = {"history": [SYSTEM, ISSUE, reply(good, "ls"), shown("OBSERVATION:\na.py")], "info": {}}
    expected = [("action", good, True), ("observation", "OBSERVATION:\na.py", False)]
    assert brief(read(**run, trajectory=steps)) == [
        ("thought", refused, True),
        ("other", "Use a fence.", False),
        *expected,
    ]
    for old in steps:  # 1.0 does not store prompts
        del old["query"]
    assert brief(read(**run, trajectory=steps)) == [("thought", refused, True), *expected]


def test_a_blocked_command_is_a_thought_and_a_replaced_command_that_ran_is_an_action():
    blocked, again, good = "```\nvim\n```", "```\nedit 1\n```", "```\nls\n```"
    trajectory = read(
        history=[SYSTEM, ISSUE, reply(good, "ls"), shown("a.py")],
        trajectory=[step(blocked, "vim"), step(again, "edit 1", "syntax error"), step(good, "ls", "a.py")],
        info={},
    )
    assert brief(trajectory) == [
        ("thought", blocked, True),
        ("action", again, True),
        ("observation", "syntax error", False),
        ("action", good, True),
        ("observation", "a.py", False),
    ]


def test_steps_that_do_not_match_the_history_are_not_read_twice():
    trajectory = read(
        history=[SYSTEM, ISSUE, reply("```\nls\n```", "ls"), shown("a.py")],
        trajectory=[step("```\nls\n```\n", "ls", "a.py")],
        info={},
    )
    assert brief(trajectory) == [("action", "```\nls\n```", True), ("observation", "a.py", False)]


def test_tool_calls_review_and_patch():
    emitted = '{"command":  "ls"}'
    thinking = [{"type": "thinking", "thinking": "Hm"}]
    trajectory = read(
        history=[
            SYSTEM,
            ISSUE,
            reply("Look.", "ls", tool_calls=tool("bash", emitted), thinking_blocks=thinking),
            shown([{"type": "text", "text": "OBSERVATION:\na.py", "cache_control": {}}], "tool"),
            reply("", "submit", tool_calls=tool("submit", "{}")),
            shown("OBSERVATION:\nPlease check again.", "tool"),
            reply("", "submit", tool_calls=tool("submit", {})),
            shown("OBSERVATION:\ndiff --git a/a b/a", "tool"),
        ],
        trajectory=[
            step("Look.", "ls", "a.py", reasoning_content="Hm"),
            step("", "submit", "Please check again."),
            step("", "submit", "diff --git a/a b/a"),
        ],
        info={"exit_status": "submitted", "swe_agent_version": "1.1.0"},
        replay_config=configured("function_calling"),
    )
    assert brief(trajectory) == [
        ("thought", "Hm", True),
        ("thought", "Look.", True),
        ("action", emitted, True),
        ("observation", "OBSERVATION:\na.py", False),
        ("action", "{}", True),
        ("observation", "OBSERVATION:\nPlease check again.", False),
        ("action", "{}", True),
        ("other", "OBSERVATION:\ndiff --git a/a b/a", False),
    ]
    assert trajectory.model == "some/model"
    assert trajectory.meta == {"exit_status": "submitted", "swe_agent_version": "1.1.0", "parser": "function_calling"}


def test_an_unanswered_reply_of_an_unfinished_run_may_not_have_run():
    trajectory = read(history=[SYSTEM, ISSUE, reply("```\nls\n```", "ls")], trajectory=[], info={"exit_status": None})
    assert trajectory.segments[-1].calls == bash("ls", executed=None)


def test_values_are_trimmed_as_the_recorded_action_has_them():
    text = "<function=edit>\n<parameter=old>\n    it's\n</parameter>\n</function>"
    for recorded, value in [("edit --old '    it'\"'\"'s'", "    it's"), ("edit --old 'it'\"'\"'s'", "it's")]:
        run = {"history": [SYSTEM, ISSUE, reply(text, recorded), shown("ok")], "trajectory": [], "info": {}}
        trajectory = read(**run, replay_config=configured("xml_function_calling"))
        assert trajectory.segments[2].calls == (Call("edit", {"old": value}, True),)


def test_the_recorded_action_of_many_commands_is_split_once(monkeypatch):
    n_split: Any = []
    split = swe_agent_parsers.shlex.split
    monkeypatch.setattr(swe_agent_parsers.shlex, "split", lambda text: n_split.append(text) or split(text))
    text = "\n".join(f"```bash\nls {i}\n```" for i in range(30))
    found = swe_agent_parsers.find_commands(text, "\n".join(f"ls {i}" for i in range(30)), None, True)
    assert len(found) == 30
    assert len(n_split) == 1


def attempt(command):
    return {
        "history": [SYSTEM, ISSUE, reply(f"```\n{command}\n```", command), shown("ok")],
        "trajectory": [step(f"```\n{command}\n```", command, "ok")],
        "info": {},
        "replay_config": None,
    }


def test_the_chosen_attempt_of_a_run_with_retries_is_read():
    attempts = [attempt("ls"), attempt("pwd")]
    chosen = read(attempts=attempts, **attempts[1] | {"info": {"best_attempt_idx": 1}})
    assert [call for s in chosen.segments for call in s.calls] == list(bash("pwd"))
    assert chosen.meta == {"best_attempt_idx": 1}
    assert read(attempts=attempts[:1]).segments[-2].calls == bash("ls")
    with pytest.raises(ValueError, match="2 attempts, but best_attempt_idx None"):
        read(attempts=attempts)


def test_the_outcome_comes_from_the_report(tmp_path):
    (tmp_path / "report.json").write_text(json.dumps({"org__repo-1": {"resolved": True}}))
    assert read(tmp_path, **attempt("ls")).resolved is True


@pytest.mark.parametrize(
    ("history", "message"),
    [
        ([], "key 'history' should be a list with messages"),
        ([SYSTEM, "x"], "key 'history' should be a list with messages"),
        ([SYSTEM, ISSUE | {"role": "ai"}], "message 1: unknown role 'ai'"),
        ([SYSTEM, ISSUE, reply("nothing", "ls")], "the reply 'nothing' does not contain the recorded action 'ls'"),
    ],
)
def test_what_is_malformed_is_named(history, message):
    with pytest.raises(ValueError, match=message):
        read(history=history, trajectory=[], info={})


# real files


def real_files(folder):
    return sorted((folder / "swe_agent").glob("*.traj"))


def test_every_real_file_loads(real_trajectories):
    loaded = load_trajectories(real_trajectories / "swe_agent")
    assert (loaded.bad, loaded.files, len(loaded.trajectories)) == ([], 13, 13)
    assert {t.resolved for t in loaded.trajectories} == {None}  # there is no report next to them


def test_calls_of_real_files_are_those_in_their_action_fields(real_trajectories):
    """A recorded action is a shell line: equal to a shell command, and with every value of another tool's call."""
    for path in real_files(real_trajectories):
        data = json.loads(path.read_text())
        recorded = [m["action"].strip() for m in data["history"] if m["role"] == "assistant" and not m.get("is_demo")]
        recorded = [action for action in recorded if action]
        calls = [call for s in swe_agent.read(data, path).segments for call in s.calls]
        assert len(calls) == len(recorded), path.name
        assert {call.executed for call in calls} == {True}, path.name
        for call, action in zip(calls, recorded, strict=True):
            if call.tool == "bash":
                assert call.arguments == {"command": action}, path.name
                continue
            assert action.split()[0] == call.tool, path.name
            values = [v for v in call.arguments.values() if isinstance(v, str) and not re.fullmatch(r"\[.*\]", v)]
            words = shlex.split(action) if call.tool == "str_replace_editor" else []
            assert all(value in words or value in action for value in values), path.name


def test_every_real_reply_is_accounted_for(real_trajectories):
    """Generated texts are the file's replies and arguments, in order, each once, and also the refused reply."""
    for path in real_files(real_trajectories):
        data = json.loads(path.read_text())
        expected = ""
        for message in data["history"]:
            if message["role"] == "assistant" and not message["content"].startswith("Exit due to"):
                expected += text_of(message["content"])
                expected += "".join(call["function"]["arguments"] for call in message.get("tool_calls") or ())
        segments = swe_agent.read(data, path).segments
        if path.name.startswith("django"):
            expected += data["trajectory"][5]["response"]
        assert "".join(s.text for s in segments if s.generated) == expected, path.name


def test_the_rules_hold_for_real_files(real_trajectories):
    for path in real_files(real_trajectories):
        data = json.loads(path.read_text())
        segments = swe_agent.read(data, path).segments
        assert all(s.generated == (s.kind in ("thought", "action")) for s in segments), path.name
        assert all(bool(s.calls) == (s.kind == "action") for s in segments), path.name
        others = [s.text for s in segments if not s.generated]
        assert others == [
            text_of(m["content"])
            for m in data["history"]
            if m["role"] != "assistant" or m["content"].startswith("Exit due to")
        ], path.name
        patch = (data.get("info", {}).get("submission") or "\0").strip()
        assert not any(patch in s.text for s in segments if s.kind == "observation"), path.name
