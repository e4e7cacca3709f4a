"""`vllm-topk` and a server of vLLM, both running on this machine's CPU; `make test-vllm` runs this."""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lm_eval.api.instance import Instance

pytest.importorskip("vllm", reason="vLLM is not installed here (scripts/make_vllm_env.sh makes an environment)")
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")

from lm_eval.models.vllm_causallms import VLLM

from lm_eval_hesnr.errors import InputError, Interrupted
from lm_eval_hesnr.models import vllm as module
from lm_eval_hesnr.models.completions import CompletionsTopK
from lm_eval_hesnr.models.hf import HFTopK
from lm_eval_hesnr.models.vllm import VLLMTopK
from lm_eval_hesnr.scoring.statistics import Extras
from tests import builders

TEXT = "### Agent\nTHOUGHT: söme   prose 漢字\n\n```bash\ngrep -rn 'x'  src/ # why\n```\n\n### Observation\nnothing\n\n"
CONTEXT = 256
PORT = 8917
PATIENCE_SECONDS = 300


def request(continuation, k=10, to_score=slice(None)):
    return builders.request("", continuation, k=k, to_score=to_score)


def requests_of_several():
    """Texts from a few tokens to several windows; of the last one, only the end is scored."""
    text = TEXT * 6
    return [request(TEXT * n) for n in (1, 2, 5, 9)] + [request(text, to_score=np.arange(len(text)) > 400)]


def assert_same(results, expected, most=10_000):
    for result, other in zip(results, expected, strict=True):
        got, reference = result.scores, other.scores
        at = reference.scored
        assert got.token_ids.tolist() == reference.token_ids.tolist()
        assert got.scored.tolist() == at.tolist()
        np.testing.assert_allclose(got.logprob[at], reference.logprob[at], atol=2e-4)
        np.testing.assert_allclose(got.entropy[at], reference.entropy[at], atol=2e-4)
        np.testing.assert_allclose(got.top_mass[at], reference.top_mass[at], atol=2e-4)
        # two logits that differ only in the last digit may swap their ranks
        assert (np.minimum(got.rank, most) != np.minimum(reference.rank, most)).mean() < 0.01


@pytest.fixture(scope="module")
def expected(tiny_model):
    lm = HFTopK(pretrained=str(tiny_model), device="cpu", dtype="float32", max_length=CONTEXT - 1)
    return lm.loglikelihood(requests_of_several(), disable_tqdm=True)


@pytest.fixture(scope="module")
def lm(tiny_model):
    return VLLMTopK(pretrained=str(tiny_model), dtype="float32", max_model_len=CONTEXT, enforce_eager=True)


def test_the_numbers_are_those_of_hf_topk(lm, expected):
    assert_same(lm.loglikelihood(requests_of_several(), disable_tqdm=True), expected)
    assert expected[3].scores.short_context > 0


def test_several_calls_of_the_engine_and_entries_by_dict_give_the_same(lm, expected, monkeypatch):
    monkeypatch.setattr(module, "_TOKENS_PER_CALL", 300)
    generated = VLLMTopK._generated

    def not_flat(self, prompts, params):
        params.flat_logprobs = False
        return generated(self, prompts, params)

    monkeypatch.setattr(VLLMTopK, "_generated", not_flat)
    assert_same(lm.loglikelihood(requests_of_several(), disable_tqdm=True), expected)


@pytest.mark.parametrize("is_flat", [True, False])
def test_the_candidates_are_those_of_hf_topk(lm, tiny_model, monkeypatch, is_flat):
    generated = VLLMTopK._generated

    def as_asked(self, prompts, params):
        params.flat_logprobs = is_flat
        return generated(self, prompts, params)

    monkeypatch.setattr(VLLMTopK, "_generated", as_asked)
    asked = builders.request("", TEXT, extras=Extras(candidates=True))
    hf = HFTopK(pretrained=str(tiny_model), device="cpu", dtype="float32")
    engines: Any = lm, hf
    (got,), (expected,) = (engine.loglikelihood([asked], disable_tqdm=True) for engine in engines)
    differs = got.scores.top_ids != expected.scores.top_ids  # two logits that differ in the last digit may swap
    assert differs.mean() < 0.02
    assert (expected.scores.top_ids >= 0).any()


