"""ATIF: what the model wrote in a step, taken once; runs split over files; outcomes by reward."""

import json
from pathlib import Path
from typing import Any

import pytest

from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.outcomes import is_report, resolved_by_reward
from lm_eval_hesnr.trajectories.readers import atif, terminus
from lm_eval_hesnr.trajectories.readers.common import PartOfRunError
from lm_eval_hesnr.trajectories.schema import Call, Segment
from tests.builders import read_record

NOWHERE = Path("no-such-folder/trajectory.json")
USER = {"source": "user", "message": "Fix it."}
TASK = Segment("task", "Fix it.")


def document(*steps, agent="some-agent", **more):
    return {"schema_version": "ATIF-v1.6", "session_id": "s", "agent": {"name": agent}, "steps": list(steps), **more}


def step(message="", *calls, results=(), **more):
    tool_calls = [{"tool_call_id": i, "function_name": name, "arguments": args} for i, name, args in calls]
    observation = {"observation": {"results": list(results)}} if results else {}
    return {"source": "agent", "message": message, "tool_calls": tool_calls, **observation, **more}


def segments(*steps, **more):
    return atif.read(document(*steps, **more), NOWHERE).segments


def thought(text, **more):
    return Segment("thought", text, generated=True, **more)


def bash(text, command, executed=True, **more):
    arguments = {"command": command} | more.pop("rest", {})
    return Segment("action", text, generated=True, calls=(Call("bash", arguments, executed),), **more)


def test_calls_are_joined_to_results_by_id():
    turn = step(
        "Look.",
        ("a", "Bash", {"command": "ls"}),
        ("b", "Edit", {"file_path": "x"}),
        results=[{"source_call_id": "a", "content": [{"type": "text", "text": "x"}, {"type": "image"}]}],
        reasoning_content="Hm.",
    )
    assert segments(USER, turn) == (
        TASK,
        thought("Hm."),
        thought("Look."),
        bash('{"command": "ls"}', "ls"),
        Segment("action", '{"file_path": "x"}', generated=True, calls=(Call("Edit", {"file_path": "x"}, None),)),
        Segment("observation", "x"),
    )


def test_terminus_has_one_observation_for_all_calls_and_a_rewritten_message():
    turn = step(
        "Analysis: A.\nPlan: B.",
        ("c_1", "bash_command", {"keystrokes": "ls\n", "duration": 0.1}),
        ("c_2", "mark_task_complete", {}),
        results=[{"content": "New Terminal Output:\n$"}],
    )
    assert segments(USER, turn, agent="terminus-2") == (
        TASK,
        Segment("thought", "Analysis: A.\nPlan: B."),
        bash('{"keystrokes": "ls\\n", "duration": 0.1}', "ls\n", rest={"duration": 0.1}),
        Segment("action", "{}", calls=(Call("mark_task_complete", {}, True),)),
        Segment("observation", "New Terminal Output:\n$"),
    )


def test_one_result_for_several_calls_is_known_to_be_for_all_of_terminus_only():
    calls = [("a", "Bash", {"command": "ls"}), ("b", "Bash", {"command": "pwd"})]
    for agent, ran in (("terminus-2", True), ("terminus-1", True), ("codex", None), ("mini-swe-agent", None)):
        turn = step("", *calls, results=[{"content": "x"}])
        assert [one.calls[0].executed for one in segments(turn, agent=agent)[:2]] == [ran, ran]
    each = step("", *calls, results=[{"content": "x"}, {"content": "y"}])
    assert [one.calls[0].executed for one in segments(each)[:2]] == [True, True]


def test_one_result_for_several_calls_in_the_text():
    call = "<function=execute_bash><parameter=command>ls</parameter></function>"
    for text, n, ran in (
        (call, 1, [True]),
        (call * 2, 1, [None, None]),
        (call * 2, 2, [True, True]),
        (call, 0, [None]),
    ):
        found = segments(step(text, results=[{"content": "x"}] * n), agent="openhands")
        assert [one.executed for segment in found for one in segment.calls] == ran


