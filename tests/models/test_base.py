"""The contract of `TrajectoryModel`, with an engine as a newcomer would write it."""

import math
from typing import Any

import numpy as np
import pytest
from lm_eval.api.instance import Instance
from lm_eval.models.dummy import DummyLM

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.models.base import TrajectoryModel
from lm_eval_hesnr.scoring import store
from lm_eval_hesnr.scoring.statistics import Extras, statistics_of
from tests import builders

TEXT = "def f(x):\n    return x + 1\n" * 9
VOCABULARY = 1000


class Uniform(TrajectoryModel, DummyLM):
    """An engine for which all tokens have the same probability."""

    model_name = "uniform"
    window = 32

    def __init__(self, tokenizer, stride=None):
        super().__init__()
        self.tokenizer, self.given_stride = tokenizer, stride
        self.check_stride()

    @property
    def signature(self):
        return {"model": self.model_name, "window": self.window, "stride": self.stride}

    def read(self, requests, progress):
        for i, request in enumerate(requests):
            target = np.full(len(request.rows), -math.log(VOCABULARY))
            top = np.full((len(request.rows), request.k), -math.log(VOCABULARY))
            yield i, statistics_of(target, top)


@pytest.fixture(scope="module")
def tokenizer(random_model):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(random_model)


def test_an_engine_with_one_method_scores_a_trajectory(tokenizer):
    plain = Instance("loglikelihood", doc={}, arguments=("a", " b"), idx=0)
    lm: Any = Uniform(tokenizer)
    result, other = lm.loglikelihood([builders.request("", TEXT), plain], disable_tqdm=True)
    scores = result.scores
    n_tokens = len(tokenizer(TEXT)["input_ids"])
    assert scores.scored.tolist() == [False] + [True] * (n_tokens - 1)
    np.testing.assert_allclose(scores.logprob[1:], -math.log(VOCABULARY), rtol=1e-6)
    np.testing.assert_allclose(scores.entropy[1:], math.log(10), rtol=1e-6)
    np.testing.assert_allclose(scores.top_mass[1:], 10 / VOCABULARY, rtol=1e-6)
    np.testing.assert_allclose(scores.collision[1:], 10 / VOCABULARY**2, rtol=1e-6)
    assert scores.n_bytes.sum() == len(TEXT.encode())
    assert scores.short_context == n_tokens - Uniform.window
    assert scores.signature == {"model": "uniform", "window": 32, "stride": 16, "k": 10}
    assert other[1] is False  # the harness's own model answers stock requests


def test_its_scores_are_stored_and_read_again(tokenizer, tmp_path):
    lm: Any = Uniform(tokenizer)
    lm.score_store = str(tmp_path)
    (first,) = lm.loglikelihood([builders.request("", TEXT)], disable_tqdm=True)
    lm.read = None
    (again,) = lm.loglikelihood([builders.request("", TEXT)], disable_tqdm=True)
    assert again.scores.logprob[1:].tolist() == first.scores.logprob[1:].tolist()


def test_scores_that_cannot_be_stored_are_said_at_once_and_in_the_results(
    tokenizer, tmp_path, monkeypatch, harness_logs
):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "replace_file", full)
    lm: Any = Uniform(tokenizer)
    lm.score_store = str(tmp_path)
    results = lm.loglikelihood([builders.request("", TEXT), builders.request("", TEXT * 2)], disable_tqdm=True)
    warnings = [record.getMessage() for record in harness_logs.records if record.levelname == "WARNING"]
    assert len(warnings) == 1
    assert "No space left on device" in warnings[0]
    assert {result.notes for result in results} == {(warnings[0],)}


def test_lines_about_lengths_name_the_task_and_the_checkpoint(tokenizer, harness_logs):
    def of_task(name, text, **options):
        request = builders.request("", text, name=f"run of {name}", **options)
        request.task_name = name
        return request

    requests = [of_task("a", TEXT), of_task("a", "x = 1"), of_task("b", TEXT), of_task("b", TEXT, to_score=slice(0))]
    Uniform(tokenizer).loglikelihood(requests, disable_tqdm=True)
    long = "windows for 1 of 2 trajectories (context 32 tokens, stride 16)"
    empty = "no token to score, only context, in 1 of 2 trajectories: run of b"
    cost, *lines = harness_logs.messages
    assert lines == [f"a, uniform: {long}", f"b, uniform: {long}", f"b, uniform: {empty}"]
    assert cost.startswith("a, b, uniform: 4 trajectories, ")
    assert cost.endswith(" to read in windows of at most 32")


def test_a_wrong_stride_is_refused_at_load(tokenizer):
    with pytest.raises(InputError, match=r"^stride=32: expected a number of tokens from 1 to 31"):
        Uniform(tokenizer, stride=32)


@pytest.mark.parametrize("name", ["model_name", "signature", "window", "read"])
def test_an_engine_without_one_of_the_four_members_cannot_be_made(tokenizer, name):
    members = {key: vars(Uniform)[key] for key in ("model_name", "signature", "window", "read") if key != name}
    incomplete = type("Incomplete", (TrajectoryModel, DummyLM), members)
    with pytest.raises(TypeError, match=f"abstract method '?{name}'?"):
        incomplete()


@pytest.mark.parametrize("name", Extras._fields)
def test_an_option_that_the_engine_does_not_give_is_refused_before_it_reads(tokenizer, name):
    lm: Any = Uniform(tokenizer)
    lm.read = None
    with pytest.raises(InputError, match=f"uniform: this engine does not give {name}; use hf-topk"):
        lm.loglikelihood([builders.request("", TEXT, extras=Extras(**{name: True}))], disable_tqdm=True)
