"""OpenHands completion logs: text as the model saw and wrote it, with calls in the text or native."""

import json
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import openhands_completions
from lm_eval_hesnr.trajectories.schema import Call, Segment
from tests.builders import read_record

LOG = Path("llm_completions/repo__1/model-1757.0.json")
CALL = "<function=execute_bash>\n<parameter=command>ls</parameter>\n</function>"
EXAMPLE = f"Here's a running example.\nASSISTANT:\n{CALL}\nNEW TASK: Fix it."


def generated(kind, text, *calls, continues=False):
    return Segment(kind, text, generated=True, calls=tuple(calls), continues=continues)


def says(role, content):
    return {"role": role, "content": [{"type": "text", "text": content}]}


def response(content, **more):
    return {"model": "m", "choices": [{"message": {"role": "assistant", "content": content, **more}}]}


def native(arguments):
    return [{"id": "toolu_01", "type": "function", "function": {"name": "execute_bash", "arguments": arguments}}]


PROMPT = [
    says("system", "Be good."),
    says("user", EXAMPLE),
    {"role": "assistant", "content": f"Look.\n\n{CALL}"},
    says("user", "EXECUTION RESULT of [execute_bash]:\na.py"),
    {"role": "assistant", "content": "Hm."},
    says("user", "Please continue working on the task on whatever approach."),
]
READ = [
    Segment("system", "Be good."),
    Segment("task", EXAMPLE),
    generated("thought", "Look.\n\n"),
    generated("action", CALL, Call("bash", {"command": "ls"}, True), continues=True),
    Segment("observation", "EXECUTION RESULT of [execute_bash]:\na.py"),
    generated("thought", "Hm."),
    Segment("other", "Please continue working on the task on whatever approach."),
]
CUT = "So.\n<function=execute_bash>\n<parameter=command>pwd</parameter>\n"  # without the stop word
LAST = [
    generated("thought", "So.\n"),
    generated("action", CUT[4:], Call("bash", {"command": "pwd"}, None), continues=True),
]


def test_v0_with_calls_as_text():
    log = {"messages": PROMPT, "response": response(CUT), "args": [], "kwargs": {}, "fncall_messages": []}
    log["fncall_response"] = response("So.", tool_calls=native('{"command": "pwd"}'))
    trajectory = read_record(log, LOG)
    assert (trajectory.id, trajectory.model, trajectory.resolved) == ("repo__1", "m", None)
    assert list(trajectory.segments) == READ + LAST


def test_sdk_with_calls_as_text():
    log = {"messages": PROMPT, "raw_messages": [], "kwargs": {}, "latency_sec": 1.0, "raw_response": response(CUT)}
    log["response"] = response("So.", tool_calls=native('{"command": "pwd"}'))
    assert list(read_record(log, LOG).segments) == READ + LAST


def test_a_raw_response_that_lost_its_call_is_not_read():
    log = {"messages": PROMPT, "raw_messages": [], "kwargs": {}, "raw_response": response("So.", tool_calls=[{}])}
    log["response"] = response("So.", tool_calls=native('{"command": "pwd"}'))
    last = generated("action", '{"command": "pwd"}', Call("bash", {"command": "pwd"}, None))
    assert list(read_record(log, LOG).segments) == [*READ, generated("thought", "So."), last]


def test_only_the_first_call_of_a_reply_as_text_is_run():
    texts = [f"A.{CALL}B.{CALL}"]
    log = {"messages": [], "fncall_messages": [], "response": response(texts[0]), "kwargs": {}}
    assert list(read_record(log, LOG).segments) == [
        generated("thought", "A."),
        generated("action", CALL, Call("bash", {"command": "ls"}, None), continues=True),
        generated("thought", f"B.{CALL}", continues=True),
    ]


def test_thinking_as_text_is_a_thought():
    text = "<function=think>\n<parameter=thought>Why?</parameter>\n</function>"
    log = {"messages": [], "fncall_messages": [], "response": response(text), "kwargs": {}}
    assert list(read_record(log, LOG).segments) == [generated("thought", text)]