@pytest.mark.parametrize(
    ("answer", "agent", "ran"),
    [
        ("<exception>action was not executed</exception>\n<returncode>-1</returncode>", "mini-swe-agent", False),
        ("<returncode>0</returncode>\n1: action was not executed", "mini-swe-agent", True),
        ("action was not executed", "some-agent", True),
    ],
)
def test_results_of_calls_that_did_not_run_differ_from_printed_text(answer, agent, ran):
    turn = step("", ("a", "bash", {"command": "grep"}), results=[{"source_call_id": "a", "content": answer}])
    assert segments(turn, agent=agent)[0].calls[0].executed is ran


def test_commands_of_terminus_are_found_in_raw_replies():
    reply = '{"analysis": "{", "commands": [{"keystrokes": "ls\\n", "duration": 1}], "task_complete": false}'
    turn = step(reply, results=[{"content": "$"}])
    assert segments(USER, turn, agent="terminus-2") == (
        TASK,
        thought('{"analysis": "{", "commands": ['),
        bash('{"keystrokes": "ls\\n", "duration": 1}', "ls\n", rest={"duration": 1}, continues=True),
        thought('], "task_complete": false}', continues=True),
        Segment("observation", "$"),
    )
    refused = step(reply, results=[{"content": "Previous response had parsing errors:\nERROR: no"}])
    assert segments(USER, refused, agent="terminus-2")[1:] == (
        thought(reply),
        Segment("other", "Previous response had parsing errors:\nERROR: no"),
    )


@pytest.mark.parametrize(
    ("reply", "commands"),
    [
        ("no object", []),
        ("{", []),
        ("[" * 5000, []),
        ('{"commands": ' + "[" * 100_000, []),
        ('Extra. {"a": [1], "commands": [{"keystrokes": "a"}, {"keystrokes": "b"}', ["a", "b"]),
        ('{"commands": [{"keys": "a"}, 3, {"keystrokes": "b"}]}', []),
        ('<commands><keystrokes duration="1">a &lt; "b"\n</keystrokes><keystrokes>c', ['a &lt; "b"\n']),
        ("<keystrokes" * 1000, []),
    ],
)
def test_terminus_commands_of_odd_replies(reply, commands):
    found = terminus.commands(reply, None)
    assert [call.arguments["command"] for one in found for call in one.calls] == commands


def test_mini_swe_agent_command_is_taken_once_and_only_if_it_ran():
    one = step(
        "THOUGHT: look\n\n```bash\nls\n```\nDone.",
        ("c", "bash_command", {"command": "ls"}),
        results=[{"content": "x"}],
        reasoning_content="look",
    )
    note = "Please always provide EXACTLY ONE action in triple backticks, found 2 actions."
    message = "```bash\nls\n```\n```bash\npwd\n```"
    two = step(message, ("d", "bash_command", {"command": "ls"}), results=[{"content": note}])
    assert segments(USER, one, two, agent="mini-swe-agent") == (
        TASK,
        thought("THOUGHT: look\n\n"),
        bash("```bash\nls\n```", "ls", continues=True),
        thought("\nDone.", continues=True),
        Segment("observation", "x"),
        thought(message),
        Segment("other", note),
    )
    native = step("Look.", ("e", "bash", {"command": "ls"}), results=[{"content": "x"}], reasoning_content="Look.")
    assert segments(native, agent="mini-swe-agent")[:2] == (thought("Look."), bash('{"command": "ls"}', "ls"))


def test_a_note_of_another_agent_is_an_observation():
    """Such as the configuration of another agent, printed by a command."""
    printed = Segment("observation", "Please always provide EXACTLY ONE action")
    turn = step("", ("c", "Bash", {"command": "cat x"}), results=[{"content": printed.text}])
    assert segments(turn) == (bash('{"command": "cat x"}', "cat x"), printed)


@pytest.mark.parametrize(
    ("message", "agent"), [("I edited the file.", "openhands"), ("Edit", "adp"), ("Executed Edit c", "claude-code")]
)
def test_captions_are_other(message, agent):
    turn = step(message, ("c", "Edit", {"path": "x"}))
    assert segments(turn, agent=agent)[0] == Segment("other", message)


def test_function_calls_in_the_text():
    text = "Look.\n<function=execute_bash>\n<parameter=command>ls</parameter>\n</function>"
    turn = step(text, results=[{"content": "x"}])
    assert segments(turn, agent="openhands")[:2] == (thought("Look.\n"), bash(text[6:], "ls", continues=True))


