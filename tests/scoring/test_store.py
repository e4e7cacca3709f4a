import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.scoring import store as store_module
from lm_eval_hesnr.scoring.fingerprints import fingerprint_of_files
from lm_eval_hesnr.scoring.statistics import Extras
from lm_eval_hesnr.scoring.store import ScoreStore, resumable
from lm_eval_hesnr.scoring.store_entry import read_entry
from lm_eval_hesnr.scoring.token_scores import TokenScores
from lm_eval_hesnr.scoring.windows import plan_windows
from tests import builders
from tests.builders import token_scores

SIGNATURE = {
    "model": "a/model", "revision": "main", "peft": None, "tokenizer": "a/model", "dtype": "bfloat16",
    "attention": "sdpa", "window": 4096, "stride": 2048, "rope_type": None, "torch": "2.13", "lm_eval_hesnr": "0.1",
}  # fmt: skip


def opened(folder, weights="w", tokenizer_content="t", **changes):
    return ScoreStore(folder, SIGNATURE | changes, weights=weights, tokenizer=tokenizer_content)


def assert_equal(got, expected, leave_out=("signature", "short_context")):
    for key in TokenScores.__dataclass_fields__.keys() - set(leave_out):
        np.testing.assert_array_equal(getattr(got, key), getattr(expected, key), err_msg=key)
        assert np.asarray(getattr(got, key)).dtype == np.asarray(getattr(expected, key)).dtype, key


def entry_of(folder):
    (path,) = folder.glob("*/*.parquet")
    return path


def positions_of(scores):
    return np.flatnonzero(scores.scored)


def test_what_is_read_is_bit_for_bit_what_was_written(tmp_path):
    scores = token_scores()
    opened(tmp_path).write("a run", scores)
    store = opened(tmp_path)
    assert_equal(store.read(scores.token_ids, positions_of(scores), k=10), scores)
    assert store.n_read == 1
    assert [path.name for path in entry_of(tmp_path).parent.iterdir() if path.suffix == ".partial"] == []


def test_fewer_positions_are_read_and_more_are_not(tmp_path):
    scores = token_scores()
    store = opened(tmp_path)
    store.write("a run", scores)
    few = np.array([9, 50, 51])
    stored = store.read(scores.token_ids, few, k=10)
    assert positions_of(stored).tolist() == few.tolist()
    assert np.isnan(np.delete(stored.logprob, few)).all()
    assert (np.delete(stored.rank, few) == 0).all()
    assert stored.logprob[few].tolist() == scores.logprob[few].tolist()
    assert store.read(scores.token_ids, np.arange(6, 400), k=10) is None


def test_new_labels_reach_the_entry_and_its_numbers_stay(tmp_path):
    scores = token_scores()
    store = opened(tmp_path)
    store.write("a run", scores)
    few = store.read(scores.token_ids, np.array([9, 50]), k=10)
    store.write("another name", replace(few, labels=np.zeros_like(few.labels)))
    file = entry_of(tmp_path).stat().st_ino
    store.write("another name", replace(few, labels=np.zeros_like(few.labels)))
    assert entry_of(tmp_path).stat().st_ino == file  # nothing is new, so the file is not written again
    name, entry = read_entry(entry_of(tmp_path))
    assert name == "another name"
    assert_equal(entry, replace(scores, labels=np.zeros_like(scores.labels)))


@pytest.mark.parametrize(
    "change",
    [{"dtype": "float32"}, {"attention": "eager"}, {"window": 8192}, {"stride": 1024}, {"rope_type": "yarn"},
     {"torch": "2.14"}, {"weights": "w2"}, {"tokenizer_content": "t2"}, {"some_new_setting": 1}],
)  # fmt: skip
def test_every_setting_that_may_change_numbers_is_part_of_the_address(tmp_path, change):
    scores = token_scores()
    opened(tmp_path).write("a run", scores)
    assert opened(tmp_path, **change).read(scores.token_ids, positions_of(scores), k=10) is None


