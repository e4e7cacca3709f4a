from dataclasses import replace
from pathlib import Path

import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.sweep.forms import entry_of
from lm_eval_hesnr.results.sweep.hub import HubRefs
from lm_eval_hesnr.results.sweep.out_folder import OutFolder
from lm_eval_hesnr.results.sweep.plan import Planner
from lm_eval_hesnr.results.sweep.readiness import Watcher
from lm_eval_hesnr.results.sweep.running import new_state
from lm_eval_hesnr.results.sweep.settings import Options, Settings
from lm_eval_hesnr.results.sweep.sweep import Sweep


@pytest.fixture
def planner(tmp_path, tiny_model, monkeypatch):
    """One checkpoint that is ready."""
    monkeypatch.chdir(tmp_path)
    Path("checkpoint-1").symlink_to(tiny_model)
    out = OutFolder(Path("OUT"))
    out.begin(Settings())
    return Planner(out, Settings(), Options(), [entry_of("checkpoint-1")], Watcher(settle=0), HubRefs())


@pytest.mark.parametrize(("ended", "is_tried"), [("2000-01-01T00:00:00Z", True), ("9999-01-01T00:00:00Z", False)])
def test_a_failure_in_another_process_since_this_call_began_is_not_repeated(planner, monkeypatch, ended, is_tried):
    lines: list[str] = []
    sweep = Sweep(planner, [()], lines.append)
    sweep._look()
    (one,) = sweep._plan.values()
    failed = replace(new_state(planner, one.checkpoint, None), status="failed", reason="error: strange", exit_code=1)
    failed.ended = ended
    planner.out.folder("checkpoint-1").mkdir()
    failed.write(planner.out.folder("checkpoint-1"))
    started = []
    monkeypatch.setattr(sweep._running, "start", lambda *words: started.append(words))
    monkeypatch.setattr(sweep._running, "gpus_of", lambda name: ())
    sweep._start()
    assert bool(started) is is_tried
    if not is_tried:
        assert lines == ["checkpoint-1: failed (exit 1): error: strange; OUT/checkpoint-1/log.txt"]
        assert sweep._is_over()


def test_a_watch_says_an_error_once_until_it_is_over_or_another_one(planner, monkeypatch):
    lines: list[str] = []
    planner.options = Options(watch=0.0)
    sweep = Sweep(planner, [()], lines.append)
    sweep._look()
    looks = iter(["a", "a", None, "a", "b"])
    look = planner.look

    def fails(self):
        error = next(looks)
        if error:
            raise InputError(error)
        return look()

    monkeypatch.setattr(Planner, "look", fails)
    for _ in range(5):
        sweep._look()
    assert lines == [f"looks again later: {error}" for error in ("a", "a", "b")]


def test_a_watch_says_that_a_folder_does_not_exist_yet(planner):
    lines: list[str] = []
    planner.options, planner.entries = Options(watch=0.1, until_idle=0.0), [entry_of("rusn")]
    assert Sweep(planner, [()], lines.append).run()
    assert lines.count("rusn: there is no such folder yet") == 1
