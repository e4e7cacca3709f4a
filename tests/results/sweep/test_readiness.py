import json
import os
import shutil
import zipfile

import pytest

from lm_eval_hesnr.results.sweep.checkpoint import Checkpoint, tokens_seen
from lm_eval_hesnr.results.sweep.readiness import Watcher, identity_of
from lm_eval_hesnr.results.sweep.weight_files import CONVERT, fault_of


@pytest.fixture
def folder(tmp_path, tiny_model):
    return shutil.copytree(tiny_model, tmp_path / "checkpoint-1", copy_function=shutil.copyfile)


class Clock:
    """A clock that the test moves."""

    def __init__(self, start):
        self.now = start

    def __call__(self):
        return self.now


def looks(folder, settle=60.0, age=0.0, **options):
    """A function that looks at the folder, and its clock. The files seem to be `age` seconds old."""
    newest = max(path.stat().st_ctime for path in folder.iterdir())
    clock = Clock(0.0)
    watcher = Watcher(settle=settle, clock=clock, wall_clock=lambda: newest + age, **options)
    return lambda: watcher.look(Checkpoint("a", str(folder))).state, clock


def test_a_folder_with_a_closing_file_is_ready_at_once(folder):
    (folder / "trainer_state.json").write_text("{}")
    look, _ = looks(folder)
    assert look() == "ready"


def test_a_folder_without_a_closing_file_is_ready_when_nothing_changes_for_a_while(folder):
    look, clock = looks(folder)
    assert look() == "settling"
    clock.now += 59
    assert look() == "settling"
    (folder / "generation_config.json").write_text("{}")
    assert look() == "settling"
    clock.now += 30
    assert look() == "settling"
    clock.now += 31
    assert look() == "ready"


def test_a_folder_that_settles_says_how_long_it_waits(folder):
    reason = Watcher(settle=90.0, trusts_times=False).look(Checkpoint("a", str(folder))).reason
    assert reason == "may still be written; it is ready after 90 s without a change"


def test_a_folder_that_was_written_long_ago_is_ready_at_once(folder):
    look, _ = looks(folder, age=61)
    assert look() == "ready"


def test_a_sweep_that_waits_anyway_does_not_trust_the_clock_of_the_disk(folder):
    look, clock = looks(folder, age=10**6, trusts_times=False)
    assert look() == "settling"
    clock.now += 60
    assert look() == "ready"


def test_old_times_that_a_copy_sets_do_not_count(folder):
    for path in folder.iterdir():
        os.utime(path, (1, 1))
    look, _ = looks(folder)
    assert look() == "settling"


@pytest.mark.parametrize("n_bytes", [0, 4, 100, 3_000_000, -1])
def test_cut_weights_are_never_ready_even_with_a_closing_file(folder, n_bytes):
    (folder / "trainer_state.json").write_text("{}")
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:n_bytes])
    look, _ = looks(folder, age=1000)
    assert look() == "incomplete"
    assert "model.safetensors: its length is not the one in its header" in (fault_of(folder) or "")


def test_weights_with_bytes_after_the_end_are_not_ready(folder):
    with (folder / "model.safetensors").open("ab") as file:
        file.write(b"x")
    assert "length" in (fault_of(folder) or "")


def test_shards_are_ready_only_with_their_index_and_all_of_them(folder):
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    (folder / "model.safetensors").rename(folder / names[0])
    assert fault_of(folder) == "model.safetensors.index.json is missing"
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": names[0], "b": names[1]}}))
    assert fault_of(folder) == f"{names[1]} is missing"
    shutil.copy(folder / names[0], folder / names[1])
    assert fault_of(folder) is None
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a"')
    assert fault_of(folder) == "model.safetensors.index.json is incomplete"


def test_pickled_weights_are_whole_zips(folder):
    (folder / "model.safetensors").unlink()
    with zipfile.ZipFile(folder / "pytorch_model.bin", "w") as file:
        file.writestr("data.pkl", "x" * 1000)
    assert fault_of(folder) is None
    content = (folder / "pytorch_model.bin").read_bytes()
    (folder / "pytorch_model.bin").write_bytes(content[: len(content) // 2])
    assert fault_of(folder) == "pytorch_model.bin: its length is not the one in its header"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda folder: (folder / "config.json").unlink(), "has no config.json"),
        (lambda folder: (folder / "config.json").write_text('{"a": '), "config.json is incomplete"),
        (lambda folder: (folder / "model.safetensors").unlink(), "has no weights"),
        (lambda folder: (folder / "tokenizer.json").write_text('{"a": '), "tokenizer.json is cut"),
        (lambda folder: [path.unlink() for path in folder.glob("tokenizer*")], "has no tokenizer"),
        (lambda folder: [(folder / "config.json").unlink(), (folder / "__0_0.distcp").write_text("")], CONVERT),
        (lambda folder: [(folder / "config.json").unlink(), (folder / "mp_rank_00").mkdir()], CONVERT),
    ],
)
def test_what_is_missing_is_named(folder, change, fault):
    assert fault_of(folder) is None
    change(folder)
    assert (fault_of(folder) or "").startswith(fault)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors", "trainer_state.json"])
@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")])
def test_a_pipe_or_a_device_in_a_checkpoint_is_not_read(folder, name, make):
    (folder / name).unlink(missing_ok=True)
    make(folder / name)
    look, _ = looks(folder, age=100.0)
    assert look() == ("ready" if name == "trainer_state.json" else "incomplete")
    assert tokens_seen(Checkpoint("a", str(folder))) is None


def test_a_checkpoint_may_have_its_tokenizer_elsewhere(folder):
    for path in folder.glob("tokenizer*"):
        path.unlink()
    watcher = Watcher(settle=0)
    assert watcher.look(Checkpoint("a", str(folder))).state == "incomplete"
    assert watcher.look(Checkpoint("a", str(folder), model_args={"tokenizer": "b"})).state == "ready"


def test_with_a_ready_file_nothing_else_counts(tmp_path):
    (tmp_path / "trainer_state.json").write_text("{}")
    look, _ = looks(tmp_path, ready_file="DONE")
    assert look() == "incomplete"
    (tmp_path / "DONE").write_text("")
    assert look() == "ready"


@pytest.mark.parametrize("name", [".checkpoint-1", "tmp-checkpoint-1", "checkpoint-1.tmp", "step1-unfinished"])
def test_a_name_that_says_unfinished_is_not_ready(folder, name):
    (folder / "trainer_state.json").write_text("{}")
    look, _ = looks(folder.rename(folder.with_name(name)))
    assert look() == "incomplete"


def test_a_removed_folder_is_gone(folder):
    look, _ = looks(folder)
    shutil.rmtree(folder)
    assert look() == "gone"


def test_the_identity_changes_with_the_weights_and_not_with_the_state_of_the_training(folder):
    before = identity_of(folder)
    (folder / "optimizer.pt").write_bytes(b"x")
    (folder / "trainer_state.json").write_text("{}")
    (folder / "README.md").write_text("x")
    assert identity_of(folder) == before is not None
    os.utime(folder / "model.safetensors", (1, 1))
    assert identity_of(folder) != before
    shutil.rmtree(folder)
    assert identity_of(folder) is None
