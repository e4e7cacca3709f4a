"""Chat rows: what is an action, what ran, and what the other columns contain."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import openai_messages, sharegpt
from lm_eval_hesnr.trajectories.schema import Call, Segment

HERE = Path("nowhere", "run.jsonl")


def read(*messages, **columns):
    return openai_messages.read({"messages": list(messages), **columns}, HERE)


def system(text="You are an agent."):
    return {"role": "system", "content": text}


def user(text):
    return {"role": "user", "content": text}


def says(text, **more):
    return {"role": "assistant", "content": text, **more}


def calls(*functions):
    return [{"id": i, "type": "function", "function": {"name": n, "arguments": a}} for i, n, a in functions]


def actions(trajectory):
    return [(segment.text, segment.calls) for segment in trajectory.segments if segment.kind == "action"]


def kinds(trajectory):
    return [segment.kind for segment in trajectory.segments]


def bash(command, executed):
    return Call("bash", {"command": command}, executed)


GO = {"role": "user", "content": "go"}


@pytest.mark.parametrize(
    ("messages", "detected"),
    [
        ([GO], True),
        ([{"from": "human", "value": "go"}], True),
        ([[GO], GO], True),
        ([{"role": "assistant", "content": None, "tool_calls": []}], True),
        ([{"role": "assistant", "tool_calls": []}, GO], True),
        ([{"role": "user", "content": ["go", {"type": "text", "text": ""}]}], True),
        ([GO, {"role": "new", "content": ""}], True),  # read names the role
        ([GO, GO, GO, 3], True),  # read names the message
        ([], True),  # read names what is missing
        ([{"role": "x", "content": ""}], False),
        ([{"role": "user"}], False),
        ([{"role": "user", "content": 3}], False),
        ([{"role": "user", "content": [3]}], False),
        ([{"role": ["user"], "content": ""}], False),
        ([GO, None], False),
        ([GO, {"type": "reasoning", "content": []}], False),
        ([{"role": "user", "parts": [{"text": "go"}]}], False),  # Gemini's API
        ([{"id": "1", "type": "user", "content": "go"}, {"type": "gemini", "content": "a"}], False),  # Gemini CLI
        ([{"info": {"role": "user"}, "parts": [{"type": "text", "text": "go"}]}], False),  # OpenCode
        ([{"type": "human", "content": "go"}, {"type": "ai", "content": "a"}], False),  # LangChain
        ([{"role": "user", "message": {"content": "go"}}], False),  # Cursor
    ],
)
def test_a_chat_is_detected_by_its_roles_and_contents(messages, detected):
    assert openai_messages.detect({"messages": messages, "id": "x"}) is detected
    assert openai_messages.detect(messages) is (detected and messages != [])
    assert sharegpt.detect({"conversations": messages}) is detected
    assert openai_messages.detect({"messages": json.dumps(messages)}) is ('"role"' in json.dumps(messages))


@pytest.mark.parametrize("value", [None, 3, "x", {}, {"messages": 3}, {"messages": {}}, {"messages": "x"}, [[]], [3]])
def test_a_value_without_messages_is_not_detected(value):
    assert openai_messages.detect(value) is False


def test_native_calls_in_order_with_results_in_any_order():
    trajectory = read(
        system(),
        user("Fix it."),
        says(
            "Look.",
            reasoning_content="Hm.",
            tool_calls=calls(("a", "bash", '{"command": "ls"}'), ("b", "edit", '{"path": "x"}')),
        ),
        {"role": "tool", "tool_call_id": "b", "content": [{"type": "text", "text": "edited"}]},
        {"role": "tool", "tool_call_id": "a", "content": "x"},
        user("Please continue."),
        says(None, tool_calls=calls(("c", "finish", "{}"))),
    )
    assert trajectory.segments == (
        Segment("system", "You are an agent."),
        Segment("task", "Fix it."),
        Segment("thought", "Hm.", generated=True),
        Segment("thought", "Look.", generated=True),
        Segment("action", '{"command": "ls"}', generated=True, calls=(bash("ls", True),)),
        Segment("action", '{"path": "x"}', generated=True, calls=(Call("edit", {"path": "x"}, True),)),
        Segment("observation", "edited"),
        Segment("observation", "x"),
        Segment("other", "Please continue."),
        Segment("action", "{}", generated=True, calls=(Call("finish", {}, None),)),
    )


def test_arguments_as_object_as_null_and_broken():
    trajectory = read(
        user("go"),
        says("", tool_calls=calls(("a", "bash", {"command": "é", "timeout": None}), ("b", "submit", None))),
        {"role": "tool", "tool_call_id": "a", "content": ""},
        {"role": "tool", "tool_call_id": "b", "content": ""},
        says("", tool_calls=calls(("c", "bash", '{"command": "ls'))),
    )
    assert actions(trajectory) == [
        ('{"command": "é"}', (bash("é", True),)),
        ("", (Call("submit", {}, True),)),
    ]
    assert trajectory.segments[-1] == Segment("thought", '{"command": "ls', generated=True)


def test_ids_used_twice_are_joined_by_position():
    turn = says("", tool_calls=calls(("x", "bash", '{"command": "ls"}')))
    trajectory = read(user("go"), turn, {"role": "tool", "tool_call_id": "x", "content": "a"}, turn)
    assert [call.executed for _, (call,) in actions(trajectory)] == [True, None]


def test_legacy_function_call_and_function_role():
    trajectory = read(
        user("go"),
        says(None, function_call={"name": "shell", "arguments": '{"command": ["bash", "-lc", "ls"]}'}),
        {"role": "function", "name": "shell", "content": "a"},
    )
    assert actions(trajectory) == [('{"command": ["bash", "-lc", "ls"]}', (bash("ls", True),))]


def test_native_calls_answered_in_the_users_name():
    turn = says("", tool_calls=calls(("x", "bash", '{"command": "ls"}')))
    assert kinds(read(user("go"), turn, user("a.py"), says("done"))) == ["task", "action", "observation", "thought"]


def test_anthropic_blocks():
    trajectory = read(
        user("go"),
        says(
            [
                {"type": "thinking", "thinking": "Hm.", "signature": "s"},
                {"type": "text", "text": "Look."},
                {"type": "tool_use", "id": "a", "name": "Bash", "input": {"command": "ls"}},
            ]
        ),
        user([{"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": "x"}]}]),
    )
    assert [(s.kind, s.text) for s in trajectory.segments] == [
        ("task", "go"),
        ("thought", "Hm."),
        ("thought", "Look."),
        ("action", '{"command": "ls"}'),
        ("observation", "x"),
    ]
    assert trajectory.segments[3].calls == (bash("ls", True),)


@pytest.mark.parametrize("results", ["results", "words", "none"])
def test_text_after_a_call_of_one_message_stays_after_it(results):
    """Anthropic's parts have an order. A call ran if its result follows the message, not only the next part."""
    parts = [
        {"type": "text", "text": "Look."},
        {"type": "tool_use", "id": "a", "name": "Bash", "input": {"command": "ls"}},
        "Then ",
        {"type": "text", "text": "more."},
        {"type": "tool_use", "id": "b", "name": "Bash", "input": {"command": "pwd"}},
        {"type": "thinking", "thinking": "Hm."},
    ]
    answers = {
        "results": [user([{"type": "tool_result", "tool_use_id": i, "content": i} for i in "ab"])],
        "words": [user("a"), user("b")],
        "none": [],
    }[results]
    trajectory = read(user("go"), says(parts), *answers)
    assert [(s.kind, s.text) for s in trajectory.segments[:6]] == [
        ("task", "go"),
        ("thought", "Look."),
        ("action", '{"command": "ls"}'),
        ("thought", "Then more."),
        ("action", '{"command": "pwd"}'),
        ("thought", "Hm."),
    ]
    executed = True if answers else None
    assert actions(trajectory) == [
        ('{"command": "ls"}', (bash("ls", executed),)),
        ('{"command": "pwd"}', (bash("pwd", executed),)),
    ]
    kinds = {"results": ["observation", "observation"], "words": ["observation", "other"], "none": []}
    assert [s.kind for s in trajectory.segments[6:]] == kinds[results]


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_reasoning_repeated_in_think_tags_is_taken_once(key):
    trajectory = read(user("go"), says("<think>Hm.</think>Done.", **{key: "Hm."}))
    assert trajectory.segments[1:] == (Segment("thought", "<think>Hm.</think>Done.", generated=True),)


