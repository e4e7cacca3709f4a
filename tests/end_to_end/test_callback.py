"""Trainings with `HESNRCallback` that take seconds. They start no other process."""

import pytest
import torch

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.training.callback import HESNRCallback
from tests.training.small_trainer import logged, trainer, write_runs

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The path of two short trajectories."""
    return write_runs(tmp_path_factory.mktemp("runs") / "runs.jsonl")


def test_failing_trajectories_are_one_warning_and_training_goes_on(tmp_path, harness_logs):
    one = trainer(tmp_path, metric_for_best_model="hesnr_he_snr")
    one.add_callback(HESNRCallback(one, str(tmp_path / "none.jsonl")))
    one.train()
    warnings = [r.getMessage() for r in harness_logs.records if "HESNRCallback" in r.getMessage()]
    (warning,) = warnings
    assert warning.startswith("HESNRCallback: not scored, the training goes on: ")
    assert "none.jsonl" in warning
    assert (one.state.global_step, one.state.best_model_checkpoint) == (4, None)
    assert logged(one, "eval_hesnr_he_snr") == []


def test_strict_raises(tmp_path):
    one = trainer(tmp_path)
    one.add_callback(HESNRCallback(one, str(tmp_path / "none.jsonl"), strict=True))
    with pytest.raises(InputError, match=r"none\.jsonl"):
        one.train()


def test_every_second_evaluation(runs, tmp_path):
    one = trainer(tmp_path, eval_steps=1, max_steps=3, save_strategy="no", metric_for_best_model="hesnr_he_snr")
    one.add_callback(HESNRCallback(one, runs, every=2, limit=1))
    one.train()
    assert [e["step"] for e in one.state.log_history if "eval_hesnr_he_snr" in e] == [1, 3]


def test_several_evaluation_sets_are_one_scoring(runs, tmp_path):
    one = trainer(tmp_path, max_steps=2)
    one.eval_dataset = {"a": one.eval_dataset, "b": one.eval_dataset}
    one.add_callback(HESNRCallback(one, runs, limit=1))
    one.train()
    assert len(logged(one, "eval_hesnr_he_snr")) == 1
    assert one.evaluate()["eval_hesnr_he_snr"] == logged(one, "eval_hesnr_he_snr")[0]
    with torch.no_grad():
        one.model.lm_head.weight.mul_(0.9)
    assert one.evaluate()["eval_hesnr_he_snr"] != logged(one, "eval_hesnr_he_snr")[0]
