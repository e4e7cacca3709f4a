"""ShareGPT rows: names of keys and roles, calls of every kind, and episodes of one trial."""

import json
import re
from pathlib import Path

import pytest

from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import sharegpt
from lm_eval_hesnr.trajectories.schema import Call, Segment

HERE = Path("nowhere", "rows.jsonl")


def turn(who, text):
    return {"from": who, "value": text}


def read(*turns, **columns):
    return sharegpt.read({"conversations": list(turns), **columns}, HERE)


def actions(trajectory):
    return [(segment.text, segment.calls) for segment in trajectory.segments if segment.kind == "action"]


def test_from_and_value_with_a_system_column():
    trajectory = read(
        turn("human", "go"),
        turn("gpt", "Look.\n```bash\nls\n```"),
        turn("human", "a.py"),
        turn("gpt", "Done."),
        system="You are an agent.",
        id="x",
    )
    assert trajectory.id == "x"
    assert trajectory.segments == (
        Segment("system", "You are an agent."),
        Segment("task", "go"),
        Segment("thought", "Look.\n", generated=True),
        Segment(
            "action",
            "```bash\nls\n```",
            generated=True,
            calls=(Call("bash", {"command": "ls"}, True),),
            continues=True,
        ),
        Segment("observation", "a.py"),
        Segment("thought", "Done.", generated=True),
    )


def test_each_message_may_have_its_own_keys():
    mixed = read({"role": "user", "content": "go"}, turn("gpt", "```bash\nls\n```"), {"role": "tool", "content": "a"})
    assert [s.kind for s in mixed.segments] == ["task", "action", "observation"]


@pytest.mark.parametrize(
    ("value", "calls"),
    [
        ('{"name": "bash", "arguments": {"command": "ls"}}', (Call("bash", {"command": "ls"}, True),)),
        ('{"name": "bash", "arguments": "{\\"command\\": \\"ls\\"}"}', (Call("bash", {"command": "ls"}, True),)),
        (
            '[{"name": "a", "arguments": {}}, {"name": "b", "parameters": {"x": 1}}]',
            (Call("a", {}, True), Call("b", {"x": 1}, True)),
        ),
    ],
)
def test_a_function_call_turn_of_only_json(value, calls):
    trajectory = read(turn("human", "go"), turn("function_call", value), turn("observation", "out"))
    assert actions(trajectory) == [(value, calls)]


def test_a_function_call_turn_of_prose_and_a_call():
    value = "Look.\n<function=bash><parameter=command>ls</parameter></function>"
    trajectory = read(turn("human", "go"), turn("function_call", value), turn("observation", "out"))
    assert actions(trajectory) == [(value[6:], (Call("bash", {"command": "ls"}, True),))]


def episode(number, *turns, trial="t"):
    return {"conversations": list(turns), "episode": f"episode-{number}", "trial_name": trial}


def test_the_longest_episode_of_a_trial_is_read(tmp_path):
    talk = [turn("human", "go"), turn("gpt", "a"), turn("human", "on"), turn("gpt", "b")]
    rows = [episode(0, *talk[:2]), episode(1, *talk), episode(0, *talk[:2], trial="other"), {"conversations": talk[:2]}]
    (tmp_path / "x.traces.json").write_text(json.dumps(rows))
    loaded = load_trajectories(tmp_path)
    assert [len(t.segments) for t in loaded.trajectories] == [4, 2, 2]
    assert (loaded.skipped.total(), loaded.bad, loaded.files) == (1, [], 1)


def test_a_rewritten_chat_is_not_a_continuation():
    first = episode(0, turn("human", "go"), turn("gpt", "a"))
    assert sharegpt.is_beginning(first, episode(1, *first["conversations"], turn("human", "x")))
    assert not sharegpt.is_beginning(first, episode(1, turn("human", "summary"), turn("gpt", "a"), turn("gpt", "b")))
    assert not sharegpt.is_beginning(first, first)