FUNCTION = "<function=execute_bash>\n<parameter=command>ls</parameter>\n</function>"
EDIT = "<function=str_replace_editor><parameter=command>view</parameter><parameter=path>/x</parameter></function>"
HERMES = '<tool_call>\n{"name": "bash", "arguments": {"command": "ls"}}\n</tool_call>'


@pytest.mark.parametrize(
    ("reply", "action", "call"),
    [
        (f"Go.\n\n{FUNCTION}", FUNCTION, bash("ls", True)),
        (f"Go.\n{EDIT} Now.", EDIT, Call("str_replace_editor", {"command": "view", "path": "/x"}, True)),
        (FUNCTION[:-12], FUNCTION[:-12], bash("ls", True)),  # a stop word that the server removed
        (f"Go. {HERMES}", HERMES, bash("ls", True)),
        (f"Go. {HERMES[:-13]}", HERMES[:-13], bash("ls", True)),
        (f"<tool_call>\n{FUNCTION}\n</tool_call>", f"<tool_call>\n{FUNCTION}\n</tool_call>", bash("ls", True)),
        ("THOUGHT: go\n\n```bash\nls\n```\nYes.", "```bash\nls\n```", bash("ls", True)),
        ("Go.\n<execute>\nx = 1\n</execute>", "<execute>\nx = 1\n</execute>", Call("execute", {"code": "x = 1"}, True)),
        ("<execute_bash>\nls\n</execute_bash>", "<execute_bash>\nls\n</execute_bash>", bash("ls", True)),
        ("Try <command>pwd</command>:\n<command>\nls\n</command>", "<command>\nls\n</command>", bash("ls", True)),
        ("Think: go\n\nAct: bash\n\n```bash\nls\n```", "```bash\nls\n```", bash("ls", True)),
        ("<think>```bash\nno\n```</think>\n```bash\nls\n```", "```bash\nls\n```", bash("ls", True)),
        (
            '{"analysis": "a", "commands": [{"keystrokes": "ls\\n"}]}',
            '{"keystrokes": "ls\\n"}',
            bash("ls\n", True),
        ),
    ],
)
def test_every_syntax_of_calls_in_text(reply, action, call):
    trajectory = read(system(), user("go"), says(reply), user("a.py"))
    assert actions(trajectory) == [(action, (call,))]
    assert "".join(s.text for s in trajectory.segments if s.generated) == reply
    assert trajectory.segments[-1].kind == "observation"


