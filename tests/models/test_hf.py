import logging
import math
import re
import shutil
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
from transformers import AutoModelForCausalLM, GPT2Config

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.metrics.temperatures import INVERSE_TEMPERATURES
from lm_eval_hesnr.models.hf import HFTopK
from lm_eval_hesnr.models.torch_engine.capabilities import find_capabilities
from lm_eval_hesnr.models.torch_engine.forward import RequestedRows
from lm_eval_hesnr.scoring.statistics import ALL_EXTRAS
from tests.builders import request

TEXT = "### Agent\nTHOUGHT: söme   prose 漢字\n\n```bash\ngrep -rn 'x'  src/ # why\n```\n\n### Observation\nnothing\n\n"


def naive(model, tokenizer, context, continuation, k=10):
    """Full logits in float32, a full sort: ids, and (logprob, entropy, rank, top_mass) of tokens 1 ... T - 1."""
    ids = torch.tensor(tokenizer(context + continuation, split_special_tokens=True)["input_ids"])
    with torch.inference_mode():
        logits = model(ids[None]).logits[0, :-1].float()
    p = torch.softmax(logits, -1)
    mass = p.sort(-1, descending=True).values[:, :k]
    q = mass / mass.sum(-1, keepdim=True)
    target = ids[1:, None]
    logprob = torch.log_softmax(logits, -1).gather(1, target).squeeze(1)
    rank = 1 + (logits > logits.gather(1, target)).sum(-1)
    return ids.numpy(), [x.numpy() for x in (logprob, -(q * q.log()).sum(-1), rank, mass.sum(-1))]


def assert_equal_to_naive(scores, expected):
    ids, columns = expected
    at = np.flatnonzero(scores.scored)
    assert scores.token_ids.tolist() == ids.tolist()
    logprob, entropy, rank, top_mass = (column[at - 1] for column in columns)
    np.testing.assert_allclose(scores.logprob[at], logprob, atol=1e-4)
    np.testing.assert_allclose(scores.entropy[at], entropy, atol=1e-5)
    assert scores.rank[at].tolist() == rank.tolist()
    np.testing.assert_allclose(scores.top_mass[at], top_mass, atol=1e-5)


@pytest.fixture(scope="module")
def lm(random_model):
    return HFTopK(pretrained=str(random_model), device="cpu")


def test_one_pass_equals_full_logits(lm):
    (result,) = lm.loglikelihood([request("### Task\nfix it\n\n", TEXT)], disable_tqdm=True)
    expected = naive(lm.model, lm.tokenizer, "### Task\nfix it\n\n", TEXT)
    assert_equal_to_naive(result.scores, expected)
    logprob, is_greedy = result
    assert logprob == pytest.approx(result.scores.logprob[result.scores.scored].sum())
    assert is_greedy is False


def test_only_the_requested_tokens_are_scored(lm):
    text = "abc def"
    scored = np.zeros(len(text), bool)
    scored[4:] = True
    (result,) = lm.loglikelihood([request("", text, to_score=scored)], disable_tqdm=True)
    scores = result.scores
    assert scores.scored.tolist() == [bool(end > 4) for end in scores.char_end]
    assert np.isnan(scores.logprob[~scores.scored]).all()
    assert (scores.rank[~scores.scored] == 0).all()


def test_offsets_cover_the_text_even_if_the_tokenizer_trims_blanks(lm):
    (result,) = lm.loglikelihood([request("", TEXT)], disable_tqdm=True)
    covered = np.zeros(len(TEXT), int)
    for start, end in zip(result.scores.char_start, result.scores.char_end, strict=True):
        covered[start:end] = 1
    assert covered.all()


