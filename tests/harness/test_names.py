"""A misspelt name of ours is refused with the right one; all other names are the harness's."""

import pytest

from lm_eval_hesnr import plugin
from lm_eval_hesnr.errors import NEEDS_OUR_MODEL, InputError
from lm_eval_hesnr.harness.names import refuse_misspelt

plugin.install()
from lm_eval.tasks import TaskManager  # noqa: E402


@pytest.fixture(scope="module")
def manager(tmp_path_factory):
    """Our tasks, and those of others: one with a similar name, one with another name, and a tag."""
    folder = tmp_path_factory.mktemp("theirs")
    (folder / "a.yaml").write_text("task: swe_hesnr_2\ndataset_path: json\n")
    (folder / "b.yaml").write_text("task: arc_easy\ntag: science\ndataset_path: json\n")
    return TaskManager(include_defaults=False, include_path=[plugin.task_folder(), folder])


@pytest.mark.parametrize(
    ("name", "meant"),
    [("swe_hesn", "swe_hesnr"), ("swe-hesnr", "swe_hesnr"), ("SWE_HESNR", "swe_hesnr"),
     ("swe_hesnr_ablatoin", "swe_hesnr_ablation")],
)  # fmt: skip
def test_a_misspelt_task_of_ours_is_refused_with_the_right_name(manager, name, meant):
    with pytest.raises(InputError, match=rf"--tasks {name}: no such name; did you mean {meant}\?"):
        manager.match_tasks([name])


def test_names_of_others_are_matched_as_before(manager):
    assert manager.match_tasks(["arc_eas", "sciense", "swe_hesnr_3", "*hesnr", "swe_hesn?", ""]) == [
        "hesnr",
        "swe_hesnr",
    ]


def test_an_existing_path_is_no_misspelt_name(manager, tmp_path, monkeypatch):
    """The harness loads all tasks of a folder that is given as a task."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "swe_hesn").mkdir()
    assert manager.match_tasks(["swe_hesn"]) == []


def test_a_name_nearer_to_one_of_others_is_not_ours():
    known = ["hf-topk", "hf-topk-2x"]
    refuse_misspelt(["hf-topk-2", None, "hf-topk"], known, {"hf-topk"}, "--model")
    with pytest.raises(InputError, match=r"hf-tpk: no such name; did you mean hf-topk\?"):
        refuse_misspelt(["hf-topk-2", "hf-tpk"], known, {"hf-topk"}, "--model")


@pytest.mark.parametrize("known", [["hf-topk", "hf_topk"], ["hf_topk", "hf-topk"]])
def test_names_that_differ_only_in_their_hyphens_all_exist(known):
    refuse_misspelt(known, known, {"hf-topk"}, "--model")
    with pytest.raises(InputError, match=r"did you mean hf-topk\?"):
        refuse_misspelt(["HF-TOPK"], known, {"hf-topk"}, "--model")


def test_the_line_against_stock_models_names_our_models():
    for name in plugin.MODELS:
        assert name in NEEDS_OUR_MODEL
