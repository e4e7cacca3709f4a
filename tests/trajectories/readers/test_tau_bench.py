"""tau-bench: tasks in a list, a user that is a model, rewards, and text agents with one JSON call a reply."""

import json
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import reader_of, tau_bench
from lm_eval_hesnr.trajectories.schema import Call, Segment
from tests.builders import read_record

PATH = Path("m-airline.json")


def task(*messages, **more):
    return {"task_id": 3, "reward": 1.0, "info": {}, "traj": list(messages), "trial": 0, **more}


def says(role, content, **more):
    return {"role": role, "content": content, **more}


def native(name, arguments, call_id="a"):
    return [{"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}]


def test_a_task():
    data = task(
        says("system", "Policy."),
        says("user", "Book it."),
        says("assistant", None, function_call=None, tool_calls=native("find", '{"to": "SEA"}')),
        says("tool", "HAT1", tool_call_id="a", name="find"),
        says("assistant", "This one?", tool_calls=None),
        says("user", "Yes. ###STOP###"),
        trial=2,
    )
    assert reader_of(data) is tau_bench
    read = read_record(data, PATH)
    assert (read.id, read.resolved, read.model) == ("m-airline/3/trial 2", True, None)
    assert read.segments == (
        Segment("system", "Policy."),
        Segment("task", "Book it."),
        Segment("action", '{"to": "SEA"}', True, (Call("find", {"to": "SEA"}, True),)),
        Segment("observation", "HAT1"),
        Segment("thought", "This one?", True),
        Segment("other", "Yes. ###STOP###"),
    )


def test_an_agent_that_writes_its_calls_as_text():
    action = '{"name": "find", "arguments": {"to": "SEA"}}'
    read = tau_bench.read(
        task(
            says("system", "Policy."),
            says("user", "Book it."),
            says("assistant", f"Thought:\nAction: is next.\nAction:\n{action}\n"),
            says("user", "API output: HAT1"),
            says("assistant", "Action: done"),
        ),
        PATH,
    )
    assert read.segments[2:] == (
        Segment("thought", "Thought:\nAction: is next.\nAction:\n", True),
        Segment("action", action, True, (Call("find", {"to": "SEA"}, True),), True),
        Segment("thought", "\n", True, (), True),
        Segment("observation", "API output: HAT1"),
        Segment("thought", "Action: done", True),
    )


@pytest.mark.parametrize(("reward", "resolved"), [(1, True), (0.0, False), (0.5, None), ("1", None), (None, None)])
def test_rewards(reward, resolved):
    assert tau_bench.read(task(says("assistant", "a"), reward=reward), PATH).resolved is resolved


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [[]]])
def test_wrong_types(value):
    assert not tau_bench.detect(value)
    with pytest.raises(ValueError, match=r"message \d|key '|has no message"):
        tau_bench.read(task(says("user", "a"), value), PATH)
    with pytest.raises(ValueError, match="'task_id'"):
        tau_bench.read(task(says("assistant", "a"), task_id=[value]), PATH)


def test_the_real_tasks(real_trajectories):
    """Compared with what plain Python takes from the messages."""
    folder = real_trajectories / "wild" / "tau_bench"
    if not folder.exists():
        pytest.skip(f"{folder} is not there")
    [path] = folder.iterdir()
    tasks = json.loads(path.read_text())
    loaded = load_trajectories(folder).trajectories
    assert len(loaded) == len(tasks)
    for read, row in zip(loaded, tasks, strict=True):
        assert read.resolved is {1.0: True, 0.0: False}[row["reward"]]
        written = []
        for message in row["traj"]:
            if message["role"] == "assistant":
                written += [message["content"]] if message["content"] else []
                written += [call["function"]["arguments"] for call in message.get("tool_calls") or []]
        own = [segment for segment in read.segments if segment.generated]
        assert [segment.text for segment in own] == written
        calls = [c["function"]["name"] for m in row["traj"] for c in m.get("tool_calls") or []]
        assert [segment.calls[0].tool for segment in own if segment.kind == "action"] == calls
        results = [m["content"] for m in row["traj"] if m["role"] == "tool"]
        assert [segment.text for segment in read.segments if segment.kind == "observation"] == results