@pytest.mark.parametrize(("result", "resolved"), [("1.0", True), ("0.0", False), ("0.5", None), ("AgentTimeout", None)])
def test_the_reward_of_harbors_export(result, resolved):
    row = {**episode(0, turn("human", "go"), turn("gpt", "a")), "result": result}
    assert sharegpt.read(row, HERE).resolved is resolved
    del row["episode"]
    assert sharegpt.read(row, HERE).resolved is None  # elsewhere `result` may be anything


def test_real_function_calls_by_independent_extraction(real_trajectories):
    (row,) = _rows(real_trajectories / "dataset_rows" / "sharegpt_swe_gym.jsonl")
    replies = [t["value"] for t in row["conversations"] if t["from"] == "gpt"]
    expected = [m.group() for r in replies if (m := re.search(r"<function=.*?</function>", r, re.DOTALL))]
    trajectory = sharegpt.read(row, HERE)
    assert [text for text, _ in actions(trajectory)] == expected
    assert [call.executed for _, (call,) in actions(trajectory)] == [True] * (len(expected) - 1) + [None]
    assert [s.text[:15] for s in trajectory.segments if s.kind == "other"] == ["Please continue"] * 2
    assert trajectory.segments[0] == Segment("system", row["system"])


def test_one_real_run_in_two_formats_has_the_same_calls(real_trajectories):
    rows = real_trajectories / "dataset_rows"
    (text,) = load_trajectories(rows / "sharegpt_swe_gym.jsonl").trajectories
    native = load_trajectories(rows / "swe_gym_openhands.jsonl").trajectories[0]
    assert native.id == text.id
    pairs = [[call for s in t.segments for call in s.calls][:-1] for t in (text, native)]  # `finish` got arguments
    assert [_plain(call) for call in pairs[0]] == [_plain(call) for call in pairs[1]]


def _plain(call):
    """A call with each argument as text, without the line ends that tags add."""
    values = {key: (v if isinstance(v, str) else json.dumps(v)).strip("\n") for key, v in call.arguments.items()}
    return call.tool, values, call.executed


def test_real_code_by_independent_extraction(real_trajectories):
    for row in _rows(real_trajectories / "dataset_rows" / "sharegpt_codeact.jsonl"):
        replies = [t["content"] for t in row["conversations"] if t["role"] == "assistant"]
        expected = [code for r in replies for code in re.findall(r"<execute>\n(.*?)\n</execute>", r, re.DOTALL)]
        trajectory = sharegpt.read(row, HERE)
        found = [(call.tool, call.arguments, call.executed) for _, (call,) in actions(trajectory)]
        assert found == [("execute", {"code": code}, True) for code in expected]
        assert len(found) == 3
        observed = sum(t["content"].startswith("Observation:") for t in row["conversations"])
        assert sum(s.kind == "observation" for s in trajectory.segments) == observed


def test_real_episodes_give_one_trajectory_per_file(real_trajectories):
    for path in sorted((real_trajectories / "atif" / "harbor_golden").glob("*.traces.json")):
        last = json.loads(path.read_text())[-1]
        loaded = load_trajectories(path)
        (trajectory,) = loaded.trajectories
        emitted = "".join(turn["content"] for turn in last["conversations"] if turn["role"] == "assistant")
        assert "".join(s.text for s in trajectory.segments if s.generated) == emitted


def test_real_terminus_commands_and_the_refused_reply(real_trajectories):
    path = real_trajectories / "atif" / "harbor_golden" / "terminus_2__hello-world-invalid-json.traces.json"
    (trajectory,) = load_trajectories(path).trajectories
    ((text, (call,)),) = actions(trajectory)  # the first reply had the same command and was refused
    assert json.loads(text)["keystrokes"] == call.arguments["command"]
    assert (call.tool, call.executed) == ("bash", True)
    assert [s.kind for s in trajectory.segments].count("observation") == 2
    assert [s.text[:17] for s in trajectory.segments if s.kind == "other"] == ["Previous response"]


def _rows(path):
    return [json.loads(line) for line in path.read_text().splitlines()]
