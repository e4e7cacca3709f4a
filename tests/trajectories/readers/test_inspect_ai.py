"""Inspect: samples of a log as JSON or zip, attachments, scores that are verdicts, damaged and huge zips."""

import io
import json
import random
import zipfile
from pathlib import Path

import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.trajectories import decoding
from lm_eval_hesnr.trajectories.containers import INSPECT_KEYS
from lm_eval_hesnr.trajectories.load import iterate_results, load_trajectories
from lm_eval_hesnr.trajectories.paths import find_inputs
from lm_eval_hesnr.trajectories.readers import inspect_ai
from lm_eval_hesnr.trajectories.readers.common import NoReplyError
from lm_eval_hesnr.trajectories.schema import Call, Segment
from tests.builders import read_record

PATH = Path("log.json")
EVAL = {"task": "t", "model": "p/m", "task_id": "x"}
LONG = "a long text"


def call(name, arguments, call_id, **more):
    return {"id": call_id, "function": name, "arguments": arguments, **more}


def sample(*messages, **more):
    return {"id": "s", "epoch": 1, "messages": list(messages), "scores": {"match": {"value": "C"}}, **more}


def says(role, content, **more):
    return {"role": role, "content": content, "source": "generate" if role == "assistant" else None, **more}


def log(*samples):
    return {"version": 2, "status": "success", "eval": EVAL, "plan": {}, "samples": list(samples)}


def read(one):
    return read_record(dict(zip(INSPECT_KEYS, (EVAL, one), strict=True)), PATH)


def zipped(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, value in members.items():
            archive.writestr(name, value if isinstance(value, (str, bytes)) else json.dumps(value))
    return path


def test_a_sample():
    trajectory = read(
        sample(
            says("system", "Be good."),
            says("user", "attachment://abc"),
            says("assistant", "An example.", source="input"),
            says(
                "assistant",
                [{"type": "reasoning", "reasoning": "Hm."}, {"type": "text", "text": "Look."}, {"type": "image"}],
                tool_calls=[
                    call("bash", {"timeout": 9, "command": "attachment://abc"}, "a"),
                    call("edit", {"x": 1}, "b"),
                    call("edit", {"x": 2}, "c", parse_error="wrong"),
                    call("edit", {"x": 3}, "d"),
                ],
                model="m-1",
            ),
            says("tool", "x", tool_call_id="a"),
            says("tool", "", tool_call_id="b", error={"type": "approval", "message": "rejected"}),
            says("user", "Go on."),
            epoch=2,
            uuid="u",
            attachments={"abc": LONG},
        )
    )
    assert (trajectory.id, trajectory.source, trajectory.model) == ("t/s/epoch 2", "inspect-ai", "m-1")
    assert (trajectory.resolved, trajectory.meta) == (True, {"uuid": "u", "epoch": 2})
    arguments = {"timeout": 9, "command": LONG}
    assert trajectory.segments == (
        Segment("system", "Be good."),
        Segment("task", LONG),
        Segment("other", "An example."),
        Segment("thought", "Hm.", True),
        Segment("thought", "Look.", True),
        Segment("action", json.dumps(arguments), True, (Call("bash", {"command": LONG, "timeout": 9}, True),)),
        Segment("action", '{"x": 1}', True, (Call("edit", {"x": 1}, False),)),
        Segment("thought", '{"x": 2}', True),
        Segment("action", '{"x": 3}', True, (Call("edit", {"x": 3}, None),)),
        Segment("observation", "x"),
        Segment("observation", "rejected"),
        Segment("other", "Go on."),
    )


@pytest.mark.parametrize(
    ("scores", "resolved"),
    [
        ({"match": {"value": "I"}}, False),
        ({"a": {"value": "C"}, "b": {"value": True}}, True),
        ({"a": {"value": "C"}, "b": {"value": "I"}}, None),
        ({"a": {"value": "P"}}, None),
        ({"a": {"value": 1.0}}, None),
        ({"swe_bench_scorer": {"value": 1.0}}, True),
        ({"swe_bench_scorer": {"value": 0}}, False),
        ({"a": {"value": {"x": 1}}}, None),
        ({}, None),
        (None, None),
    ],
)
def test_verdicts(scores, resolved):
    assert read(sample(says("assistant", "a"), scores=scores)).resolved is resolved


def test_every_sample_of_a_log_is_a_run(tmp_path):
    samples = [sample(says("user", "q"), says("assistant", f"a{i}"), id=i) for i in range(7)]
    path = tmp_path / "log.json"
    path.write_text(json.dumps(log(*samples, sample(says("user", "q")), {"id": 9, "messages": 1})))
    loaded = load_trajectories(path)
    assert [run.id for run in loaded.trajectories] == [f"t/{i}" for i in range(7)]
    assert sum(loaded.skipped.values()) == 1
    assert loaded.bad == [f"{path}: sample 9: key 'messages' should be a list of objects, found 1"]
    path.write_text(json.dumps({**log(), "samples": None}))
    with pytest.raises(InputError, match="a log of Inspect with 0 samples"):
        load_trajectories(path)
    members = {f"samples/{i}_epoch_1.json": one for i, one in enumerate(samples)}
    folder = tmp_path / "zipped"
    folder.mkdir()
    zipped(folder / "log.eval", {"header.json": {"eval": EVAL}, **members, "summaries.json": [], "samples/x.json": "{"})
    again = load_trajectories(folder)
    assert [run.segments for run in again.trajectories] == [run.segments for run in loaded.trajectories]
    assert [run.id for run in again.trajectories] == [run.id for run in loaded.trajectories]
    assert len(again.bad) == 1
    assert "log.eval, samples/x.json: not valid JSON" in again.bad[0]


def test_a_log_whose_evaluation_was_stopped(tmp_path):
    members = {"_journal/start.json": {"eval": EVAL}, "samples/1_epoch_1.json": sample(says("assistant", "a"))}
    assert load_trajectories(zipped(tmp_path / "log.eval", members)).trajectories[0].id == "t/s"
    del members["_journal/start.json"]
    assert load_trajectories(zipped(tmp_path / "log.eval", members)).trajectories[0].id == "log.eval/s"


@pytest.mark.parametrize("content", [b"", b"PK", b"x" * 100, b"PK\x05\x06" + bytes(18)])
def test_what_is_not_a_log(tmp_path, content):
    path = tmp_path / "log.eval"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"not a readable log of Inspect|a log of Inspect without samples"):
        load_trajectories(path)