def test_reasoning_repeated_over_the_steps_of_one_reply_is_taken_once():
    first, second = step("Hi.", reasoning_content="Hm."), step("", ("c", "Bash", {}), reasoning_content="Hm.")
    assert [segment.text for segment in segments(first, second)] == ["Hm.", "Hi.", "{}"]


def test_steps_without_a_model_call_are_not_generated():
    assert segments(step("Hello.", llm_call_count=0)) == (Segment("thought", "Hello."),)


def test_system_steps_and_late_user_steps():
    recall = {"source": "system", "message": "Added workspace context"}
    prompt = {"source": "system", "message": "Be good."}
    nudge = {"source": "user", "message": "Go on."}
    assert segments(prompt, USER, recall, step("Hi."), nudge) == (
        Segment("system", "Be good."),
        TASK,
        Segment("other", "Added workspace context"),
        thought("Hi."),
        Segment("other", "Go on."),
    )


def continued(tmp_path):
    """A run split over two files: (the first, the second)."""
    first, second = tmp_path / "trajectory.json", tmp_path / "trajectory.cont-1.json"
    copied = {"is_copied_context": True}
    handover = {"source": "user", "message": "You take over."}
    first.write_text(json.dumps(document(USER, step("One."), continued_trajectory_ref=second.name)))
    second.write_text(json.dumps(document(USER | copied, handover | copied, step("Questions?") | copied, step("Two."))))
    return first, second


def test_a_continuation_belongs_to_the_run_before_it(tmp_path):
    first, second = continued(tmp_path)
    assert read_record(json.loads(first.read_text()), first).segments == (
        TASK,
        thought("One."),
        Segment("other", "You take over."),
        Segment("other", "Questions?"),
        thought("Two."),
    )
    with pytest.raises(PartOfRunError) as caught:
        read_record(json.loads(second.read_text()), second)
    assert caught.value.path == first


def test_a_continuation_without_its_beginning_is_read_with_its_context_as_task(tmp_path):
    first, second = continued(tmp_path)
    first.unlink()
    assert read_record(json.loads(second.read_text()), second).segments == (
        TASK,
        Segment("task", "You take over."),
        Segment("task", "Questions?"),
        thought("Two."),
    )


@pytest.mark.parametrize("steps", [[], [{"source": "?"}], [{"source": "agent", "message": "x", "tool_calls": 3}]])
def test_a_bad_file_that_names_a_good_one_does_not_hide_it(tmp_path, steps):
    good, evil = tmp_path / "good.json", tmp_path / "evil.json"
    good.write_text(json.dumps(document(USER, step("One."))))
    evil.write_text(json.dumps(document() | {"steps": steps, "continued_trajectory_ref": good.name}))
    loaded = load_trajectories(tmp_path)
    assert thought("One.") in loaded.trajectories[-1].segments or not loaded.bad
    assert len(loaded.trajectories) == 1


def test_files_that_continue_each_other_are_bad(tmp_path):
    for name, following in (("a", "b"), ("b", "c"), ("c", "b")):
        (tmp_path / f"{name}.json").write_text(
            json.dumps(document(USER, step("One."), continued_trajectory_ref=f"{following}.json"))
        )
    (tmp_path / "z.json").write_text(json.dumps(document(USER, step("Two."))))
    loaded = load_trajectories(tmp_path)
    assert (len(loaded.trajectories), len(loaded.bad), len(loaded.skipped)) == (1, 3, 0)


def test_a_continuation_that_several_files_name_is_read_once(tmp_path):
    first, second = continued(tmp_path)
    copies = [tmp_path / name for name in ("trajectory.copy.json", "trajectory.z.json", "rows.jsonl")]
    for path in copies:
        path.write_text(json.dumps(json.loads(first.read_text())) + "\n")
    loaded = load_trajectories(tmp_path)
    assert [sum(one.text == "Two." for one in run.segments) for run in loaded.trajectories] == [1]
    assert len(loaded.bad) == 3
    assert all(f"'{second.name}': this file already continues {copies[0].name}" in line for line in loaded.bad)