def test_the_agents_own_syntax_is_the_one_used_most():
    trajectory = read(
        system(),
        user("go"),
        says("```bash\nls\n```"),
        user("a"),
        says("```bash\npwd\n```"),
        user("b"),
        says("Done.\n<function=submit>\n</function>"),
    )
    assert [text for text, _ in actions(trajectory)] == ["```bash\nls\n```", "```bash\npwd\n```"]


@pytest.mark.parametrize("instructions", [[], [system("You are a helpful assistant.")]])
def test_a_fence_in_an_answer_to_a_person_is_not_an_action(instructions):
    answer = "Use this:\n```bash\nls -a\n```"
    trajectory = read(*instructions, user("How do I list hidden files?"), says(answer), user("thanks!"), says("Sure."))
    assert trajectory.segments[len(instructions) :] == (
        Segment("task", "How do I list hidden files?"),
        Segment("thought", answer, generated=True),
        Segment("other", "thanks!"),
        Segment("thought", "Sure.", generated=True),
    )


@pytest.mark.parametrize("result", ["<returncode>0</returncode>", "OBSERVATION:\na.py"])
def test_a_fence_before_a_mark_of_the_environment_is_an_action(result):
    trajectory = read(user("go"), says("```bash\nls\n```"), user(result), says("Done."))
    assert kinds(trajectory) == ["task", "action", "observation", "thought"]
    assert actions(trajectory) == [("```bash\nls\n```", (bash("ls", True),))]