def test_several_windows_equal_a_loop_over_windows(random_model):
    lm: Any = HFTopK(pretrained=str(random_model), device="cpu", max_length=100, stride=40)
    text = TEXT * 12
    (result,) = lm.loglikelihood([request("", text)], disable_tqdm=True)
    scores = result.scores
    start = done = 0
    while done < len(scores.token_ids):
        ids = torch.tensor(scores.token_ids[start : start + 100].astype(np.int64))
        with torch.inference_mode():
            logprobs = torch.log_softmax(lm.model(ids[None]).logits[0, :-1], -1)
        new = range(max(done, 1), start + len(ids))
        for position in new:
            expected = logprobs[position - start - 1, scores.token_ids[position]]
            assert scores.logprob[position] == pytest.approx(float(expected), abs=1e-4)
        done, start = start + len(ids), start + 40
    assert scores.scored[1:].all()
    assert scores.short_context == len(scores.token_ids) - 100


@pytest.mark.parametrize("score_all", [True, False])
@pytest.mark.parametrize("rope_type", ["dynamic", "longrope", "yarn", "linear"])
def test_an_extended_context_equals_a_model_loaded_with_that_rope(random_model, rope_type, score_all):
    lm: Any = HFTopK(pretrained=str(random_model), device="cpu", rope_type=rope_type, rope_factor=4)
    assert lm.max_length == 1024
    settings = {"rope_type": rope_type, "rope_theta": 10000.0, "factor": 4.0}
    if rope_type in ("yarn", "longrope"):
        settings["original_max_position_embeddings"] = 256
    if rope_type == "longrope":
        settings |= {"short_factor": [1.0] * 8, "long_factor": [4.0] * 8}
    expected = AutoModelForCausalLM.from_pretrained(
        random_model, rope_parameters=settings, max_position_embeddings=256 if rope_type == "dynamic" else 1024
    )
    text = TEXT * 8
    scored = np.arange(len(text)) < (len(text) if score_all else 100)  # must not change the numbers
    (result,) = lm.loglikelihood([request("", text, to_score=scored)], disable_tqdm=True)
    assert 256 < len(result.scores.token_ids) < 1024
    assert result.scores.short_context == 0
    assert_equal_to_naive(result.scores, naive(expected, lm.tokenizer, "", text))
    assert result.scores.signature["rope"] == f"{rope_type} x 4 of 256 to 1024 tokens"
    assert result.scores.signature["window"] == 1024


def test_max_length_is_the_context_after_the_extension(random_model):
    lm: Any = HFTopK(pretrained=str(random_model), device="cpu", rope_type="yarn", rope_factor=4.0, max_length=500)
    assert (lm.max_length, lm.stride) == (500, 250)
    assert lm.signature["rope"] == "yarn x 4 of 256 to 500 tokens"


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"rope_type": "yarn"}, "rope_type is given without rope_factor"),
        ({"rope_factor": 2.0}, "rope_factor is given without rope_type"),
        ({"rope_type": "yarn", "rope_factor": "abc"}, "rope_factor=abc: expected a number"),
        ({"rope_type": "ntk", "rope_factor": 2.0}, "rope_type=ntk: expected one of"),
        ({"rope_type": "yarn", "rope_factor": "inf"}, "rope_factor=inf: expected a number, 1 or more"),
        ({"max_length": "abc"}, "max_length=abc: expected a number of tokens, 2 or more"),
        ({"max_length": 1}, "max_length=1: expected a number of tokens, 2 or more"),
        ({"max_length": 0}, "max_length=0: expected a number of tokens, 2 or more"),
        ({"max_length": -5, "rope_type": "yarn", "rope_factor": 2}, "max_length=-5: expected a number of tokens"),
        ({"stride": "abc"}, "stride=abc: expected a number of tokens, 1 or more"),
        ({"mem_budget": "plenty"}, "mem_budget=plenty: expected bytes"),
        ({"scorestore": "x"}, r"hf-topk: --model_args has no scorestore=; did you mean score_store=\?"),
        ({"quite_unlike": 1}, "hf-topk: --model_args has no quite_unlike=; leave it out"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(random_model, options, line):
    with pytest.raises(InputError, match=f"^{line}"):
        HFTopK(pretrained=str(random_model), device="cpu", **options)


def test_a_store_that_is_a_file_is_refused_before_the_model_is_loaded(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"^score_store: cannot make the folder .*file \(File exists\)"):
        HFTopK(pretrained="no/such/model", score_store=str(tmp_path / "file"))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"max_length": 300}, "max_length=300 is more than the context of 256 tokens"),
        ({"max_length": 600, "rope_type": "yarn", "rope_factor": 2}, "max_length=600 is more than rope_factor=2 times"),
        ({"rope_type": "longrope", "rope_factor": 2}, "rope_type=longrope: this model has no short_factor"),
        ({"max_length": 512, "rope_type": "yarn", "rope_factor": 2}, None),
        ({"max_length": 256}, None),
    ],
)
def test_positions_that_the_model_does_not_know_give_a_warning(random_model, options, line, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("lm_eval"), "propagate", True)
    HFTopK(pretrained=str(random_model), device="cpu", **options)
    messages = [record.getMessage() for record in caplog.records if record.name == "lm_eval.hesnr"]
    assert [one.startswith(line) for one in messages] == [True] if line else messages == []