def test_another_k_and_one_that_is_too_large(lm, tiny_model):
    hf = HFTopK(pretrained=str(tiny_model), device="cpu", dtype="float32")
    assert_same(*(model.loglikelihood([request(TEXT, k=25)], disable_tqdm=True) for model in (lm, hf)))
    with pytest.raises(InputError, match="max_logprobs=100; raise max_logprobs"):
        lm.loglikelihood([request(TEXT, k=101)], disable_tqdm=True)


def test_the_store_serves_a_second_run(lm, tmp_path, monkeypatch):
    lm.score_store = str(tmp_path)
    try:
        first = lm.loglikelihood([request(TEXT)], disable_tqdm=True)
        monkeypatch.setattr(VLLMTopK, "read", None)
        again = lm.loglikelihood([request(TEXT)], disable_tqdm=True)
    finally:
        lm.score_store = None
    assert again[0].scores.logprob[1:].tolist() == first[0].scores.logprob[1:].tolist()


def test_scores_from_before_an_interrupt_are_in_the_store(lm, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_TOKENS_PER_CALL_WITH_STORE", 300)
    monkeypatch.setattr(lm, "score_store", str(tmp_path))
    generated = VLLMTopK._generated

    def interrupted(self, prompts, params):
        if list(tmp_path.glob("*/*.parquet")):
            raise KeyboardInterrupt
        return generated(self, prompts, params)

    monkeypatch.setattr(VLLMTopK, "_generated", interrupted)
    with pytest.raises(Interrupted):
        lm.loglikelihood(requests_of_several(), disable_tqdm=True)
    assert len(list(tmp_path.glob("*/*.parquet"))) == 1


def test_stock_requests_are_answered_as_by_vllm(lm):
    pairs = [Instance("loglikelihood", doc={}, arguments=pair, idx=0) for pair in [("a b", " c d"), ("q", "r")]]
    until = [
        Instance(
            "generate_until",
            doc={},
            arguments=("def f", {"until": ["\n"], "max_gen_toks": 8, "do_sample": False}),
            idx=0,
        )
    ]
    assert lm.loglikelihood(pairs, disable_tqdm=True) == VLLM.loglikelihood(lm, pairs, disable_tqdm=True)
    assert lm.generate_until(until) == VLLM.generate_until(lm, until)
    mixed = lm.loglikelihood([pairs[0], request(TEXT), pairs[1]], disable_tqdm=True)
    assert [mixed[0], mixed[2]] == VLLM.loglikelihood(lm, pairs, disable_tqdm=True)


def test_an_engine_that_ends_gives_a_one_line_error(lm, monkeypatch):
    def die(*_, **__):
        raise module.EngineDeadError

    monkeypatch.setattr(lm.model, "generate", die)
    with pytest.raises(InputError, match=r"engine stopped; its log above gives the reason\. With score_store="):
        lm.loglikelihood([request(TEXT)], disable_tqdm=True)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"logprobs_mode": "processed_logprobs"}, "logprobs_mode=processed_logprobs"),
        ({"pretrained": "/nowhere"}, "vllm-topk, pretrained=/nowhere: "),
        ({"pretrained": str(Path(__file__).parent)}, f"vllm-topk, pretrained={Path(__file__).parent}: "),
        ({"max_length": "abc"}, "max_length=abc: expected a number of tokens, 1 or more"),
        ({"tensor_parallel_size": "x"}, "tensor_parallel_size=x: expected a number of processes, 1 or more"),
        ({"stride": "abc"}, "stride=abc: expected a number of tokens, 1 or more"),
        ({"score_stor": "x"}, r"vllm-topk: --model_args has no score_stor=; did you mean score_store=\?"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(options, reason):
    with pytest.raises(InputError, match=reason) as raised:
        VLLMTopK(**options)
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(find_spec("ray") is not None, reason="ray is installed here")
def test_data_parallel_without_ray_is_refused():
    with pytest.raises(InputError, match="ray is required for data parallelism"):
        VLLMTopK(data_parallel_size=2)


def test_several_processes_are_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match=r"vllm-topk: WORLD_SIZE=2, .*; run one process, with tensor_parallel_size="):
        VLLMTopK()


