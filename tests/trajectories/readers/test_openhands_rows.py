"""Rows of chat messages from OpenHands: SWE-Gym and SWE-rebench."""

import json
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import openhands_rows
from lm_eval_hesnr.trajectories.readers.openhands_chat import openhands_segments
from lm_eval_hesnr.trajectories.schema import Call, Segment
from tests.builders import read_record

ROWS = Path("rows.jsonl")
EMPTY = {"name": None, "tool_call_id": None, "tool_calls": None, "function_call": None}


def says(role, content, *calls, **more):
    """A message with null keys, as the Hub's data sets fill them in."""
    tool_calls = [{"id": c, "type": "function", "function": {"name": n, "arguments": a}} for c, n, a in calls]
    return {**EMPTY, "role": role, "content": content, "tool_calls": tool_calls or None, **more}


def answers(ident, tool, content):
    return says("tool", content, tool_call_id=ident, name=tool)


def generated(kind, text, *calls, continues=False):
    return Segment(kind, text, generated=True, calls=tuple(calls), continues=continues)


MESSAGES = [
    says("system", "Be good."),
    says("user", "Fix it."),
    says("assistant", "Both.", ("a", "execute_bash", '{"command":"ls"}'), ("b", "execute_bash", '{"command": "pwd"}')),
    answers("b", "execute_bash", "OBSERVATION:\n/"),
    answers("a", "execute_bash", "OBSERVATION:\na.py"),
    says("assistant", "Done."),
    says("user", "Please continue working on the task on whatever approach you think is suitable."),
    says("assistant", None, ("c", "think", '{"thought": "Why?"}')),
    answers("c", "think", "Logged."),
    says("assistant", None, ("a", "finish", "{}")),  # a repeated id is another call
]
SEGMENTS = (
    Segment("system", "Be good."),
    Segment("task", "Fix it."),
    generated("thought", "Both."),
    generated("action", '{"command":"ls"}', Call("bash", {"command": "ls"}, True)),
    generated("action", '{"command": "pwd"}', Call("bash", {"command": "pwd"}, True)),
    Segment("observation", "OBSERVATION:\n/"),
    Segment("observation", "OBSERVATION:\na.py"),
    generated("thought", "Done."),
    Segment("other", "Please continue working on the task on whatever approach you think is suitable."),
    generated("thought", '{"thought": "Why?"}'),
    Segment("observation", "Logged."),
    generated("action", "{}", Call("finish", {}, None)),
)


def test_a_row_of_swe_gym():
    run = "gpt-4o_maxiter_50_N_v2.1"
    row = {"instance_id": "i", "run_id": run, "resolved": True, "messages": MESSAGES, "tools": [], "test_result": {}}
    trajectory = read_record(row, ROWS)
    assert (trajectory.id, trajectory.model, trajectory.resolved) == ("i", "gpt-4o", True)
    assert trajectory.segments == SEGMENTS


@pytest.mark.parametrize(("column", "resolved"), [(1, True), (0, False), (-1, None), (None, None), ("yes", None)])
def test_a_row_of_swe_rebench(column, resolved):
    row = {
        "trajectory_id": "t",
        "instance_id": "i",
        "trajectory": MESSAGES,
        "resolved": column,
        "exit_status": "submit",
    }
    trajectory = read_record(row, ROWS)
    assert (trajectory.id, trajectory.model, trajectory.resolved) == ("t", None, resolved)
    assert trajectory.meta == {"instance_id": "i", "exit_status": "submit"}
    assert trajectory.segments == SEGMENTS


@pytest.mark.parametrize(
    ("answer", "kind", "executed"),
    [
        ("OBSERVATION:\nERROR:\nInvalid `view_range`", "action", True),
        ("OBSERVATION:\nERROR: Cannot execute multiple commands at once.", "action", False),
        ("[An error occurred during execution.]\nCannot execute multiple commands at once.", "action", False),
        ("Error validating args {} for tool 'terminal': bad", "thought", None),
        ("Tool 'bsh' not found. Available: ['terminal']", "thought", None),
    ],
)
def test_what_the_answer_says_about_the_call(answer, kind, executed):
    messages = [says("assistant", "", ("a", "terminal", '{"command": "ls"}')), answers("a", "terminal", answer)]
    segment = next(openhands_segments(messages, text_calls=False))
    assert (segment.kind, segment.generated) == (kind, True)
    assert [call.executed for call in segment.calls] == ([executed] if kind == "action" else [])


@pytest.mark.parametrize("arguments", [None, ""])
def test_a_call_without_arguments_has_no_text(arguments):
    messages = [says("assistant", "", ("a", "finish", arguments))]
    assert list(openhands_segments(messages, text_calls=False)) == [generated("action", "", Call("finish", {}, None))]


def test_arguments_that_are_not_json_never_ran():
    messages = [says("assistant", "", ("a", "execute_bash", '{"command": "l'))]
    assert list(openhands_segments(messages, text_calls=False)) == [generated("thought", '{"command": "l')]


@pytest.mark.parametrize(
    ("message", "reason"), [(3, "message 0 should be an object"), (says("exit", "x"), "message 0: unknown role 'exit'")]
)
def test_a_malformed_message_is_named(message, reason):
    with pytest.raises(ValueError, match=reason):
        list(openhands_segments([message], text_calls=False))


@pytest.mark.parametrize(
    "other",
    [{"messages": MESSAGES}, {"trajectory": MESSAGES}, {"trajectory_id": "t", "trajectory": [{"role": "ai"}]}, []],
)
def test_other_rows_are_not_detected(other):
    assert not openhands_rows.detect(other)


def test_real_rows_give_every_reply_whole_and_every_call_once(real_trajectories):
    path = real_trajectories / "dataset_rows" / "swe_gym_openhands.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    loaded = load_trajectories(path)
    assert (loaded.bad, [t.resolved for t in loaded.trajectories]) == ([], [row["resolved"] for row in rows])
    counts = []
    for row, trajectory in zip(rows, loaded.trajectories, strict=True):
        answered = {message["tool_call_id"] for message in row["messages"]} - {None}
        calls = [call for message in row["messages"] for call in message["tool_calls"] or ()]
        actions = [segment for segment in trajectory.segments if segment.kind == "action"]
        assert [segment.text for segment in actions] == [call["function"]["arguments"] for call in calls]
        executed = [call["function"]["arguments"] for call in calls if call["id"] in answered]
        assert [segment.text for segment in actions if segment.calls[0].executed] == executed
        counts.append((len(actions), len(executed)))
        prose = [message["content"] for message in row["messages"] if message["role"] == "assistant"]
        assert [s.text for s in trajectory.segments if s.kind == "thought"] == [text for text in prose if text]
        assert sum(segment.kind == "other" for segment in trajectory.segments) == 2  # two reminders each
    assert counts == [(21, 20), (9, 8)]
