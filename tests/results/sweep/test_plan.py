import json
from pathlib import Path

import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.sweep.forms import entry_of
from lm_eval_hesnr.results.sweep.hub import HubRefs
from lm_eval_hesnr.results.sweep.out_folder import OutFolder
from lm_eval_hesnr.results.sweep.plan import Planner
from lm_eval_hesnr.results.sweep.readiness import Watcher
from lm_eval_hesnr.results.sweep.rows import results_of, runs_in
from lm_eval_hesnr.results.sweep.running import new_state
from lm_eval_hesnr.results.sweep.settings import Options, Settings
from tests.builders import results_json


@pytest.fixture
def runs(tmp_path, monkeypatch):
    """Two checkpoints without weights."""
    for step in (1, 2):
        (tmp_path / "runs" / f"checkpoint-{step}").mkdir(parents=True)
        (tmp_path / "runs" / f"checkpoint-{step}" / "config.json").write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


def planner(*given, **options):
    entries = [entry_of(one) for one in given]
    return Planner(OutFolder(Path("runs/OUT")), Settings(), Options(**options), entries, Watcher(settle=0), HubRefs())


def test_steps_that_keep_nothing_are_refused_except_with_watch(runs):
    with pytest.raises(InputError, match=r"--steps 3:9: keeps none of 2 checkpoints; their steps are 1 to 2"):
        planner("runs", steps="3:9").look()
    assert planner("runs", steps="3:9", watch=1.0).look() == []
    assert len(planner("runs", steps="2:9").look()) == 1


def test_a_folder_that_does_not_exist_yet_is_named(runs):
    assert planner("rusn", "runs", "org/model@main", watch=1.0).missing() == ["rusn"]


def test_a_state_is_found_again_from_another_working_folder(runs, monkeypatch):
    first = planner("runs")
    (one, _) = (planned.checkpoint for planned in first.look())
    assert one.pretrained == "runs/checkpoint-1"
    out = OutFolder(runs / "OUT")
    out.begin(Settings())
    out.folder(one.name).mkdir()
    new_state(first, one, None).write(out.folder(one.name))
    monkeypatch.chdir(runs)
    again = Planner(out, Settings(), Options(), [entry_of("../runs")], Watcher(settle=0), HubRefs())
    assert [(one.checkpoint.name, one.state is None) for one in again.look()] == [
        ("checkpoint-1", False),
        ("checkpoint-2", True),
    ]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"results": 1}', None])
def test_a_file_that_is_not_a_results_file_has_no_results(runs, content):
    out = OutFolder(runs / "OUT")
    out.begin(Settings())
    (out.path / "checkpoint-1").mkdir()
    (one, _) = (planned.checkpoint for planned in planner("runs").look())
    state = new_state(planner("runs"), one, None)
    state.results = "results.json"
    if content is not None:
        (out.path / "checkpoint-1" / "results.json").write_text(content)
    assert results_of(out, state) is None
    assert runs_in(out, state) == ()
    (out.path / "checkpoint-1" / "results.json").write_text(json.dumps(results_json(0.1)))
    assert len(results_of(out, state) or ()) == 1


def test_a_folder_with_names_of_its_own_is_named_with_the_number_of_its_checkpoints(runs):
    for name in ("base_0150", "tuned"):
        (runs / "family" / name).mkdir(parents=True)
        (runs / "family" / name / "config.json").write_text("{}")
    found = planner("runs", "runs/family")
    assert [one.checkpoint.name for one in found.look()] == ["checkpoint-1", "checkpoint-2", "base_0150", "tuned"]
    assert found.lines() == ["runs/family: 2 checkpoints: the folders in it with a config.json"]