def test_an_entry_of_an_older_version_keeps_its_numbers_and_lacks_the_new_one(tmp_path):
    old = replace(token_scores(), collision=np.full_like(token_scores().collision, np.nan))
    opened(tmp_path).write("a run", old)
    (path,) = tmp_path.glob("*/*.parquet")
    positions = np.flatnonzero(old.scored)
    for name in ("a run", "new name"):  # the second write changes the entry
        read = opened(tmp_path).read(old.token_ids, positions, old.k)
        assert read is not None
        assert np.isnan(read.collision).all()
        np.testing.assert_array_equal(read.entropy, old.entropy)
        opened(tmp_path).write(name, read)
    assert "collision" not in pq.read_schema(path).names


def test_k_and_tokens_are_part_of_the_address(tmp_path):
    scores = token_scores()
    store = opened(tmp_path)
    store.write("a run", scores)
    assert store.read(scores.token_ids, positions_of(scores), k=11) is None
    assert store.read(scores.token_ids + 1, positions_of(scores), k=10) is None
    assert store.read(scores.token_ids[:-1], positions_of(scores)[:-1], k=10) is None


def test_entries_that_users_have_stored_are_still_found(tmp_path):
    """These addresses may only change together with `VERSION`."""
    scores = replace(token_scores(n_tokens=3), token_ids=np.array([3, 1, 2], np.int32))
    opened(tmp_path).write("a run", scores)
    assert entry_of(tmp_path) == tmp_path / "4944a1e60bccaef6" / "4c9b1974ab1f7a46465c7ee994d20cc9.parquet"
    opened(tmp_path, weights=None, tokenizer_content=None).write("a run", scores)
    assert (tmp_path / "175ca02976a16f5d" / "4c9b1974ab1f7a46465c7ee994d20cc9.parquet").exists()


def test_names_count_only_where_content_cannot_be_read(tmp_path):
    scores = token_scores()
    opened(tmp_path).write("a run", scores)
    moved = {"model": "/elsewhere", "revision": "abc", "tokenizer": "/elsewhere", "lm_eval_hesnr": "9"}
    assert opened(tmp_path, **moved).read(scores.token_ids, positions_of(scores), k=10) is not None
    opened(tmp_path, weights=None, tokenizer_content=None).write("a run", scores)
    for key in ("model", "revision", "tokenizer"):
        other = opened(tmp_path, weights=None, tokenizer_content=None, **{key: "another"})
        assert other.read(scores.token_ids, positions_of(scores), k=10) is None


def test_the_log_names_the_settings_that_differ_from_the_most_similar_entries(tmp_path, harness_logs):
    scores = token_scores()
    opened(tmp_path).write("a run", scores)
    opened(tmp_path, dtype="float32", window=1, stride=1).write("a run", scores)
    opened(tmp_path, dtype="float16").read(scores.token_ids, positions_of(scores), k=10)
    assert harness_logs.messages[-1].endswith("the most similar entries differ in dtype")


def test_settings_of_someone_else_that_are_very_large_are_not_decoded(tmp_path, harness_logs, monkeypatch):
    """Also a cache of fingerprints."""
    (tmp_path / "x").mkdir()
    for name in ("x/settings.json", "fingerprints.json"):
        (tmp_path / name).write_bytes(b"[" + b"{}," * 6_000_000 + b"{}]")
    decoded, loads = [0], json.loads

    def counted(text):
        decoded.append(len(text))
        return loads(text)

    monkeypatch.setattr(json, "loads", counted)
    opened(tmp_path).read(np.arange(5), np.array([1]), 10)
    assert max(decoded) < 10_000
    assert not [message for message in harness_logs.messages if "most similar" in message]
    (tmp_path / "model.safetensors").write_bytes(b"x")
    fingerprint_of_files(tmp_path, tmp_path)
    assert max(decoded) < 10_000
    assert "fingerprints.json is not a file of a score store" in harness_logs.messages[-1]


