import json

import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.sweep.checkpoint import Checkpoint
from lm_eval_hesnr.results.sweep.out_folder import OutFolder
from lm_eval_hesnr.results.sweep.settings import Settings
from lm_eval_hesnr.results.sweep.state import State, read_state


def began(path, settings=Settings()):  # noqa: B008 (never changed)
    out = OutFolder(path)
    out.refuse_other(settings)
    out.begin(settings)
    return out


def test_nothing_is_written_before_the_sweep_begins(tmp_path):
    OutFolder(tmp_path / "OUT").refuse_other(Settings())
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_someone_else_is_refused(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(InputError, match=r"has no sweep.json, but other files \(thesis.tex\)"):
        OutFolder(tmp_path)


@pytest.mark.parametrize("content", ["", "[]", "{", '{"format": "hesnr-sweep", "version": 2}', '{"format": "other"}'])
def test_a_sweep_json_of_someone_else_is_refused_and_unchanged(tmp_path, content):
    (tmp_path / "sweep.json").write_text(content)
    with pytest.raises(InputError, match=r"sweep.json: is not a file of this version of hesnr sweep"):
        OutFolder(tmp_path)
    assert (tmp_path / "sweep.json").read_text() == content


@pytest.mark.parametrize("name", ["sweep.json", "lock", "a/state.json", "a/lock", "a"])
def test_links_in_place_of_our_files_are_refused_and_unchanged(tmp_path, name):
    foreign = tmp_path / "foreign"
    foreign.write_text("mine")
    out = began(tmp_path / "OUT")
    (out.path / "a").mkdir()
    place = out.path / name
    if name == "a":
        place.rmdir()
    else:
        place.unlink(missing_ok=True)
    place.symlink_to(foreign if name != "a" else tmp_path)
    with pytest.raises(InputError, match="link"):
        use_every_file(out.path)
    assert foreign.read_text() == "mine"


def use_every_file(path):
    out = began(path)
    lock = out.lock_checkpoint("a")
    assert lock
    with lock:
        State(name="a", pretrained="p").write(out.folder("a"))


def test_a_lock_of_someone_else_is_refused_and_unchanged(tmp_path):
    out = began(tmp_path / "OUT")
    (out.path / "a").mkdir()
    (out.path / "a" / "lock").write_text("my notes")
    with pytest.raises(InputError, match="is not a lock of hesnr sweep"):
        out.lock_checkpoint("a")
    assert (out.path / "a" / "lock").read_text() == "my notes"


def test_other_settings_in_the_same_folder_are_refused_by_name(tmp_path):
    began(tmp_path / "OUT", Settings(metadata={"k": 10}))
    began(tmp_path / "OUT", Settings(metadata={"k": 10}))
    with pytest.raises(InputError, match=r'other settings: metadata \(there {"k": 10}, now {"k": 20}\)'):
        began(tmp_path / "OUT", Settings(metadata={"k": 20}))
    with pytest.raises(InputError, match=r"other settings: model_args .*, tasks"):
        began(tmp_path / "OUT", Settings(metadata={"k": 10}, tasks=("a", "b"), model_args={"dtype": "float32"}))


def test_a_checkpoint_is_locked_by_one_process_at_a_time(tmp_path):
    out = began(tmp_path / "OUT")
    lock = out.lock_checkpoint("a")
    assert lock is not None
    assert OutFolder(out.path).lock_checkpoint("a") is None
    assert OutFolder(out.path).lock_checkpoint("b") is not None
    lock.close()
    assert OutFolder(out.path).lock_checkpoint("a") is not None


def test_a_state_is_read_as_it_was_written(tmp_path):
    out = began(tmp_path / "OUT")
    state = State(name="a", pretrained="p", step=3, status="done", seconds=1.5, gpus=["0"], results="results/x.json")
    (out.path / "a").mkdir()
    (out.path / "notes").mkdir()
    state.write(out.folder("a"))
    assert out.states() == {"a": state}
    assert [path.name for path in out.folder("a").iterdir()] == ["state.json"]


@pytest.mark.parametrize(
    "change",
    [
        {"status": "nearly"}, {"name": "b"}, {"attempts": "3"}, {"pretrained": None}, {"gpus": "0"}, {"seconds": "1"},
        {"results": 7}, {"version": 2}, {"model_args": []},
    ],
)  # fmt: skip
def test_a_state_with_a_wrong_value_is_refused_by_name(tmp_path, change):
    State(name=tmp_path.name, pretrained="p").write(tmp_path)
    content = json.loads((tmp_path / "state.json").read_text())
    (tmp_path / "state.json").write_text(json.dumps(content | change))
    with pytest.raises(InputError, match=r"state.json: is not"):
        read_state(tmp_path)


def test_changed_trajectories_are_refused_by_name_if_they_are_known(tmp_path):
    settings = Settings(metadata={"trajectories": "t.jsonl"})
    for known in ({}, {"swe_hesnr": "a"}, {}, {"swe_hesnr": "a", "other": "c"}):
        out = OutFolder(tmp_path / "OUT")
        out.trajectories = known
        out.begin(settings)
        out.set_checkpoints([*known])
    out.trajectories = {"swe_hesnr": "b", "other": "c"}
    with pytest.raises(InputError, match=r"the content of t\.jsonl \(swe_hesnr\) has changed since an earlier call"):
        out.refuse_other(settings)
    content = json.loads((tmp_path / "OUT" / "sweep.json").read_text())
    assert content["trajectories"] == {"swe_hesnr": "a", "other": "c"}
    assert content["checkpoints"] == ["swe_hesnr", "other"]


def test_the_same_trajectories_from_another_working_folder_are_the_same_settings(tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    monkeypatch.chdir(tmp_path)
    there = Settings(metadata={"trajectories": ["t/*.jsonl", "u"]})
    began(tmp_path / "OUT", there)
    monkeypatch.chdir(tmp_path / "sub")
    began(tmp_path / "OUT", Settings(metadata={"trajectories": ["../t/*.jsonl", str(tmp_path / "u")]}))
    with pytest.raises(InputError, match="other settings: metadata"):
        began(tmp_path / "OUT", there)
    one = Settings(metadata={"trajectories": "t"})
    assert one.as_json() == Settings(metadata={"trajectories": [str(tmp_path / "sub" / "t")]}).as_json()


def test_the_digest_of_the_settings_depends_on_the_checkpoints_own_arguments():
    one = Checkpoint("a", "p")
    other = Checkpoint("a", "p", model_args={"dtype": "float32"})
    assert Settings().digest(one) == Settings().digest(Checkpoint("b", "q"))
    assert Settings().digest(one) != Settings().digest(other)
    assert Settings().digest(one) != Settings(metadata={"k": 20}).digest(one)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("sweep.json", {"checkpoints": None, "x": "\ud800"}),
        ("sweep.json", {"trajectories": {"\udfff": "\ud800"}, "checkpoints": 7}),
        ("a/state.json", {"token_table": "\ud800"}),
    ],
)
def test_own_files_with_missing_keys_or_half_surrogates_are_written_again(tmp_path, name, change):
    out = began(tmp_path / "OUT")
    (out.path / "a").mkdir()
    State(name="a", pretrained="p", status="done").write(out.path / "a")
    content = {**json.loads((out.path / name).read_text()), **change}
    (out.path / name).write_text(json.dumps({key: value for key, value in content.items() if value is not None}))
    out = began(out.path)
    out.set_checkpoints(["é"])
    out.states()["a"].write(out.path / "a")
    assert json.loads((out.path / "sweep.json").read_text(encoding="ascii"))["checkpoints"] == ["é"]


def test_other_settings_are_shown_shortened(tmp_path):
    out = began(tmp_path / "OUT")
    content = json.loads((out.path / "sweep.json").read_text())
    content["settings"] |= {f"key {i}" + "x" * 9000: "y" * 9000 for i in range(50)}
    (out.path / "sweep.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="was made with other settings") as error:
        began(out.path)
    assert len(str(error.value)) < 25_000
