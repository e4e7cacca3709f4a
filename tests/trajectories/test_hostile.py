"""For any content of a file, the loader returns trajectories or names place and reason, in bounded time and memory."""

import json
import os
import random
import shutil
import time
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.attack.mutations import broken_bytes
from lm_eval_hesnr.trajectories.decoding import Bad
from lm_eval_hesnr.trajectories.load import iterate_results, iterate_trajectories
from lm_eval_hesnr.trajectories.paths import find_inputs
from lm_eval_hesnr.trajectories.readers import curated
from lm_eval_hesnr.trajectories.records import has_known_ending
from lm_eval_hesnr.trajectories.schema import Trajectory
from tests.builders import assert_linear, read_record

SECONDS_PER_MB = 2
GROWTH = 20
"""How many times its own size a file may take while it is read."""
BASE = 120_000
"""Bytes that reading always takes: a piece of the file, and caches about its folder."""
TWICE = "\ue000twice "
"""Prefix of a key that becomes a second copy of the key when the text is written."""
VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    10**30,
    1e308,
    "",
    "x",
    "\x00\ud800",
    "```bash\nls\n```",
    [],
    {},
    [[]],
    [None],
    {"a": {}},
]


JSON = (".json", ".jsonl", ".traj")
"""Endings of files whose values can be broken one by one."""
WILD = "wild"
"""The folder of files from more agents. All of them are broken, also those that no reader knows."""


@pytest.fixture(scope="module")
def samples(real_trajectories):
    """Real runs of every folder, and all files of `WILD`, that are small enough to be read hundreds of times."""
    runs = {path for path, result in iterate_trajectories(real_trajectories) if isinstance(result, Trajectory)}
    runs |= {path for path in (real_trajectories / WILD).rglob("*") if path.is_file()}
    return sorted(path for path in runs if 0 < path.stat().st_size < 120_000)


@pytest.fixture(scope="module")
def json_samples(samples):
    return [path for path in samples if path.suffix in JSON]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("hostile")


def loaded(path, traced=False):
    """The results for one file or folder. Checks time and form of the results, and memory if `traced`."""
    size = sum(file.lstat().st_size for file in path.rglob("*")) if path.is_dir() else path.stat().st_size
    if traced:
        tracemalloc.start()
    begin = time.process_time()
    results = [result for _, result in iterate_trajectories(path)]
    assert time.process_time() - begin < 1 + SECONDS_PER_MB * size / 1e6
    if traced:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < GROWTH * size + BASE
    for result in results:
        if isinstance(result, Trajectory):
            assert curated.read(json.loads(json.dumps(result.to_json())), path) == result
        else:
            assert result.reason.startswith(str(path))
            assert result.reason.isprintable()
            assert len(result.reason) > len(f"{path}: ")
    return results


def broken_value(value, chance):
    """The value with one part dropped, doubled, nested, retyped or exchanged, or with a key that occurs twice."""
    value = json.loads(json.dumps(value))  # no part stands in two places
    holder, key = {"": value}, ""
    while isinstance(holder[key], (dict, list)) and holder[key] and chance.random() < (0.9 if key else 0.99):
        holder = holder[key]
        key = chance.choice(list(holder)) if isinstance(holder, dict) else chance.randrange(len(holder))
    kind = chance.choice(["drop", "double", "nest", "retype", "exchange", "twice"])
    if kind == "twice" and isinstance(holder, dict) and key != "":
        other = {TWICE + key: chance.choice([holder[key], *VALUES])}
        parts = chance.choice([{**holder, **other}, {**other, **holder}])
        holder.clear()
        holder.update(parts)
    elif kind == "drop" and key != "":
        del holder[key]
    elif kind == "double" and isinstance(holder, list):
        holder.insert(key, holder[key])
    elif kind == "nest":
        holder[key] = chance.choice([[holder[key]], {"x": holder[key]}, {str(key): holder[key]}])
    elif kind == "exchange" and isinstance(holder, dict):
        other = chance.choice(list(holder))
        holder[key], holder[other] = holder[other], holder[key]
    else:
        holder[key] = chance.choice(VALUES)
    return value if key != "" else holder[key]


def as_text(value):
    """The value as JSON, with some keys twice."""
    return json.dumps(value).replace(json.dumps(TWICE)[:-1], '"')


def with_broken_value(sample, chance):
    """The text of a file with one of its values broken; the same text if no value of the file is good."""
    text = sample.read_text()
    lines = text.splitlines() if sample.suffix == ".jsonl" else [text]
    at = chance.randrange(len(lines))
    try:
        value, _ = json.JSONDecoder().raw_decode(lines[at])  # two objects may share a line
    except ValueError:
        return text
    for _ in range(chance.randrange(1, 4)):
        value = broken_value(value, chance)
    lines[at] = as_text(value)
    return "\n".join(lines)


def make_special(path, chance):
    """Replace a file by something that is not a regular file."""
    path.unlink()
    kind = chance.choice(["pipe", "folder", "/dev/zero", "..", path.name])
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(kind)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_broken_bytes(samples, folder, seed):
    chance = random.Random(seed)
    sample = chance.choice(samples)
    path = folder / sample.name
    path.write_bytes(broken_bytes(sample.read_bytes(), chance))
    loaded(path, traced=chance.random() < 0.1)
    path.unlink()  # readers look at the files next to theirs