def test_every_flipped_byte_is_noticed_logged_once_and_repaired(tmp_path, harness_logs):
    scores = token_scores(n_tokens=60)
    store = opened(tmp_path)
    store.write("a run", scores)
    path = entry_of(tmp_path)
    good = path.read_bytes()
    for at in range(0, len(good), 7):
        path.write_bytes(good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :])
        assert store.read(scores.token_ids, positions_of(scores), k=10) is None, at
    assert len(harness_logs.messages) == len(range(0, len(good), 7))
    assert all(str(path) in line and "damaged" in line for line in harness_logs.messages)
    store.write("a run", scores)
    assert path.read_bytes() == good


@pytest.mark.parametrize("size", [0, 1, 100, -1])
def test_a_truncated_entry_is_noticed(tmp_path, harness_logs, size):
    scores = token_scores()
    store = opened(tmp_path)
    store.write("a run", scores)
    path = entry_of(tmp_path)
    path.write_bytes(path.read_bytes()[:size])
    assert store.read(scores.token_ids, positions_of(scores), k=10) is None
    assert "its checksum is wrong" in harness_logs.text


def test_a_copy_of_another_entry_is_noticed(tmp_path, harness_logs):
    scores = token_scores()
    opened(tmp_path).write("a run", scores)
    data = entry_of(tmp_path).read_bytes()
    other = opened(tmp_path, dtype="float32")
    other.write("a run", scores)
    for path in tmp_path.glob("*/*.parquet"):
        path.write_bytes(data)
    assert other.read(scores.token_ids, positions_of(scores), k=10) is None
    assert "it is a copy of another entry" in harness_logs.text


def test_a_full_disk_stops_the_storing_but_not_the_run(tmp_path, harness_logs, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module, "replace_file", full)
    store = opened(tmp_path)
    for seed in range(3):
        store.write("a run", token_scores(seed=seed))
    assert len(harness_logs.messages) == 1
    assert "No space left" in harness_logs.text


@pytest.mark.parametrize(("folder", "line"), [(None, "score_store=DIR"), ("kept", "from the scores in kept")])
def test_an_interrupt_still_ends_the_run_and_the_log_says_how_to_continue(harness_logs, folder, line):
    with pytest.raises(KeyboardInterrupt) as caught, resumable(folder):
        raise KeyboardInterrupt
    assert isinstance(caught.value, SystemExit)
    assert caught.value.code == 130
    assert len(harness_logs.messages) == 1
    assert line in harness_logs.messages[0]


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="score_store: cannot make the folder"):
        opened(tmp_path / "file" / "store")


def test_unfinished_files_of_killed_runs_are_removed_after_an_hour(tmp_path):
    settings, entry = "0a" * 8, "1b" * 16
    (tmp_path / settings / "b").mkdir(parents=True)
    (tmp_path / "a").mkdir()
    one, other = f"{'0' * 31}1.partial", f"{'0' * 31}2.partial"
    ours = ["fingerprints.json", f"{settings}/settings.json", f"{settings}/{entry}.parquet"]
    of_others = [
        "download.iso.partial", f"notes.{one}", f"{settings}/{entry}.parquet.1.partial", f"{settings}/settings.json",
        f"{settings}/b/{entry}.parquet.{one}", f"{settings}/x.parquet.{one}", f"a/{entry}.parquet.{one}",
    ]  # fmt: skip
    for name in [f"{name}.{which}" for name in ours for which in (one, other)] + of_others:
        (tmp_path / name).touch()
    for path in [path for path in tmp_path.glob("**/*") if path.is_file() and not path.name.endswith(other)]:
        os.utime(path, (time.time() - 7200,) * 2)
    opened(tmp_path)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.glob("**/*") if path.is_file()}
    assert left == {f"{name}.{other}" for name in ours} | set(of_others)