def test_native_calls_make_fences_prose():
    trajectory = read(user("go"), says("```bash\nls\n```", tool_calls=calls(("a", "bash", '{"command": "ls"}'))))
    assert kinds(trajectory) == ["task", "thought", "action"]


def test_a_refused_reply_is_a_thought_and_the_note_is_other():
    trajectory = read(
        user("go"),
        says("```bash\nls\n```"),
        user("a"),
        says("```bash\nls\n```"),
        user("Please always provide EXACTLY ONE action in triple backticks, found 3 actions."),
    )
    assert kinds(trajectory) == ["task", "action", "observation", "thought", "other"]


def test_two_fences_if_the_instructions_require_exactly_one():
    chat = [says("```bash\nls\n```"), user("a"), says("```bash\nls\n```\n```bash\npwd\n```"), user("b")]
    assert len(actions(read(system("Give exactly ONE bash block."), user("go"), *chat))) == 1
    several = actions(read(system(), user("go"), *chat))
    assert [call.executed for _, (call,) in several] == [True, None, None]


def test_marks_of_the_environment_make_an_observation_after_a_reply_without_a_call():
    trajectory = read(user("go"), says("It is 4."), user("Observation:\nwrong"), says("5?"), user("Go on."))
    assert kinds(trajectory) == ["task", "thought", "observation", "thought", "other"]


@pytest.mark.parametrize(
    ("columns", "resolved"),
    [
        ({}, None),
        ({"resolved": True}, True),
        ({"resolved": 0}, False),
        ({"resolved": -1}, None),
        ({"resolved": None, "verified": True}, True),
        ({"target": False}, False),
        ({"target": "yes"}, None),
        ({"test_result": {"report": {"resolved": True}}}, True),
    ],
)
def test_outcome_comes_from_a_column_or_is_unknown(columns, resolved):
    assert read(user("go"), says("x"), **columns).resolved is resolved


def test_other_columns_of_the_row():
    trajectory = read(user("go"), says("x"), instance_id="a__b-1", model="m", run_id=3, patch="diff")
    assert (trajectory.id, trajectory.model, trajectory.meta) == ("a__b-1", "m", {"run_id": 3})
    assert read(user("go"), says("x")).id == "run"
    assert openai_messages.read([user("go"), says("x")], HERE).source == "openai-messages"
    assert openai_messages.read({"messages": json.dumps([user("go"), says("x")])}, HERE).segments[0].text == "go"


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([user("go")], "no message with role assistant"),
        ([user("go"), 3], "message 1: expected an object, found int"),
        ([{"role": "judge", "content": ""}], "message 0: unknown role 'judge'; known roles: system"),
        ([{"role": ["user"], "content": ""}], r"message 0: unknown role \['user'\]"),
        ([user("go"), says(3)], "message 1: key 'content' should be text, found int"),
        ([user("go"), says("", tool_calls="ls")], "message 1: key 'tool_calls' should be a list, found str"),
        ([user("go"), says("", tool_calls=[{"id": 1}])], "message 1: call 0 should have a name, found None"),
        ([], "should be a list with messages"),
    ],
)
def test_errors_name_the_message_and_the_key(messages, reason):
    with pytest.raises(ValueError, match=reason):
        read(*messages)


