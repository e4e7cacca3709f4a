from pathlib import Path

import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.sweep.forms import Entry, checkpoints_of, entry_of, found_in, is_missing
from lm_eval_hesnr.results.sweep.state import State

REFS = {name: f"{i:040x}" for i, name in enumerate(["main", "step1000", "step20", "step3", "v1"])}


def refs(repo):
    assert repo == "org/model"
    return REFS


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """A training run with three checkpoints, one of them half-written, and other folders."""
    for name in ("checkpoint-100", "checkpoint-20", "checkpoint-300.tmp", "tmp-checkpoint-4", "logs", "hf"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    for name in ("checkpoint-100", "checkpoint-300.tmp", "tmp-checkpoint-4", "hf"):
        (tmp_path / "runs" / name / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def names(*given, **options):
    found = [one for text in given for one in found_in(entry_of(text), refs, **options)]
    return [one.name for one in checkpoints_of(found, {})]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("runs", ["checkpoint-20", "checkpoint-100"]),
        ("runs/checkpoint-100", ["checkpoint-100"]),
        ("runs/checkpoint-20", ["checkpoint-20"]),
        ("runs/*", ["checkpoint-20", "checkpoint-100", "hf"]),
        ("runs/checkpoint-*", ["checkpoint-20", "checkpoint-100"]),
        ("r*", ["checkpoint-20", "checkpoint-100"]),
        ("runs/hf", ["hf"]),
        ("mine=runs/hf", ["mine"]),
        ("mine=runs", ["mine-checkpoint-20", "mine-checkpoint-100"]),
        ("org/model@main", ["org__model@main"]),
        ("org/model@step3,v1", ["org__model@step3", "org__model@v1"]),
        ("org/model@step*", ["org__model@step3", "org__model@step20", "org__model@step1000"]),
        ("p=org/model@main", ["p"]),
        ("p=org/model@step3,v1", ["p-step3", "p-v1"]),
    ],
)
def test_every_form_of_a_checkpoint(runs, given, expected):
    assert names(given) == expected


def test_a_folder_whose_name_looks_like_another_form_is_a_folder(runs):
    for name in ("a=b", "org/model@main", "x[1]"):
        (Path(name)).mkdir(parents=True)
        (Path(name) / "config.json").write_text("{}")
    assert names("a=b") == ["a=b"]
    assert names("org/model@main") == ["model@main"]
    assert names("x[1]") == ["x[1]"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nowhere", r"no such folder; for a model on the Hub"),
        ("org/model", r"no such folder; for a model on the Hub"),
        ("runs/logs", r"has no config.json, and no folder in it has one"),
        ("runs/nothing-*", r"no checkpoint matches"),
        ("org/model@nothing*", r"no branch and no tag matches"),
    ],
)
def test_an_argument_without_a_checkpoint_is_refused_by_name(runs, given, message):
    with pytest.raises(InputError, match=message) as raised:
        names(given)
    assert str(raised.value).startswith(given)


def test_with_watch_a_training_run_that_has_not_begun_is_empty(runs):
    assert names("runs2", "runs/nothing-*", may_be_missing=True) == []


def test_a_folder_that_an_earlier_call_has_seen_may_be_gone(runs):
    assert names("runs/checkpoint-7", known={str(runs / "checkpoint-7")}) == ["checkpoint-7"]


def test_equal_names_get_numbers_which_stay_the_same_in_later_calls(runs):
    for run in ("a", "b", "c"):
        (Path(run) / "hf").mkdir(parents=True)
        (Path(run) / "hf" / "config.json").write_text("{}")
    first = checkpoints_of([*found_in(Entry("b/hf"), refs), *found_in(Entry("c/hf"), refs)], {})
    assert [(one.name, one.pretrained) for one in first] == [("hf", "b/hf"), ("hf-2", "c/hf")]
    known = {one.key: one.name for one in first}
    later = checkpoints_of([one for run in ("a", "b", "c") for one in found_in(Entry(f"{run}/hf"), refs)], known)
    assert [(one.name, one.pretrained) for one in later] == [("hf-3", "a/hf"), ("hf", "b/hf"), ("hf-2", "c/hf")]


def test_a_checkpoint_that_two_arguments_name_is_taken_once(runs):
    assert names("runs/checkpoint-100", "runs") == ["checkpoint-100", "checkpoint-20"]


def test_the_final_model_in_the_folder_of_a_run_is_its_last_checkpoint(runs):
    for name in ("config.json", "model.safetensors"):
        (runs / name).write_text("{}")
    (runs / "global_step300").mkdir()  # the state of DeepSpeed
    found = checkpoints_of(found_in(Entry("runs"), refs), {})
    assert [(one.name, one.step) for one in found] == [("checkpoint-20", 20), ("checkpoint-100", 100), ("runs", None)]
    (runs / "model.safetensors").unlink()
    assert names("runs") == ["checkpoint-20", "checkpoint-100"]
    runs.rename(runs.with_name("step7"))
    (runs.with_name("step7") / "pytorch_model.bin").write_text("{}")
    assert [one.step for one in checkpoints_of(found_in(Entry("step7"), refs), {})] == [20, 100, None]