def test_a_link_in_place_of_an_entry_is_read_but_not_written(tmp_path, harness_logs):
    first, second = token_scores(seed=1), token_scores(seed=2)
    store = opened(tmp_path / "store")
    store.write("a run", first)
    path, target = entry_of(tmp_path / "store"), tmp_path / "shared.parquet"
    content = path.rename(target).read_bytes()
    path.symlink_to(target)
    store = opened(tmp_path / "store")
    assert_equal(store.read(first.token_ids, positions_of(first), k=10), first)
    for label in (0, 1):
        store.write("a run", replace(first, labels=np.full_like(first.labels, label)))
    store.write("another run", second)
    assert store.read(second.token_ids, positions_of(second), k=10) is not None
    assert target.read_bytes() == content
    assert harness_logs.messages == [
        f"score store: {path}: it is a symbolic link, expected a regular file; the run continues without this entry"
    ]


def test_a_named_pipe_in_place_of_an_entry_is_not_waited_for(tmp_path, harness_logs):
    scores, store = token_scores(), opened(tmp_path)
    store.write("a run", scores)
    entry_of(tmp_path).unlink()
    path = store._path(scores.token_ids, 10)
    os.mkfifo(path)
    assert opened(tmp_path).read(scores.token_ids, positions_of(scores), k=10) is None
    store.write("a run", scores)
    assert path.is_fifo()
    assert len(harness_logs.messages) == 2
    assert all(str(path) in line for line in harness_logs.messages)


def of_another_program(path):
    pq.write_table(pa.table({"a": [1, 2]}), path)


FOREIGN = {
    "a text": lambda path: path.write_text("my notes"),
    "one byte": lambda path: path.write_bytes(b"P"),
    "a table of another program": of_another_program,
    "a long file": lambda path: os.truncate(path, 2**31) if path.write_bytes(b"x") else None,
}


@pytest.mark.parametrize("case", FOREIGN)
def test_a_file_of_another_program_is_named_and_stays(tmp_path, harness_logs, case):
    first, second, store = token_scores(seed=1), token_scores(seed=2), opened(tmp_path)
    path = store._path(first.token_ids, 10)
    path.parent.mkdir()
    FOREIGN[case](path)
    before = builders.unread(path)
    for label in (0, 1):
        store.write("a run", replace(first, labels=np.full_like(first.labels, label)))
    store.write("another run", second)
    assert builders.unread(path) == before
    assert store.failure is None
    assert store.read(second.token_ids, positions_of(second), k=10) is not None
    assert harness_logs.messages == [
        f"score store: {path}: it is another program's file, expected an entry of the store; "
        "the run continues without this entry"
    ]


def damaged(content, at):
    return content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :]