def test_a_missing_checkpoint_is_named_in_one_line(tmp_path):
    (tmp_path / "empty").mkdir()
    for name, begin in ((tmp_path / "empty", ""), (tmp_path / "no" / "such" / "folder", "there is no such folder; ")):
        with pytest.raises(InputError, match=f"^hf-topk, pretrained={re.escape(str(name))}: {begin}[^\n]+$") as raised:
            HFTopK(pretrained=str(name))
        assert ("no such folder" in str(raised.value)) == bool(begin)


def test_a_truncated_checkpoint_is_named_in_one_line(random_model, tmp_path):
    shutil.copytree(random_model, tmp_path, dirs_exist_ok=True)
    weights = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    with pytest.raises(InputError, match=f"^hf-topk, pretrained={re.escape(str(tmp_path))}: [^\n]+$"):
        HFTopK(pretrained=str(tmp_path))


def test_more_positions_than_a_model_has_learned_are_refused(random_model, tmp_path):
    config = GPT2Config(n_layer=1, n_head=2, n_embd=16, vocab_size=1024, n_positions=64)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(random_model / name, tmp_path)
    with pytest.raises(InputError, match=r"^max_length=65: .* has a table of only 64 positions; leave out max_length="):
        HFTopK(pretrained=str(tmp_path), device="cpu", max_length=65)
    lm: Any = HFTopK(pretrained=str(tmp_path), device="cpu", max_length=64)
    (result,) = lm.loglikelihood([request("", TEXT * 3)], disable_tqdm=True)
    assert len(result.scores.token_ids) > 64
    assert result.scores.scored.sum() == len(result.scores.token_ids) - 1


def test_a_window_of_one_token_is_refused(random_model):
    """Prompt tuning may take all but one token of the context."""
    lm: Any = HFTopK(pretrained=str(random_model), device="cpu")
    prompt_tuned = replace(lm._rows.capabilities, shift=255)
    lm._rows = RequestedRows(lm.model, name="tiny", capabilities=prompt_tuned)
    with pytest.raises(InputError, match="its context leaves 1 tokens for a window, expected at least 2"):
        lm.loglikelihood([request("", TEXT)], disable_tqdm=True)


@pytest.mark.parametrize("mem_budget", ["1GiB", "200 MB", 100])
def test_a_budget_changes_the_blocks_and_no_number(random_model, mem_budget, caplog, monkeypatch):
    """Down to one row at a time, and chunks of 512 tokens."""
    monkeypatch.setattr(logging.getLogger("lm_eval"), "propagate", True)
    lm: Any = HFTopK(
        pretrained=str(random_model), device="cpu", mem_budget=mem_budget, max_length=4096, attn_implementation="eager"
    )
    text = TEXT * 20
    (result,) = lm.loglikelihood([request("", text)], disable_tqdm=True)
    assert sum("mem_budget=100 bytes is too small" in message for message in caplog.messages) == (mem_budget == 100)
    assert len(result.scores.token_ids) > 600
    assert_equal_to_naive(result.scores, naive(lm.model, lm.tokenizer, "", text))
    expected = {"1GiB": (512, "one call"), "200 MB": (512, 1024), 100: (1, 512)}[mem_budget]
    assert (result.scores.signature["rows_per_block"], result.scores.signature["chunk"]) == expected