PIECES = [
    "a",
    "\n",
    "```bash\nls\n```",
    "<think>",
    "</think>",
    FUNCTION,
    HERMES,
    "<tool_call>",
    "<execute>",
    "```",
    "é",
]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(st.lists(st.sampled_from(PIECES), max_size=6).map("".join), min_size=1, max_size=4))
def test_no_emitted_character_is_lost_moved_or_taken_twice(replies):
    trajectory = read(user("go"), *[m for reply in replies for m in (says(reply), user("out"))])
    assert "".join(s.text for s in trajectory.segments if s.generated) == "".join(replies)
    assert all(bool(s.calls) == (s.kind == "action") for s in trajectory.segments)
    assert all(s.generated == (s.kind in ("thought", "action")) for s in trajectory.segments)


def test_real_text_calls_by_independent_extraction(real_trajectories):
    (row,) = _rows(real_trajectories / "dataset_rows" / "openai_messages_swe_play.jsonl")
    replies = [m["content"] for m in row["messages"] if m["role"] == "assistant"]
    expected = [next(re.finditer(r"<function=.*?(</function>|$)(?!.)", r, re.DOTALL))[0] for r in replies]
    trajectory = openai_messages.read(row, HERE)
    assert [text for text, _ in actions(trajectory)] == expected
    assert [call.executed for _, (call,) in actions(trajectory)] == [True] * 20 + [None]
    assert len([s for s in trajectory.segments if s.kind == "observation"]) == 20
    assert "".join(s.text for s in trajectory.segments) == "".join(m["content"] for m in row["messages"])


def test_real_fences_by_independent_extraction(real_trajectories):
    (row,) = _rows(real_trajectories / "dataset_rows" / "openai_messages_mini_coder.jsonl")
    replies = [m["content"] for m in row["messages"] if m["role"] == "assistant"]
    expected = [m[1] for r in replies if (m := re.search(r"```bash\n(.*?)\n```", r, re.DOTALL))]
    trajectory = openai_messages.read(row, HERE)
    assert [call for _, (call,) in actions(trajectory)] == [bash(command, True) for command in expected]
    assert len(expected) == 7
    assert trajectory.resolved is True


def test_real_native_calls_by_independent_extraction(real_trajectories):
    for row in _rows(real_trajectories / "dataset_rows" / "swe_gym_openhands.jsonl"):
        messages = row["messages"]
        emitted = [c["function"]["arguments"] for m in messages for c in m["tool_calls"] or []]
        trajectory = openai_messages.read(row, HERE)
        assert [text for text, _ in actions(trajectory)] == emitted
        answered = sum(m["role"] == "tool" for m in messages)
        assert [call.executed for _, (call,) in actions(trajectory)].count(True) == answered == len(emitted) - 1
        assert sum(s.kind == "other" for s in trajectory.segments) == 2  # "Please continue working ..."


def _rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_file_with_one_message_per_line_is_one_run(tmp_path):
    chat = [user("Fix it."), says("Look.", tool_calls=calls(("a", "bash", '{"command": "ls"}')))]
    chat += [{"role": "tool", "tool_call_id": "a", "content": "x"}, says(None, tool_calls=calls(("b", "f", "{}")))]
    path = tmp_path / "run-1.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in chat))
    [trajectory] = load_trajectories(path).trajectories
    assert (trajectory.id, kinds(trajectory)) == ("run-1", ["task", "thought", "action", "observation", "action"])
    assert trajectory.segments == openai_messages.read(chat, path).segments
    path.write_text("".join(json.dumps({"messages": chat, "id": i}) + "\n" for i in range(2)))
    assert len(load_trajectories(path).trajectories) == 2
    path.write_text("".join(json.dumps({**row, "type": "x"}) + "\n" for row in chat))
    with pytest.raises(InputError, match=r"known (trajectory )?format"):
        load_trajectories(path)


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, {"role": 1, "content": "a"}, {"role": "user"}])
def test_what_is_not_a_message(value):
    assert not openai_messages.is_event(value)