def test_a_long_chain_of_continuations_is_not_read_again_for_each_of_its_files(tmp_path, monkeypatch):
    monkeypatch.setattr(atif, "_MOST_FILES", 5)
    for i in range(40):
        following = {"continued_trajectory_ref": f"{i + 1:02}.json"} if i < 39 else {}
        (tmp_path / f"{i:02}.json").write_text(json.dumps(document(USER, step(f"{i}"), **following)))
    read: Any = []
    json_of = atif.json_of
    monkeypatch.setattr(atif, "json_of", lambda path, **how: read.append(path) or json_of(path, **how))
    loaded = load_trajectories(tmp_path)
    assert len(read) < 40 * (2 * 5 + 2)
    assert len(loaded.trajectories) == 1
    assert len(loaded.bad) == 35
    assert all("a run in more than 5 files" in line for line in loaded.bad)


@pytest.mark.parametrize("name", ["../secret.json", "/etc/passwd", "trajectory.json", 3])
def test_a_continuation_must_be_another_file_in_the_folder(tmp_path, name):
    path = tmp_path / "trajectory.json"
    path.write_text("{}")
    with pytest.raises(ValueError, match="continued_trajectory_ref"):
        atif.read(document(USER, continued_trajectory_ref=name), path)


@pytest.mark.parametrize("content", [None, "{", "[]", '{"schema_version": "x"}'])
def test_a_missing_continuation_is_in_the_meta(tmp_path, caplog, content):
    if content:
        (tmp_path / "gone.json").write_text(content)
    trajectory = atif.read(document(USER, continued_trajectory_ref="gone.json"), tmp_path / "trajectory.json")
    assert trajectory.segments == (TASK,)
    reason = "the run goes on in 'gone.json', which is missing or not an ATIF file"
    assert trajectory.meta == {"agent_name": "some-agent", "incomplete": reason}
    assert reason in caplog.text


def test_a_complete_run_has_no_incomplete_mark(tmp_path):
    first, _ = continued(tmp_path)
    assert "incomplete" not in read_record(json.loads(first.read_text()), first).meta


def test_sub_agents_are_left_out_and_counted():
    inner = step("Sub.", extra={"is_sidechain": True})
    trajectory = atif.read(document(USER, inner, step("Main."), subagent_trajectories=[{}]), NOWHERE)
    assert trajectory.segments == (TASK, thought("Main."))
    assert trajectory.meta == {"agent_name": "some-agent", "sidechain_steps_left_out": 1, "subagents_left_out": 1}


def test_runs_without_an_id_are_named_after_their_trial():
    data = {key: value for key, value in document(USER).items() if key != "session_id"}
    assert atif.read(data, Path("jobs/trial_7/agent/trajectory.json")).id == "trial_7"
    assert atif.read(data | {"trajectory_id": "t"}, Path("jobs/trial_7/agent/trajectory.json")).id == "t"


def test_unknown_versions_warn(caplog):
    trajectory = atif.read(document(USER) | {"schema_version": "ATIF-v1.9"}, NOWHERE)
    assert (trajectory.source, trajectory.segments) == ("ATIF-v1.9", (TASK,))
    assert "ATIF-v1.9" in caplog.text


@pytest.mark.parametrize("steps", [None, [], ["x"], [{"source": "robot"}], [{}]])
def test_malformed_steps_are_named(steps):
    with pytest.raises(ValueError, match="step"):
        atif.read(document() | {"steps": steps}, NOWHERE)


@pytest.mark.parametrize(
    ("reward", "resolved"), [(1.0, True), (1, True), (0.8333, False), (0.0, False), (None, None), (True, None)]
)
@pytest.mark.parametrize("name", ["trajectory.json", "agent/trajectory.json"])
def test_outcome_by_the_reward_of_the_trial(tmp_path, name, reward, resolved):
    result = {"trial_name": "t", "verifier_result": {"rewards": {"reward": reward}}}
    (tmp_path / "result.json").write_text(json.dumps(result))
    assert resolved_by_reward(tmp_path / name) is resolved
    assert is_report(result)