def test_the_signature_has_the_blocks_as_they_are_now(random_model):
    lm: Any = HFTopK(pretrained=str(random_model), device="cpu")
    assert lm.signature["rows_per_block"] == 512
    lm._rows.budget.rows = 7  # as after an out-of-memory error
    assert lm.signature["rows_per_block"] == 7


def test_the_signature_says_what_the_numbers_depend_on(lm):
    wanted = {"dtype": "float32", "attention": "sdpa", "window": 256, "stride": 128, "rope": None, "head": "native"}
    assert wanted.items() <= lm.signature.items()


def test_text_that_looks_like_a_control_token_stays_text(lm):
    text = "echo '<|im_start|>' done"
    (plain,) = lm.loglikelihood([request("", text)], disable_tqdm=True)
    (rendered,) = lm.loglikelihood([request("", text, label=Label.TEMPLATE, has_template=True)], disable_tqdm=True)
    control = lm.tokenizer.convert_tokens_to_ids("<|im_start|>")
    assert control not in plain.scores.token_ids
    assert control in rendered.scores.token_ids


def test_repeated_and_mixed_requests_keep_their_order(lm):
    long, short = request("", TEXT), request("", "a b c")
    plain = Instance("loglikelihood", doc={}, arguments=("a b", " c"), idx=0)
    got = lm.loglikelihood([short, plain, long, short], disable_tqdm=True)
    assert got[0] is got[3]
    assert len(got[2].scores.token_ids) > len(got[0].scores.token_ids)
    assert got[1] == HFLM.loglikelihood(lm, [plain], disable_tqdm=True)[0]


def test_requests_without_labels_are_answered_as_by_hf(lm, random_model):
    hf = HFLM(pretrained=str(random_model), device="cpu")
    pairs = [
        Instance("loglikelihood", doc={}, arguments=pair, idx=0) for pair in [("a b", " c d"), ("", "x y"), ("q", "r")]
    ]
    rolling = [Instance("loglikelihood_rolling", doc={}, arguments=(TEXT * 4,), idx=0)]
    until = [Instance("generate_until", doc={}, arguments=("def f", {"until": ["\n"], "max_gen_toks": 8}), idx=0)]
    assert lm.loglikelihood(pairs, disable_tqdm=True) == hf.loglikelihood(pairs, disable_tqdm=True)
    assert lm.loglikelihood_rolling(rolling, disable_tqdm=True) == hf.loglikelihood_rolling(rolling, disable_tqdm=True)
    assert lm.generate_until(until, disable_tqdm=True) == hf.generate_until(until, disable_tqdm=True)


def test_hf_itself_refuses_a_labelled_request_at_once(random_model):
    hf = HFLM(pretrained=str(random_model), device="cpu")
    with pytest.raises(InputError, match="use --model hf-topk"):
        hf.loglikelihood([request("context", TEXT)], disable_tqdm=True)


def test_logits_that_are_not_numbers_stop_the_run(random_model):
    lm: Any = HFTopK(pretrained=str(random_model), device="cpu")
    lm._rows = RequestedRows(lm.model, name="tiny")  # tested while the weights are good
    next(lm.model.parameters()).data[5:40] = float("nan")
    with pytest.raises(InputError, match="no finite logprob at token"):
        lm.loglikelihood([request("", TEXT)], disable_tqdm=True)
    broken = HFTopK(pretrained=lm.model, tokenizer=lm.tokenizer)
    with pytest.raises(InputError, match="the logits of 64 random tokens are not finite"):
        broken.loglikelihood([request("", TEXT)], disable_tqdm=True)


@pytest.mark.parametrize("stride", [0, 256, -3, "abc"])
def test_a_stride_that_covers_nothing_is_refused(random_model, stride):
    with pytest.raises(InputError, match="stride="):
        HFTopK(pretrained=str(random_model), device="cpu", stride=stride)