def test_native_calls_leave_prose_alone():
    log = {"messages": [says("user", "Fix it.")], "response": response(f"Like {CALL}?"), "kwargs": {}}
    assert list(read_record(log, LOG).segments) == [Segment("task", "Fix it."), generated("thought", f"Like {CALL}?")]


def test_the_log_of_a_failed_call_has_its_prompt():
    log = {"messages": PROMPT, "raw_messages": [], "kwargs": {}, "error": {"type": "Timeout"}}
    assert list(read_record(log, LOG).segments) == READ


def logs_of_a_run(folder, *prompts):
    folder.mkdir(parents=True)
    for i, prompt in enumerate(prompts, start=9):  # seconds 9, 10, 11: numeric order, not alphabetic
        log = {"messages": prompt, "fncall_messages": [], "kwargs": {}, "response": response(f"Reply {i}.")}
        (folder / f"model-{i}.5.json").write_text(json.dumps(log))
    return folder


def test_the_last_of_several_growing_logs_is_the_trajectory(tmp_path):
    marked = json.loads(json.dumps(PROMPT))
    marked[1]["content"][0]["cache_control"] = {"type": "ephemeral"}
    folder = logs_of_a_run(tmp_path / "llm_completions" / "repo__1", PROMPT[:2], marked[:4], PROMPT)
    loaded = load_trajectories(folder)
    assert (len(loaded.trajectories), loaded.skipped.total(), loaded.bad) == (1, 2, [])
    assert list(loaded.trajectories[0].segments) == [*READ, generated("thought", "Reply 11.")]


def test_a_log_before_a_condensation_is_a_trajectory_too(tmp_path):
    summary = says("user", "Summary.")
    folder = logs_of_a_run(tmp_path / "logs", PROMPT[:4], [*PROMPT[:2], summary, *PROMPT[4:]])
    loaded = load_trajectories(folder)
    replies = [[s.text for s in trajectory.segments if s.generated][-1] for trajectory in loaded.trajectories]
    assert (sorted(replies), loaded.bad) == (["Reply 10.", "Reply 9."], [])


@pytest.mark.parametrize("other", [{"messages": []}, {"messages": 3, "kwargs": {}, "response": {}}, [], 3])
def test_other_files_are_not_detected(other):
    assert not openhands_completions.detect(other)


REAL = [
    ("fncall-llm-message.json", 6, 6),
    ("nonfncall-llm-message.json", 4, 4),
    ("llm-logs/litellm_proxy__anthropic__claude-sonnet-4-20250514-1757015025.972.json", 1, 0),
    ("nonfncall-llm-logs/litellm_proxy__deepseek__deepseek-chat-1757015054.055.json", 1, 0),
]


@pytest.mark.parametrize(("name", "n_actions", "n_executed"), REAL)
def test_real_logs_give_every_reply_whole(real_trajectories, name, n_actions, n_executed):
    path = real_trajectories / "openhands" / "sdk_llm_logs" / name
    data = json.loads(path.read_text())
    messages = data if isinstance(data, list) else [*data["messages"], data["response"]["choices"][0]["message"]]
    replies = [message for message in messages if message["role"] == "assistant"]
    written = [(m["content"], *(c["function"]["arguments"] for c in m["tool_calls"])) for m in replies]
    (trajectory,) = load_trajectories(path).trajectories
    calls = [segment.calls[0] for segment in trajectory.segments if segment.calls]
    assert [s.text for s in trajectory.segments if s.generated] == [text for turn in written for text in turn if text]
    assert [s.text for s in trajectory.segments if s.kind == "action"] == [t for turn in written for t in turn[1:]]
    assert (len(calls), sum(call.executed is True for call in calls)) == (n_actions, n_executed)


def test_a_real_example_in_the_first_turn_is_the_task(real_trajectories):
    path = real_trajectories / "openhands" / "sdk_llm_logs" / REAL[3][0]
    (trajectory,) = load_trajectories(path).trajectories
    task = next(segment for segment in trajectory.segments if segment.kind == "task")
    assert "END OF EXAMPLE" in task.text
    assert "<function=" in task.text
    assert not task.generated