def test_without_usual_names_the_checkpoints_of_a_run_are_its_folders_with_a_config(runs):
    family = runs / "family"
    for name in ("base_1800", "tuned_2", "base_300", "extended", "results", "base_20.tmp"):
        (family / name).mkdir(parents=True)
        if name != "results":
            (family / name / "config.json").write_text("{}")
    expected = ["tuned_2", "base_300", "base_1800", "extended"]
    assert names("runs/family") == names("runs/fam*") == expected
    found = found_in(entry_of("runs/family"), refs)
    assert [one.is_by_config for one in found] == [True] * 4
    assert [one.step for one in checkpoints_of(found, {})] == [2, 300, 1800, None]
    (family / "checkpoint-7").mkdir()
    assert names("runs/family") == ["checkpoint-7"]
    (family / "checkpoint-7" / "encoder").mkdir()
    (family / "checkpoint-7" / "encoder" / "config.json").write_text("{}")
    assert names("runs/family/checkpoint-7") == ["checkpoint-7"]
    assert not any(one.is_by_config for text in ("runs/family", "runs/*") for one in found_in(entry_of(text), refs))


def test_every_way_to_write_a_path_is_the_same_checkpoint(runs, monkeypatch):
    (runs.parent / "link").symlink_to(runs)
    ways = ["runs", str(runs), "runs/../runs", "link", "./runs/checkpoint-*"]
    assert names(*ways) == ["checkpoint-20", "checkpoint-100"]
    found = checkpoints_of(found_in(Entry("runs"), refs), {})
    known = {one.key: f"{one.name}-x" for one in found}
    monkeypatch.chdir(runs)
    again = checkpoints_of(found_in(Entry("."), refs), known)
    assert [one.name for one in again] == ["checkpoint-20-x", "checkpoint-100-x"]


def test_the_folders_of_a_sweep_are_not_its_checkpoints(runs):
    for out in ("OUT", "OLD"):
        (runs / out / "checkpoint-20" / "results").mkdir(parents=True)
        (runs / out / "checkpoint-20" / "lock").write_text("")
    State(name="checkpoint-20", pretrained="a").write(runs / "OLD" / "checkpoint-20")
    (runs / "checkpoint-20" / "state.json").write_text('{"of": "the training"}')
    assert names("runs/*", out=Path("runs/OUT")) == ["checkpoint-20", "checkpoint-100", "hf"]
    with pytest.raises(InputError, match=r"has no config.json"):
        names("runs/OLD")


def test_a_path_with_an_equals_sign_is_a_path(runs):
    for step in (1, 2):
        (runs.parent / "lr=1e-4" / f"step{step}").mkdir(parents=True)
    assert names("lr=1e-4/step*") == names("lr=1e-*/step*") == names("lr=1e-4") == ["step1", "step2"]
    assert names("mine=lr=1e-4/step1") == ["mine"]


def test_only_a_folder_that_does_not_exist_is_missing(runs):
    given = ["runs", "rusn", "org/model@main", "runs/x*", "a=rusn"]
    assert [one for one in given if is_missing(entry_of(one))] == ["rusn", "a=rusn"]


def test_the_same_weights_with_other_model_arguments_are_another_checkpoint(runs):
    entries = [Entry("runs/hf"), Entry("runs/hf", "long", model_args={"max_length": 2048}), Entry("runs/hf", "again")]
    found = checkpoints_of([one for entry in entries for one in found_in(entry, refs)], {})
    assert [(one.name, one.model_args) for one in found] == [("hf", {}), ("long", {"max_length": 2048})]


def test_a_checkpoint_never_gets_the_name_of_a_file_of_the_sweep(runs):
    (runs / "store").mkdir()
    (runs / "store" / "config.json").write_text("{}")
    assert names("runs/store") == ["store-2"]


def test_a_checkpoint_with_a_line_break_in_its_name_is_not_left_out(runs):
    for name in ("checkpoint-1", "checkpoint-2\nred"):
        (runs / "lines" / name).mkdir(parents=True)
        (runs / "lines" / name / "config.json").write_text("{}")
    with pytest.raises(InputError, match=r"'checkpoint-2\\nred' cannot be the name of a folder"):
        names("runs/lines")


@pytest.mark.parametrize("name", ["..", ".hidden", "a\nb", "\x1b[31m"])
def test_a_name_that_is_not_the_name_of_a_folder_is_refused(runs, name):
    with pytest.raises(InputError, match="cannot be the name of a folder"):
        checkpoints_of(found_in(Entry("runs/hf", name), refs), {})
