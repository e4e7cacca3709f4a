import numpy as np
import pytest

from lm_eval_hesnr.models.cost import ModelSize, Reading, size_of_checkpoint
from lm_eval_hesnr.models.hf import HFTopK
from lm_eval_hesnr.models.window_request import EncodedTrajectory
from lm_eval_hesnr.scoring.tokens import Tokens
from lm_eval_hesnr.scoring.windows import plan_windows
from tests.builders import request


def encoded(n_tokens, window, stride):
    ids = np.arange(n_tokens)
    plan = list(plan_windows(ids[1:], window, stride))
    return EncodedTrajectory("", Tokens(ids, ids, ids + 1), plan)


def test_where_windows_overlap_a_token_is_read_once_for_each_of_them():
    reading = Reading.of([encoded(10, 8, 4), encoded(5, 8, 4)])
    assert reading == Reading(trajectories=2, tokens=15, to_score=9 + 4, to_read=(8 + 6) + 5, longest=8)
    assert str(reading) == ("2 trajectories, 15 tokens: 13 to score, 19 to read in windows of at most 8")
    assert Reading.of([]).longest == 0


def test_the_size_of_a_checkpoint_is_that_of_the_loaded_model(tiny_model):
    from_config = size_of_checkpoint(str(tiny_model), {}, 512)
    loaded = HFTopK(pretrained=str(tiny_model), device="cpu").size(512)
    assert (from_config.parameters, from_config.weights) == (loaded.parameters, loaded.weights)
    # a CPU reads more rows per block than the least
    assert 0 < from_config.scoring <= loaded.scoring
    in_float32 = size_of_checkpoint(str(tiny_model), {"dtype": "float32"}, 512)
    assert in_float32.weights == 2 * from_config.weights
    assert size_of_checkpoint(str(tiny_model), {}, 2048).scoring > from_config.scoring


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (ModelSize(7_615_616_512, 15_231_233_024, 2 * 10**9), "7.62 B parameters; at least 17.2 GB of memory"),
        (ModelSize(3_410_000, 6_820_000, 10_500_000), "3.41 M parameters; at least 17.3 MB of memory"),
        (ModelSize(950, 3_800, 200), "950 parameters; at least 4 kB of memory"),
    ],
)
def test_a_size_in_words(size, text):
    assert str(size).startswith(text)


def test_a_run_says_its_cost_before_it_scores(tiny_model, harness_logs):
    model = HFTopK(pretrained=str(tiny_model), device="cpu")
    one = request("The context.", " def f():\n    return 1\n")
    one.task_name = "swe_hesnr"
    model.loglikelihood([one])
    (line,) = [record.getMessage() for record in harness_logs.records if "to read in windows" in record.getMessage()]
    n = len(model.tokenizer("The context. def f():\n    return 1\n")["input_ids"])
    assert f": 1 trajectory, {n} tokens: " in line
    assert "3.41 M parameters; at least " in line
