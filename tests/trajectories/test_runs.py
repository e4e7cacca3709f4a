"""Each record is detected once on its way, each file is opened once."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.trajectories import paths
from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.readers import READERS


@pytest.fixture
def detected(monkeypatch):
    """How often each reader looked at each value."""
    calls: Counter[Any] = Counter()

    def counting(name, detect):
        def counted(data):
            calls[name, json.dumps(data)] += 1
            return detect(data)

        return counted

    for reader in READERS:
        monkeypatch.setattr(reader, "detect", counting(reader.FORMAT, reader.detect))
    return calls


def episode(number, *texts):
    turns = [{"from": "gpt" if i % 2 else "human", "value": text} for i, text in enumerate(texts)]
    return {"episode": f"episode-{number}", "trial_name": "t", "conversations": turns}


def chat(name):
    return {"id": name, "messages": [{"role": "user", "content": "go"}, {"role": "assistant", "content": name}]}


SESSION = [
    {"type": role, "uuid": str(i), "sessionId": "s", "message": {"role": role, "content": "hello"}}
    for i, role in enumerate(["user", "assistant"])
]


@pytest.mark.parametrize(
    ("name", "text", "n_runs"),
    [
        ("rows.jsonl", "\n".join(json.dumps(chat(str(i))) for i in range(8)), 8),
        ("list.json", json.dumps([chat(str(i)) for i in range(8)]), 8),
        ("chat.json", json.dumps(chat("a")["messages"]), 1),
        ("episodes.json", json.dumps([episode(0, "a", "b"), episode(1, "a", "b", "c", "d"), episode(0, "x", "y")]), 2),
        ("session.jsonl", "\n".join(json.dumps(event) for event in SESSION), 1),
        ("unknown.jsonl", json.dumps(chat("a")) + '\n{"a": 1}', 1),
    ],
)
def test_each_record_is_detected_once(tmp_path, detected, name, text, n_runs):
    (tmp_path / name).write_text(text)
    assert len(load_trajectories(tmp_path).trajectories) == n_runs
    assert set(detected.values()) == {1}


def test_each_record_of_the_real_files_is_detected_once(real_trajectories, detected):
    small = ("mini_swe_agent_1", "swe_agent", "cli_sessions")  # ATIF files of one run look at one another
    load_trajectories([real_trajectories / folder for folder in small])
    assert set(detected.values()) == {1}


def test_each_file_is_opened_once(tmp_path, monkeypatch):
    for number, event in enumerate(SESSION):
        (tmp_path / "events").mkdir(exist_ok=True)
        (tmp_path / "events" / f"event-{number}.json").write_text(json.dumps(event))
        (tmp_path / f"event-{number}.json").write_text(json.dumps(chat(str(number))))
    opened: Counter[Path] = Counter()
    records = paths.records
    monkeypatch.setattr(paths, "records", lambda path, pipe: opened.update([path]) or records(path, pipe=pipe))
    assert len(load_trajectories(tmp_path).trajectories) == 3
    assert opened == dict.fromkeys((path for path in Path(tmp_path).rglob("*.json")), 1)


@pytest.mark.parametrize("depth", [600, 900])  # Python 3.12 reads 490 levels
def test_a_value_that_is_nested_too_deeply_is_named_plainly(depth, tmp_path):
    content = [{"type": "tool_result", "tool_use_id": "t", "content": "DEEP"}]
    use = [{"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": "ls"}}]
    messages = [("user", "go"), ("assistant", use), ("user", content)]
    lines = [json.dumps({"type": r, "sessionId": "s", "message": {"role": r, "content": c}}) for r, c in messages]
    path = tmp_path / "session.jsonl"
    path.write_text("\n".join(lines).replace('"DEEP"', "[" * depth + "]" * depth))
    with pytest.raises(InputError, match=r"session.jsonl: a value is nested too deeply$"):
        load_trajectories(path)


FOREIGN = {
    "codex": {"type": "foo", "payload": {"a": 1}, "timestamp": "t"},
    "a list": [{"type": "foo", "payload": {"a": 1}, "timestamp": "t"}],
}


@pytest.mark.parametrize("line", FOREIGN.values(), ids=FOREIGN)
def test_lines_with_the_keys_of_a_session_but_unknown_types_are_foreign(line, tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join([json.dumps(line)] * 149))
    with pytest.raises(InputError, match=r"149 lines, none of a known format; (keys seen: type, payload|the first is)"):
        load_trajectories(path)


def test_readers_that_know_no_line_of_a_sample_do_not_look_at_all_lines(monkeypatch, tmp_path):
    looked: Counter[str] = Counter()

    def counting(name, known):
        return lambda data: looked.update([name]) or known(data)

    for reader in READERS:
        if hasattr(reader, "is_event"):
            monkeypatch.setattr(reader, "is_event", counting(reader.FORMAT, reader.is_event))
    n = 5000
    path = tmp_path / "log.jsonl"
    path.write_text("\n".join([json.dumps({"type": "event_msg", "payload": {"a": 1}})] * n))
    with pytest.raises(InputError, match="5000 records like those of a Codex CLI rollout, but no run in them"):
        load_trajectories(path)
    assert sum(count >= 2 * n for count in looked.values()) <= 2  # each one looks once to detect its format