@settings(max_examples=1500, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_broken_values(json_samples, folder, seed):
    chance = random.Random(seed)
    sample = chance.choice(json_samples)
    path = folder / sample.name
    path.write_text(with_broken_value(sample, chance))
    loaded(path, traced=chance.random() < 0.1)
    path.unlink()


@settings(max_examples=300, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32))
def test_broken_files_of_a_folder(real_trajectories, folder, seed):
    """Sessions that are spread over files, next to notes and sub-agents. Some are no files any more."""
    chance = random.Random(seed)
    folders = [path for path in sorted((real_trajectories / WILD).rglob("*")) if path.is_dir()]
    session = chance.choice([path for path in folders if len(list(path.rglob("*"))) < 50])
    copy = folder / "session"
    shutil.copytree(session, copy, copy_function=shutil.copyfile)
    for path in sorted(copy.rglob("*")):
        if path.suffix in JSON and path.stat().st_size < 120_000 and chance.random() < 0.3:
            path.write_text(with_broken_value(path, chance))
        elif path.is_file() and chance.random() < 0.05:
            make_special(path, chance)
    if any(has_known_ending(path) and path.is_file() for path in copy.rglob("*")):
        loaded(copy)
    shutil.rmtree(copy)


def test_broken_files_of_a_storage_folder(real_trajectories, tmp_path):
    """A session's run has many small files; each of them may be broken or absent."""
    for seed in range(60):
        chance = random.Random(seed)
        source = real_trajectories / "wild" / "agent_sessions_fixtures" / "opencode"
        copied = tmp_path / str(seed)
        for path in sorted(source.rglob("*.json")):
            target = copied / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
        files = sorted(copied.rglob("*.json"))
        for path in chance.sample(files, 3):
            kind = chance.choice(["bytes", "value", "absent"])
            if kind == "bytes":
                path.write_bytes(broken_bytes(path.read_bytes(), chance))
            elif kind == "value":
                path.write_text(as_text(broken_value(json.loads(path.read_bytes()), chance)))
            else:
                path.unlink()
        results = list(iterate_results(find_inputs(copied)))
        assert {path for path, _ in results} == {path for path in files if path.exists()}
        assert all("does not follow" not in result.reason for _, result in results if isinstance(result, Bad))


def test_memory_stays_within_a_multiple_of_the_file(samples):
    by_folder = {path.parent: path for path in sorted(samples, key=lambda path: path.stat().st_size)}
    for path in by_folder.values():
        loaded(path)  # what is imported or compiled once is no part of it
        loaded(path, traced=True)


def test_a_doubled_key_is_written_twice():
    """The copy can be before or after the key."""
    found = [as_text(broken_value({"a": "first"}, random.Random(seed))) for seed in range(300)]
    assert any(text.startswith('{"a": "first", "a": ') for text in found)
    assert any(text.startswith('{"a": ') and text.endswith(', "a": "first"}') for text in found)


MARKS = [
    "```bash x",
    "```bash\n",
    "<function=",
    "<function=a>",
    "<function=a><parameter=b>",
    "<tool_call>",
    "<execute>",
]
MARKS += [
    "<tool_call>{",
    "<command>",
    "Act: bash\n```bash\n",
    "<keystrokes>",
    '{"commands":[{"keystrokes":"a"},',
    "<think>",
]


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("key", ["messages", "conversations"])
def test_marks_that_never_close_cost_linear_time(tmp_path, mark, key):
    def work(n):
        text = mark * (n // len(mark)) + "\n>"
        chat = [{"role": "user", "content": text}, {"role": "assistant", "content": text}] * 2
        trajectory = read_record({key: chat}, tmp_path / "x.json")
        assert "".join(segment.text for segment in trajectory.segments) == text * 4

    assert_linear(work, 64_000)


@pytest.mark.parametrize("role", ["user", "assistant", "tool", "system"])
def test_many_messages_cost_linear_time(tmp_path, role):
    def work(n):
        chat = [{"role": "assistant", "content": "```bash\nls\n```"}, *[{"role": role, "content": "a"}] * n]
        assert len(read_record({"messages": chat}, tmp_path / "x.json").segments) == n + 1

    assert_linear(work, 8000)


@pytest.mark.parametrize("depth", [100, 900, 5000, 100_000])
@pytest.mark.parametrize("key", ["messages", "conversations", "history", "trajectory", "steps", "segments"])
def test_deep_nesting_is_read_or_named(tmp_path, depth, key):
    deep = "[" * depth + "]" * depth
    turns = f'[{{"role": "user", "content": {deep}}}, {{"role": "assistant", "content": "a"}}]'
    rows = [f'{{"{key}": {deep}}}', f'{{"{key}": {turns}, "episode": 1, "format": {deep}}}', deep]
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join([*rows, *rows]))
    assert 1 <= len(loaded(path)) <= 6  # reasons that are the same share a line
