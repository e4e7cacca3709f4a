import copy
import logging
import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from lm_eval_hesnr.assets import EMBEDDED_MODEL
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.plugin import task_folder
from lm_eval_hesnr.training.callback import HESNRCallback
from tests.training.small_trainer import logged, trainer, write_runs


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The path of two short trajectories."""
    return write_runs(tmp_path_factory.mktemp("runs") / "runs.jsonl")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, runs):
    """A training with the callback, which chooses the best checkpoint by he_snr."""
    best = {"metric_for_best_model": "hesnr_he_snr", "load_best_model_at_end": True, "save_only_model": True}
    found = trainer(tmp_path_factory.mktemp("trained"), **best)
    found.add_callback(HESNRCallback(found, runs, scopes=["action", "all"]))
    found.train()
    return found


def test_the_best_checkpoint_is_chosen_by_he_snr(trained):
    values = logged(trained, "eval_hesnr_he_snr")
    assert len(values) == 2
    assert trained.state.best_metric == max(values)
    assert trained.state.best_model_checkpoint.endswith(f"checkpoint-{2 * (1 + values.index(max(values)))}")


def test_the_keys_of_the_log(trained):
    measures = ("he_snr", "he_ppl", "ppl", "decisions", "topk_acc", "he_snr_stderr")
    expected = {f"eval_hesnr_{scope}{name}" for scope in ("", "all_") for name in measures} | {"eval_hesnr_seconds"}
    assert {key for entry in trained.state.log_history for key in entry if "hesnr" in key} == expected


def test_the_numbers_are_those_of_a_run_of_the_harness(trained, runs):
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    manager = TaskManager(include_defaults=False, include_path=task_folder(), metadata={"trajectories": runs})
    best = trained.state.best_model_checkpoint
    arguments = {"pretrained": best, "tokenizer": str(EMBEDDED_MODEL), "dtype": "float32"}
    found = simple_evaluate(
        "hf-topk", model_args=arguments, tasks=["swe_hesnr"], task_manager=manager, log_samples=False
    )
    values = found["results"]["swe_hesnr"]
    assert values["he_snr,action"] == pytest.approx(trained.state.best_metric, rel=1e-6)
    assert any(math.isclose(values["ppl,all"], ppl, rel_tol=1e-6) for ppl in logged(trained, "eval_hesnr_all_ppl"))


def test_the_training_is_the_same_to_the_bit_without_it(trained, tmp_path):
    plain = trainer(tmp_path)
    plain.train()
    for key in ("loss", "grad_norm", "eval_loss"):
        assert logged(plain, key) == logged(trained, key)


def test_gradients_weights_and_tokenizer_are_not_touched(runs, tmp_path):
    one = trainer(tmp_path)
    before, tokenizer = copy.deepcopy(one.model.state_dict()), copy.deepcopy(one.processing_class)
    one.model.train()
    one.model.model.norm.eval()
    callback = HESNRCallback(one, runs)
    callback.on_evaluate(one.args, one.state, one.control, metrics={}, model=one.model)
    assert one.model.training
    assert not one.model.model.norm.training
    assert all(torch.equal(before[name], tensor) for name, tensor in one.model.state_dict().items())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in one.model.parameters())
    assert one.processing_class.special_tokens_map == tokenizer.special_tokens_map


def test_max_tokens_counts_with_the_tokenizer_of_the_trainer(runs, tmp_path, harness_logs):
    one = trainer(tmp_path)
    HESNRCallback(one, runs, max_tokens=10, strict=False).on_evaluate(
        one.args, one.state, one.control, metrics={}, model=one.model
    )
    (warning,) = [r.getMessage() for r in harness_logs.records if r.levelno == logging.WARNING]
    assert "all trajectories have more than max_tokens = 10 tokens" in warning


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"metric_for_best_model": "hesnr_he_snd"}, "did you mean 'hesnr_he_snr'?"),
        ({"metric_for_best_model": "hesnr_ppl"}, "greater_is_better=True: set it to False"),
        ({"metric_for_best_model": "eval_hesnr_decisions"}, "it has no better direction"),
    ],
)
def test_a_best_metric_that_cannot_work(runs, tmp_path, arguments, line):
    one = trainer(tmp_path, **arguments)
    one.add_callback(HESNRCallback(one, runs))
    with pytest.raises(InputError) as error:
        one.train()
    assert line in str(error.value)


def test_a_trainer_without_a_tokenizer(runs, tmp_path, harness_logs):
    one = trainer(tmp_path, tokenizer=False)
    HESNRCallback(one, runs).on_evaluate(one.args, one.state, one.control, metrics={}, model=one.model)
    assert "the trainer has no tokenizer; give Trainer(processing_class=tokenizer)" in harness_logs.text


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"every": 0}, "every=0: expected a whole number of at least 1"),
        ({"every": True}, "every=True"),
        ({"limit": 0}, "limit=0"),
        ({"render": "html"}, "render='html': expected transcript or chat"),
        ({"max_token": 5}, "unknown option max_token; did you mean 'max_tokens'?"),
        ({"epsilon": 3.0}, "epsilon should be below ln k"),
        ({"scopes": ["acton"]}, "did you mean 'action'?"),
    ],
)
def test_wrong_arguments_are_refused_at_once(tmp_path, arguments: dict[str, Any], line):
    with pytest.raises(InputError) as error:
        HESNRCallback(SimpleNamespace(), **arguments)
    assert str(error.value).startswith("HESNRCallback: ")
    assert line in str(error.value)


def _accelerator(**state):
    parallelism = state.pop("parallelism", None)
    return SimpleNamespace(state=SimpleNamespace(**state), parallelism_config=parallelism)


@pytest.mark.parametrize(
    ("accelerator", "name"),
    [
        (_accelerator(fsdp_plugin=object()), "FSDP"),
        (_accelerator(deepspeed_plugin=SimpleNamespace(zero_stage=3)), "DeepSpeed ZeRO-3"),
        (_accelerator(parallelism=SimpleNamespace(tp_size=2)), "tp_size"),
    ],
)
def test_sharded_models_are_refused_before_the_first_step(runs, tmp_path, accelerator, name):
    one = trainer(tmp_path)
    callback = HESNRCallback(one, runs)
    one.accelerator = accelerator
    with pytest.raises(InputError) as error:
        callback.on_train_begin(one.args, one.state, one.control, model=one.model)
    assert str(error.value).startswith(f"HESNRCallback: {name} spreads the model over processes")
    assert f"`hesnr sweep {one.args.output_dir} --watch`" in str(error.value)
    one.accelerator = _accelerator(deepspeed_plugin=SimpleNamespace(zero_stage=2))
    callback.on_train_begin(one.args, one.state, one.control, model=one.model)


def test_a_model_of_fsdp2_is_refused(runs, tmp_path):
    from torch.distributed import destroy_process_group, init_process_group
    from torch.distributed.fsdp import fully_shard

    one = trainer(tmp_path)
    callback = HESNRCallback(one, runs)
    init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
    try:
        fully_shard(one.model)
        with pytest.raises(InputError, match="DTensor spreads the model over processes"):
            callback.on_train_begin(one.args, one.state, one.control, model=one.model)
    finally:
        destroy_process_group()