def test_a_sample_that_is_too_long(tmp_path, monkeypatch):
    """A few kilobytes can contain gigabytes."""
    monkeypatch.setattr(decoding, "MAX_BYTES", 2**20)
    members = {"samples/1.json": b" " * 2**24, "samples/2.json": sample(says("assistant", "a"))}
    path = zipped(tmp_path / "log.eval", members)
    assert path.stat().st_size < 2**16
    loaded = load_trajectories(path)
    assert len(loaded.trajectories) == 1
    assert loaded.bad == [f"{path}, samples/1.json: a sample of more than 1 MiB"]


def test_damaged_zips(tmp_path):
    """Any bytes in the file: a reason, never another error."""
    buffer = io.BytesIO()
    zipped(buffer, {"header.json": {"eval": EVAL}, "samples/1.json": sample(says("assistant", "a" * 500))})
    path = tmp_path / "log.eval"
    for seed in range(300):
        chance = random.Random(seed)
        data = bytearray(buffer.getvalue())
        for _ in range(chance.randrange(1, 6)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(bytes(data[: chance.randrange(1, len(data))]) if seed % 3 == 0 else bytes(data))
        assert list(iterate_results(find_inputs(path)))


@pytest.mark.parametrize("value", [None, 1, "x", [], {}, [[]], {"a": 1}])
def test_wrong_types(value):
    assert not inspect_ai.detect(value)
    with pytest.raises(ValueError, match=r"'messages'|wrote nothing"):
        read(value)
    with pytest.raises(ValueError, match=r"'messages'|wrote nothing"):
        read(sample(value))
    one = sample(
        {"role": value, "content": value},
        {"role": "assistant", "content": "a", "tool_calls": [value, {"id": value, "arguments": value}], "model": value},
        {"role": "tool", "tool_call_id": value, "content": value, "error": value},
    )
    assert read({**one, "attachments": value, "scores": value, "score": value, "epoch": value, "id": value})
    with pytest.raises(NoReplyError):
        read(sample({"role": "user", "content": "a"}))


def test_the_real_logs(real_trajectories):
    """Compared with what plain Python takes from the messages."""
    folder = real_trajectories / "wild" / "inspect_ai"
    if not folder.exists():
        pytest.skip(f"{folder} is not there")
    with zipfile.ZipFile(folder / "mmlu.eval") as archive:
        member = json.loads(archive.read("samples/1_epoch_1.json"))
    samples = [*json.loads((folder / "browser.json").read_text())["samples"], member]
    loaded = load_trajectories(folder).trajectories
    assert [run.resolved for run in loaded] == [{"C": True, "I": False}[_value(one)] for one in samples]
    for run, one in zip(loaded, samples, strict=True):
        replies = [message for message in one["messages"] if message["role"] == "assistant"]
        calls = [call for message in replies for call in message.get("tool_calls") or []]
        own = [segment for segment in run.segments if segment.generated]
        assert [s.text for s in own if s.kind == "thought"] == [m["content"] for m in replies if m["content"]]
        actions = [segment for segment in own if segment.kind == "action"]
        assert [(s.calls[0].tool, json.loads(s.text)) for s in actions] == [
            (call["function"], call["arguments"]) for call in calls
        ]
        assert all(segment.calls[0].executed for segment in actions)
        results = [message["content"] for message in one["messages"] if message["role"] == "tool"]
        assert [segment.text for segment in run.segments if segment.kind == "observation"] == results


def _value(one):
    [score] = one["scores"].values()
    return score["value"]
