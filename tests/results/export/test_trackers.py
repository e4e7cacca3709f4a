"""Exports to trackers. Each tracker's own part runs where it is installed: `make test-exports`."""

import json
import sqlite3
import sys

import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.export.read_runs import read_runs
from lm_eval_hesnr.results.export.request import Request
from lm_eval_hesnr.results.export.trackers import points, send
from tests.results.export.results_files import results, write_results, write_sweep
from tests.results.export.wandb_file import history


@pytest.fixture
def late(tmp_path):
    """A sweep of three checkpoints, whose second one is the earliest of the training."""
    steps = {"checkpoint-600": (600, 0.2), "checkpoint-150": (150, 0.1), "checkpoint-1800": (1800, 0.3)}
    return Request(runs=read_runs([write_sweep(tmp_path / "sweep", steps)]).runs, measures=("he_snr", "ppl"))


def test_points_are_in_order_of_steps(late):
    assert [(point.step, point.values["hesnr/he_snr/action"]) for point in points(late)] == [
        (150, 0.1), (600, 0.2), (1800, 0.3)
    ]  # fmt: skip
    assert {name for point in points(late) for name in point.values} == {
        "hesnr/he_snr/action", "hesnr/ppl/action", "hesnr/he_snr/all", "hesnr/ppl/all"
    }  # fmt: skip


def test_runs_without_steps_are_counted(tmp_path):
    paths = [write_results(tmp_path / name, {"he_snr": value}) for name, value in (("a", 0.1), ("b", None))]
    first, second = points(Request(runs=read_runs(paths).runs))
    assert (first.step, second.step) == (0, 1)
    assert "hesnr/he_snr/action" not in second.values


@pytest.mark.parametrize(("models", "steps"), [(("a", "b"), [0, 0, 1, 1]), (("step9", "step3"), [3, 3, 9, 9])])
def test_several_tasks_have_keys_of_their_own(tmp_path, models, steps):
    paths = [write_results(tmp_path / model, model=model) for model in models]
    for path in paths:
        data, other = json.loads(path.read_text()), results({"he_snr": 0.2}, task="other", model=path.parent.name)
        for key in ("results", "configs"):
            data[key] |= other[key]
        path.write_text(json.dumps(data))
    found = list(points(Request(runs=read_runs(paths).runs, scope="action", measures=("he_snr",))))
    assert [point.step for point in found] == steps
    for one, two in (found[:2], found[2:]):
        assert one.values == {"hesnr/swe_hesnr/he_snr/action": 0.1}
        assert two.values == {"hesnr/other/he_snr/action": 0.2}


def test_a_tracker_that_is_not_installed(late, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(InputError, match=r"--to wandb: it is not installed; run pip install 'lm_eval_hesnr\[wandb\]'"):
        send(late, "wandb", "hesnr")


def test_an_error_of_a_tracker_is_one_line(late, monkeypatch):
    class Broken:
        @staticmethod
        def init(**_):
            raise ConnectionError("no network")

    monkeypatch.setitem(sys.modules, "trackio", Broken)
    with pytest.raises(InputError, match="--to trackio: ConnectionError: no network"):
        send(late, "trackio", "hesnr")


def test_mlflow_has_every_point(late, tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    send(late, "mlflow", "hesnr")
    (run,) = mlflow.search_runs(experiment_names=["hesnr"], output_format="list")
    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "hesnr/he_snr/action")
    assert sorted((point.step, point.value) for point in history) == [(150, 0.1), (600, 0.2), (1800, 0.3)]
    assert run.data.params["k"] == "10"


def test_trackio_has_every_point(late, tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    pytest.importorskip("trackio")
    send(late, "trackio", "hesnr")
    (database,) = tmp_path.rglob("hesnr.db")
    rows = sqlite3.connect(database).execute("select step, metrics from metrics order by step").fetchall()
    assert [step for step, _ in rows] == [150, 600, 1800]
    assert "hesnr/he_snr/action" in str(rows[0][1])


def test_wandb_has_every_point(late, tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_SILENT", "true")
    send(late, "wandb", "hesnr")
    assert wandb.run is None
    wandb.teardown()  # what the interpreter does at its end
    (file,) = tmp_path.rglob("run-*.wandb")
    found = [(int(row["hesnr/step"]), float(row["hesnr/he_snr/action"])) for row in history(file)]
    assert found == [(150, 0.1), (600, 0.2), (1800, 0.3)]
