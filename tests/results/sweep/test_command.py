import pytest
import yaml

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.sweep.checkpoint import Checkpoint
from lm_eval_hesnr.results.sweep.command import command_of, gpu_groups, run_file, visible_gpus, write_run_file
from lm_eval_hesnr.results.sweep.settings import Options, Settings


@pytest.mark.parametrize(
    ("gpus", "per_model", "groups"),
    [
        ((), None, [()]),
        (("0", "1"), None, [("0", "1")]),
        (("0", "1"), 1, [("0",), ("1",)]),
        (("0", "1", "2"), 2, [("0", "1")]),
        ((), 2, [("4", "5"), ("6", "7")]),
    ],
)
def test_as_many_groups_as_the_gpus_allow(gpus, per_model, groups):
    options = Options(gpus=gpus, gpus_per_model=per_model)
    assert gpu_groups(options, lambda: ["4", "5", "6", "7", "8"]) == groups


@pytest.mark.parametrize("per_model", [None, 1, 2])
def test_without_a_gpu_there_is_one_job_on_the_cpu(per_model):
    assert gpu_groups(Options(gpus_per_model=per_model), lambda: []) == [()]


def test_too_few_gpus_are_refused():
    with pytest.raises(InputError, match=r"--gpus-per-model 2: found only 1 GPU;"):
        gpu_groups(Options(gpus_per_model=2), lambda: ["0"])


def test_the_visible_gpus_are_those_of_the_environment():
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": "3,5"}) == ["3", "5"]
    assert visible_gpus({"CUDA_VISIBLE_DEVICES": ""}) == []


def test_a_run_file_has_everything_that_the_checkpoint_is_evaluated_with(tmp_path):
    settings = Settings(metadata={"trajectories": "t/", "k": 20}, model_args={"dtype": "float32"})
    content = yaml.safe_load(run_file(tmp_path, Checkpoint("a", "org/m", "step1"), settings, Options()))
    assert content == {
        "model": "hf-topk",
        "model_args": {
            "pretrained": "org/m", "revision": "step1", "dtype": "float32", "score_store": str(tmp_path / "store"),
        },
        "tasks": ["swe_hesnr"],
        "metadata": {"trajectories": "t/", "k": 20, "token_table": str(tmp_path / "a" / "tokens")},
        "output_path": str(tmp_path / "a" / "results"),
    }  # fmt: skip
    without = Options(tokens=False, store=False)
    content = yaml.safe_load(run_file(tmp_path, Checkpoint("a", "runs/a"), Settings(model="hf"), without))
    assert content["model_args"] == {"pretrained": "runs/a"}
    assert content["metadata"] == {}
    assert "score_store" not in run_file(tmp_path, Checkpoint("a", "b"), Settings(model="hf"), Options())


def test_the_head_of_a_run_file_stays_a_comment(tmp_path):
    (tmp_path / "a").mkdir()
    settings = Settings(further=("--limit", "2\nmodel: evil"))
    checkpoint, options = Checkpoint("a", "runs/a"), Options(launcher=("accelerate", "launch", "{n}"))
    command = command_of(tmp_path, "a", settings, options, ("0", "1"))
    assert command.words[:5] == ["accelerate", "launch", "2", "-m", "lm_eval_hesnr"]
    assert command.environment["CUDA_VISIBLE_DEVICES"] == "0,1"
    write_run_file(tmp_path, checkpoint, settings, options, command)
    text = (tmp_path / "a" / "run.yaml").read_text()
    assert yaml.safe_load(text)["model"] == "hf-topk"
    assert text.splitlines()[1].startswith(
        "# CUDA_VISIBLE_DEVICES=0,1 accelerate launch 2 -m lm_eval_hesnr run --config "
    )