def test_a_run_without_a_token_to_score_is_named_and_the_others_are_scored(random_model, tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("lm_eval"), "propagate", True)
    lm: Any = HFTopK(pretrained=str(random_model), device="cpu", score_store=str(tmp_path))
    nothing, something = lm.loglikelihood([request("all of it", ""), request("a", TEXT)], disable_tqdm=True)
    assert "no token to score, only context, in 1 of 2 trajectories: a run" in caplog.text
    assert nothing == (0.0, True)
    assert not nothing.scores.scored.any()
    assert len(nothing.scores.logprob) == len(nothing.scores.token_ids) > 0
    assert something.scores.scored.any()
    assert len(list(tmp_path.glob("*/*.parquet"))) == 1


def test_bf16_has_the_numbers_of_a_float32_head(random_model):
    """Against full logits made in float32 of the bf16 model's own hidden states."""
    lm: Any = HFTopK(pretrained=str(random_model), device="cpu", dtype="bfloat16")
    capabilities = find_capabilities(lm.model, "tiny", float32_is_free=True)
    lm._rows = RequestedRows(lm.model, name="tiny", capabilities=capabilities)
    (result,) = lm.loglikelihood([request("", TEXT)], disable_tqdm=True)
    assert result.scores.signature["head"] == "float32"

    def wide(ids):
        hidden = lm.model.model(ids[:, :-1]).last_hidden_state.float()
        hidden = torch.cat([hidden, hidden[:, -1:]], dim=1)  # nothing follows the last token
        return SimpleNamespace(logits=hidden @ lm.model.lm_head.weight.float().T)

    assert_equal_to_naive(result.scores, naive(wide, lm.tokenizer, "", TEXT))


def test_more_candidates_than_the_vocabulary_has_are_refused(lm):
    with pytest.raises(InputError, match=r"k=5000: .* has a vocabulary of 1024"):
        lm.loglikelihood([request("", TEXT, k=5000)], disable_tqdm=True)


@pytest.mark.parametrize("stride", [None, 24])
def test_the_optional_statistics_equal_full_logits(random_model, stride):
    """Also over several windows: a window of 40 tokens, whose first 16 are context."""
    options = {} if stride is None else {"max_length": 40, "stride": stride}
    lm: Any = HFTopK(pretrained=str(random_model), device="cpu", **options)
    (result, plain_result) = lm.loglikelihood(
        [request("ab", TEXT, extras=ALL_EXTRAS), request("ab", TEXT)], disable_tqdm=True
    )
    scores, plain = result.scores, plain_result.scores
    ids = torch.tensor(scores.token_ids.tolist())
    for t in np.flatnonzero(scores.scored):
        window = next(w for w in lm.encode(request("ab", TEXT)).plan if t in w.positions)
        with torch.inference_mode():
            logits = lm.model(ids[window.start : t][None]).logits[0, -1].double()
        relative = logits - logits.max()
        exact = torch.logsumexp(relative * torch.as_tensor(INVERSE_TEMPERATURES)[:, None], -1)
        np.testing.assert_allclose(scores.log_z[t], exact, atol=1e-4)
        top = relative.topk(10)
        if not np.isnan(scores.top_logits[t, 0]):
            np.testing.assert_allclose(scores.top_logits[t], top.values, atol=1e-4)
        if scores.entropy[t] > math.log(2) and scores.rank[t] <= 10:
            assert scores.top_ids[t].tolist() == top.indices.tolist()
            np.testing.assert_allclose(scores.top_logprobs[t], torch.log_softmax(logits, -1)[top.indices], rtol=1e-3)
        else:
            assert (scores.top_ids[t] == -1).all()
    not_scored = ~scores.scored
    assert np.isnan(scores.log_z[not_scored]).all()
    assert (scores.top_ids[not_scored] == -1).all()
    assert plain.log_z is None
    assert plain.top_ids is None
    assert plain.logprob[scores.scored].tolist() == scores.logprob[scores.scored].tolist()