DAMAGED = {
    "nothing": lambda content: b"",
    "its beginning": lambda content: content[:100],
    "another first byte": lambda content: damaged(content, 0),
    "another key in its metadata": lambda content: damaged(content, content.rindex(b"hesnr", 0, content.rindex(b"{"))),
    "other bytes at its end": lambda content: content[:-8] + bytes(8),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_entry_is_replaced(tmp_path, case):
    scores, store = token_scores(), opened(tmp_path)
    store.write("a run", scores)
    path = entry_of(tmp_path)
    good = path.read_bytes()
    path.write_bytes(DAMAGED[case](good))
    store = opened(tmp_path)
    assert store.read(scores.token_ids, positions_of(scores), k=10) is None
    store.write("a run", scores)
    assert path.read_bytes() == good


def test_a_size_limit_is_one_warning_and_leaves_no_file(tmp_path, harness_logs):
    store = opened(tmp_path)
    with builders.size_limit(100):
        for seed in range(3):
            store.write("a run", token_scores(seed=seed))
    (line,) = harness_logs.messages
    assert line.startswith(
        f"score store: {tmp_path}/4944a1e60bccaef6/settings.json: File too large; the run continues "
    )
    assert [path for path in tmp_path.glob("**/*") if path.is_file()] == []


@pytest.mark.parametrize("content", ["[1]", '{"settings": 3}', "{", "null", "[" * 200_000])
def test_damaged_settings_only_suppress_the_hint(tmp_path, content):
    scores = token_scores()
    opened(tmp_path).write("a run", scores)
    (settings,) = tmp_path.glob("*/settings.json")
    settings.write_text(content)
    assert opened(tmp_path, dtype="float16").read(scores.token_ids, positions_of(scores), k=10) is None


WRITER = """
import sys
sys.path.insert(0, sys.argv[2])
from tests.builders import token_scores
from tests.scoring.test_store import opened
many = [token_scores(n_tokens=3000, seed=seed) for seed in range(3)]
store = opened(sys.argv[1])
print("ready", flush=True)
while True:
    for label in range(2):
        for scores in many:
            scores.labels[:] = label  # something new to say each time
            store.write("a run", scores)
"""


@pytest.mark.end_to_end
def test_two_writers_killed_leave_only_whole_entries(tmp_path, harness_logs):
    command = [sys.executable, "-c", WRITER, str(tmp_path), str(Path(__file__).parents[2])]
    writers: list[Any] = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for writer in writers:
            assert writer.stdout.readline() == b"ready\n"
        store, many = opened(tmp_path), [token_scores(n_tokens=3000, seed=seed) for seed in range(3)]
        deadline = time.monotonic() + 120  # on a busy machine the first entry of a writer comes late
        while store.n_read <= 200 and time.monotonic() < deadline:
            for scores in many:
                store.read(scores.token_ids, positions_of(scores), k=10)
    finally:
        for writer in writers:
            writer.send_signal(signal.SIGKILL)
            writer.wait()
            writer.stdout.close()
    assert store.n_read > 200
    for scores in many:
        stored = store.read(scores.token_ids, positions_of(scores), k=10)
        assert_equal(stored, scores, leave_out=("signature", "short_context", "labels"))
    assert harness_logs.messages == []


def test_the_window_of_a_position_does_not_depend_on_other_wanted_positions():
    random = np.random.default_rng(0)
    for _ in range(50):
        wanted = np.flatnonzero(random.random(700) < random.choice([0.02, 0.3, 1]))[1:]
        some = wanted[random.random(len(wanted)) < 0.3]
        if len(some):
            starts = {int(p): window.start for window in plan_windows(wanted, 100, 40) for p in window.positions}
            for window in plan_windows(some, 100, 40):
                assert {starts[int(p)] for p in window.positions} == {window.start}


NO_OPTION: dict[str, Any] = dict.fromkeys(("log_z", "top_logits", "top_ids", "top_logprobs"))


@pytest.mark.parametrize("extras", [Extras(temperatures=True), Extras(candidates=True)])
def test_an_entry_without_the_optional_columns_is_scored_again_only_if_they_are_asked_for(tmp_path, extras):
    scores = builders.with_extras()
    store, positions = opened(tmp_path), positions_of(scores)
    store.write("a run", replace(scores, **NO_OPTION))
    assert store.read(scores.token_ids, positions, k=10) is not None
    assert store.read(scores.token_ids, positions, 10, extras) is None
    other = replace(scores, logprob=scores.logprob - np.float32(1e-6))
    store.write("a run", other)  # scored again: the numbers stay, and the entry gets what it lacked
    assert_equal(store.read(scores.token_ids, positions, 10, extras), scores)
    store.write("a run", replace(scores, **NO_OPTION))
    assert_equal(opened(tmp_path).read(scores.token_ids, positions, 10, extras), scores)


def test_optional_columns_of_some_positions_stay_when_all_are_scored(tmp_path):
    scores = builders.with_extras()
    store, few = opened(tmp_path), np.array([9, 50, 51])
    store.write("a run", scores.restricted(few))
    store.write("a run", replace(scores, **NO_OPTION))
    extras = Extras(temperatures=True)
    assert_equal(store.read(scores.token_ids, few, 10, extras), scores.restricted(few))
    assert store.read(scores.token_ids, positions_of(scores), 10, extras) is None
    assert store.read(scores.token_ids, positions_of(scores), 10) is not None
