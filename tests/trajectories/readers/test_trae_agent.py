"""Trae-agent: steps with results, prompts from the log of interactions, and runs that never began."""

import json
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.load import iterate_results
from lm_eval_hesnr.trajectories.paths import find_inputs
from lm_eval_hesnr.trajectories.readers import reader_of, trae_agent
from lm_eval_hesnr.trajectories.readers.common import NoReplyError
from lm_eval_hesnr.trajectories.schema import Call, Segment, Trajectory
from lm_eval_hesnr.trajectories.skipped import NO_REPLY, Skipped
from tests.builders import read_record

PATH = Path("fix_trajectory.json")


def call(name, arguments, call_id):
    return {"call_id": call_id, "name": name, "arguments": arguments, "id": None}


def step(text=None, calls=(), results=(), **more):
    response = None if text is None else {"content": text, "tool_calls": list(calls)}
    return {"llm_response": response, "tool_calls": list(calls) or None, "tool_results": list(results) or None, **more}


def run(*steps, **more):
    prompts = [
        {"role": "system", "content": "Be good."},
        {"role": "user", "content": "Fix it, in /w."},
        {"role": "user", "content": None, "tool_result": {"call_id": "x", "result": "y"}},
    ]
    interactions = [{"input_messages": prompts, "response": {"content": "Look."}}]
    return {
        "task": "Fix it.",
        "provider": "p",
        "model": "m",
        "llm_interactions": interactions,
        "agent_steps": list(steps),
        "success": True,
        **more,
    }


STEPS = [
    step(
        "Look.",
        [call("bash", {"command": "ls # all"}, "a"), call("str_replace_based_edit_tool", {"path": "x"}, "b")],
        [
            {"call_id": "a", "success": True, "result": "x\n", "error": ""},
            {"call_id": "b", "success": False, "result": "", "error": "no such file"},
        ],
        reflection="Try again.",
        error=None,
    ),
    step("", [call("task_done", {}, "c")]),
    step(error="Error code: 400"),
]
ACTIONS = (
    Segment("thought", "Look.", True),
    Segment("action", '{"command": "ls # all"}', True, (Call("bash", {"command": "ls # all"}, True),)),
    Segment("action", '{"path": "x"}', True, (Call("str_replace_based_edit_tool", {"path": "x"}, True),)),
    Segment("observation", "x"),
    Segment("observation", "Error: no such file"),
    Segment("other", "Try again."),
    Segment("action", "{}", True, (Call("task_done", {}, None),)),
    Segment("other", "Error code: 400"),
)


def test_a_run():
    data = run(*STEPS)
    assert reader_of(data) is trae_agent
    read = read_record(data, PATH)
    assert (read.id, read.source, read.model, read.resolved) == ("fix", "trae-agent", "m", None)
    assert read.meta == {"provider": "p", "success": True}
    assert read.segments == (Segment("system", "Be good."), Segment("task", "Fix it, in /w."), *ACTIONS)


def test_prompts_without_a_log():
    messages = [{"role": "system", "content": "Be good."}, {"role": "user", "content": "Fix it."}]
    steps = [{**STEPS[0], "llm_messages": messages}, *STEPS[1:]]
    assert trae_agent.read(run(*steps, llm_interactions=[]), PATH).segments[:2] == (
        Segment("system", "Be good."),
        Segment("task", "Fix it."),
    )
    assert trae_agent.read(run(*STEPS, llm_interactions=[]), PATH).segments == (Segment("task", "Fix it."), *ACTIONS)


def test_a_run_without_a_response():
    with pytest.raises(NoReplyError):
        trae_agent.read(run(), PATH)
    with pytest.raises(NoReplyError):
        trae_agent.read(run(STEPS[2]), PATH)


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [[]], {"a": 1}])
def test_wrong_types(value):
    assert not trae_agent.detect(value)
    with pytest.raises(ValueError, match=r"agent_steps 0 should be an object|the model wrote nothing"):
        trae_agent.read(run(value), PATH)
    steps = [{"llm_response": {"content": "a", "tool_calls": [value]}, "tool_calls": value, "tool_results": value}]
    assert trae_agent.read(run(*steps, model=value, llm_interactions=[value], task=value), PATH)


def test_the_real_runs(real_trajectories):
    """Compared with the responses of `llm_interactions`, which the reader does not read."""
    folder = real_trajectories / "wild" / "trae_agent"
    if not folder.exists():
        pytest.skip(f"{folder} is not there")
    for path, result in iterate_results(find_inputs(folder)):
        data = json.loads(path.read_text())
        responses = [interaction["response"] for interaction in data["llm_interactions"]]
        if not responses:
            assert result == Skipped(NO_REPLY)
            continue
        assert isinstance(result, Trajectory)
        calls = [call for response in responses for call in response["tool_calls"] or []]
        results = [r for step in data["agent_steps"] for r in step["tool_results"] or []]
        own = [segment for segment in result.segments if segment.generated]
        assert [s.text for s in own if s.kind == "thought"] == [r["content"] for r in responses if r["content"]]
        actions = [s for s in own if s.kind == "action"]
        assert [json.loads(s.text) for s in actions] == [call["arguments"] for call in calls]
        assert [s.calls[0].tool for s in actions] == [call["name"] for call in calls]
        texts = [segment.text for segment in result.segments if segment.kind == "observation"]
        assert texts == [r["result"].strip() for r in results if r["result"]]
        assert not any(r["error"] for r in results)