def test_outcome_by_the_verifiers_file_and_a_verifier_that_crashed(tmp_path):
    (tmp_path / "result.json").write_text('{"trial_name": "t", "verifier_result": null}')
    path = tmp_path / "agent" / "trajectory.json"
    assert resolved_by_reward(path) is None
    (tmp_path / "verifier").mkdir()
    (tmp_path / "verifier" / "reward.txt").write_text("1\n")
    assert resolved_by_reward(path) is True


def real_files(folder: Path) -> list[Path]:
    names = sorted((folder / "atif").glob("*/*trajectory*.json"))
    return [name for name in names if "schema_version" in json.loads(name.read_text())]


def read_alone(data, path):
    """Read a file as if there were no native file next to it."""
    return atif.read(data, path.with_name(f"alone_{path.name}"))


def test_a_conversion_next_to_its_native_file_is_not_a_second_run(real_trajectories):
    conversions = [path for path in real_files(real_trajectories) if path.parent.name.startswith("mini-swe-agent")]
    assert len(conversions) == 2
    for path in conversions:
        with pytest.raises(PartOfRunError, match=r"agent_mini-swe-agent\.trajectory\.json"):
            atif.read(json.loads(path.read_text()), path)


def test_every_real_file_has_all_its_calls_once(real_trajectories):
    """Compare with a short extraction that knows no agent: each call of a file, except those of refused turns."""
    files = real_files(real_trajectories)
    assert len(files) == 13
    for path in files:
        data = json.loads(path.read_text())
        expected = [
            call["arguments"].get("command", call["arguments"].get("keystrokes"))
            for one in data["steps"]
            if "EXACTLY ONE action" not in json.dumps(one.get("observation"))
            for call in one.get("tool_calls") or []
        ]
        if "linear-history" in path.name:  # raw content: the commands are in the messages
            objects = [json.loads(one["message"]) for one in data["steps"] if one["message"].startswith("{")]
            expected = [command["keystrokes"] for one in objects for command in one["commands"]]
        actions = [s for s in read_alone(data, path).segments if s.kind == "action"]
        assert [c.arguments.get("command") for s in actions for c in s.calls] == expected, path
        assert [len(s.calls) for s in actions] == [1] * len(expected), path


def test_every_real_message_of_the_agent_is_there(real_trajectories):
    for path in real_files(real_trajectories):
        data = json.loads(path.read_text())
        text = "".join(s.text for s in read_alone(data, path).segments)
        for one in data["steps"]:
            assert one["message"] in text, path


def test_only_text_of_a_real_agent_step_is_generated(real_trajectories):
    """Joined again, generated segments are messages or arguments of steps that are not copied."""
    for path in real_files(real_trajectories):
        data = json.loads(path.read_text())
        steps = [one for one in data["steps"] if one["source"] == "agent" and not one.get("is_copied_context")]
        held = {one[key] for one in steps for key in ("message", "reasoning_content") if key in one}
        held |= {
            json.dumps(call["arguments"], ensure_ascii=False) for one in steps for call in one.get("tool_calls") or []
        }
        emitted: list[str] = []
        for segment in read_alone(data, path).segments:
            if segment.generated and segment.continues:
                emitted[-1] += segment.text
            elif segment.generated:
                emitted.append(segment.text)
        assert set(emitted) <= held, path
        assert not [text for text in emitted if text.startswith(("Analysis: ", "I edited", "All done!"))], path


def test_real_conversion_has_the_actions_of_the_native_file(real_trajectories):
    for folder in sorted((real_trajectories / "atif").glob("mini-swe-agent*")):
        paths = folder / "agent_trajectory.json", folder / "agent_mini-swe-agent.trajectory.json"
        both = [read_alone(json.loads(paths[0].read_text()), paths[0])]
        both.append(read_record(json.loads(paths[1].read_text()), paths[1]))
        converted, native = ([(s.text, s.calls) for s in t.segments if s.generated] for t in both)
        assert converted == native


def test_real_outcomes_are_those_in_the_folder_names(real_trajectories):
    for path in sorted((real_trajectories / "atif").glob("*/agent_trajectory.json")):
        told = path.parent.name.split("_reward")[1].split("_")[0]
        expected = None if told == "None" else float(told) == 1
        assert read_alone(json.loads(path.read_text()), path).resolved is expected, path