@pytest.fixture(scope="module")
def served(tiny_model, tmp_path_factory):
    """The address of `vllm serve` with the embedded model."""
    log = tmp_path_factory.mktemp("serve") / "log"
    command = [
        Path(sys.executable).with_name("vllm"), "serve", tiny_model, "--dtype", "float32", "--enforce-eager",
        "--host", "127.0.0.1", "--port", str(PORT), "--max-model-len", str(CONTEXT),
    ]  # fmt: skip
    with log.open("wb") as out:
        server = subprocess.Popen([str(word) for word in command], stdout=out, stderr=subprocess.STDOUT)
    try:
        wait_for(f"http://127.0.0.1:{PORT}/health", server, log)
        yield f"http://127.0.0.1:{PORT}"
    finally:
        server.terminate()
        server.wait(60)


def wait_for(url, server, log):
    give_up = time.monotonic() + PATIENCE_SECONDS
    while True:
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < give_up, log.read_text()
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)


@pytest.mark.parametrize(("server", "answers"), [("auto", "vllm"), ("echo", "echo")])
def test_a_server_of_vllm_gives_the_numbers_of_hf_topk(served, tiny_model, expected, server, answers):
    lm = CompletionsTopK(base_url=served, model=str(tiny_model), server=server, num_concurrent=4)
    assert_same(
        lm.loglikelihood(requests_of_several(), disable_tqdm=True), expected, 10_000 if server == "auto" else 11
    )
    assert lm.signature["answers"] == answers
    assert lm.signature["engine"].startswith("vllm ")


def test_more_top_tokens_than_the_server_allows_are_refused(served, tiny_model):
    with pytest.raises(InputError, match=r"HTTP 400: .*greater than max allowed"):
        CompletionsTopK(base_url=served, model=str(tiny_model)).loglikelihood([request(TEXT, k=25)])


def test_a_prompt_longer_than_the_server_reads_is_refused(served, tiny_model):
    lm = CompletionsTopK(base_url=served, model=str(tiny_model), max_length=1000)
    with pytest.raises(InputError, match=r"HTTP 400: .*maximum context length"):
        lm.loglikelihood([request(TEXT * 9)])


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A file with the first turns of three trajectories."""
    return builders.first_turns(tmp_path_factory.mktemp("small") / "small.jsonl", 3)


def command(model, trajectories, model_args, out, **environment):
    """The numeric measures that the plain command writes."""
    done = subprocess.run(
        [
            sys.executable, "-m", "lm_eval", "--tasks", "swe_hesnr", "--model", model, "--model_args", model_args,
            "--metadata", json.dumps({"trajectories": str(trajectories), "only_resolved": False}),
            "--output_path", str(out),
        ],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, timeout=900,
        env=os.environ | environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    assert "|swe_hesnr|" in done.stdout
    (path,) = out.rglob("results*.json")
    measured = json.loads(path.read_text())["results"]["swe_hesnr"]
    return {name: value for name, value in measured.items() if isinstance(value, float) and "stderr" not in name}


@pytest.fixture(scope="module")
def measured(small, tiny_model, tmp_path_factory):
    args = f"pretrained={tiny_model},dtype=float32,max_length={CONTEXT - 1}"
    return command("hf-topk", small, args, tmp_path_factory.mktemp("hf"))


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="vLLM on the CPU wants a core for each part of the model")
def test_the_plain_command_with_the_model_split_in_two_gives_the_measures_of_hf_topk(
    measured, small, tiny_model, tmp_path
):
    args = f"pretrained={tiny_model},dtype=float32,max_model_len={CONTEXT},enforce_eager=True,tensor_parallel_size=2"
    got = command("vllm-topk", small, args, tmp_path, VLLM_CPU_OMP_THREADS_BIND="0|1")
    assert got == pytest.approx(measured, rel=1e-3)


def test_the_plain_command_with_a_server_gives_the_measures_of_hf_topk(served, measured, small, tiny_model, tmp_path):
    args = f"base_url={served}/v1/completions,model={tiny_model},num_concurrent=2"
    assert command("completions-topk", small, args, tmp_path) == pytest.approx(measured, rel=1e-3)
