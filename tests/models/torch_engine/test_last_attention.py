from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import JambaConfig, MistralConfig

from lm_eval_hesnr.models.torch_engine import last_attention
from lm_eval_hesnr.models.torch_engine.capabilities import find_capabilities
from lm_eval_hesnr.models.torch_engine.forward import RequestedRows
from lm_eval_hesnr.models.torch_engine.last_attention import LastAttention
from tests.builders import model

IDS = torch.randint(300, (200,), generator=torch.Generator().manual_seed(3))
ROWS = np.arange(20, 200, 4)
FORMS = {"keys": 8, "wanted": 4, "texts": 1, "n_rows": 8}
"""A small attention that may leave out rows."""


def plain_attention(query, key, value, scale):
    """The definition, in float64 and row by row."""
    n_shared = query.shape[1] // key.shape[1]
    key, value = (x.double().repeat_interleave(n_shared, dim=1) for x in (key, value))
    out = torch.zeros(*query.shape[:-1], value.shape[-1], dtype=torch.float64)
    for row in range(query.shape[2]):
        weights = (query[:, :, row, None].double() @ key[:, :, : row + 1].mT * scale).softmax(-1)
        out[:, :, row] = (weights @ value[:, :, : row + 1])[:, :, 0]
    return out


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    n=st.integers(2, 70),
    heads=st.sampled_from([(1, 1), (4, 2), (6, 1)]),
    value_dim=st.sampled_from([8, 5]),
    seed=st.integers(0, 99),
    data=st.data(),
)
def test_requested_rows_equal_the_definition_and_the_others_are_nan(n, heads, value_dim, seed, data):
    rows = sorted(data.draw(st.sets(st.integers(0, n - 1), min_size=1, max_size=n // 2)))
    generator = torch.Generator().manual_seed(seed)
    query = torch.randn(1, heads[0], n, 8, generator=generator)
    key = torch.randn(1, heads[1], n, 8, generator=generator)
    value = torch.randn(1, heads[1], n, value_dim, generator=generator)
    with LastAttention(1, torch.tensor(rows), n) as last:
        got = F.scaled_dot_product_attention(
            query, key, value, is_causal=True, scale=0.3, enable_gqa=heads[0] != heads[1]
        )
    assert last.is_restricted
    expected = plain_attention(query, key, value, 0.3)
    torch.testing.assert_close(got[:, :, rows].double(), expected[:, :, rows], atol=1e-5, rtol=0)
    others = sorted(set(range(n)) - set(rows))
    assert bool(got[:, :, others].isnan().all())


def test_blocks_change_nothing(monkeypatch):
    query = torch.randn(1, 4, 90, 16, generator=torch.Generator().manual_seed(1))
    rows = torch.arange(3, 90, 3)

    def restricted():
        with LastAttention(1, rows, 90):
            return F.scaled_dot_product_attention(query, query, query, is_causal=True)[:, :, rows]

    one = restricted()
    monkeypatch.setattr(last_attention, "_MASK", 200)  # two or three rows each
    torch.testing.assert_close(restricted(), one, atol=1e-6, rtol=0)


@pytest.mark.parametrize(
    "options",
    [
        {"attn_mask": torch.ones(8, 8, dtype=torch.bool)}, {"is_causal": False}, {"keys": 10}, {"wanted": 5},
        {"texts": 2}, {"n_rows": 16},
    ],
)  # fmt: skip
def test_other_kinds_of_attention_are_left_as_they_are(options):
    keys, wanted, texts, n_rows = (options.get(key, usual) for key, usual in FORMS.items())
    query, key = torch.randn(texts, 2, 8, 4), torch.randn(texts, 2, keys, 4)
    options = {"is_causal": "attn_mask" not in options} | {k: v for k, v in options.items() if k not in FORMS}
    with LastAttention(1, torch.arange(wanted), n_rows) as last:
        got = F.scaled_dot_product_attention(query, key, key, **options)
    assert not last.is_restricted
    assert torch.equal(got, F.scaled_dot_product_attention(query, key, key, **options))


@torch.inference_mode()
def test_only_the_last_attention_leaves_out_rows_and_the_requested_ones_are_the_same():
    lm = model(num_hidden_layers=3)
    scorer = RequestedRows(lm, name="tiny")
    assert scorer.capabilities.n_attentions == 3
    with LastAttention(3, torch.as_tensor(ROWS), 200) as last:
        got = lm(input_ids=IDS[None], use_cache=False).logits[0]
    assert last.is_restricted
    assert last.n_seen == 3
    torch.testing.assert_close(got[ROWS], lm(input_ids=IDS[None], use_cache=False).logits[0][ROWS], atol=1e-5, rtol=0)
    assert sorted(set(range(200)) - set(ROWS.tolist())) == got.isnan().any(-1).nonzero().squeeze(1).tolist()


@pytest.mark.parametrize(
    ("lm", "expected"),
    [
        (model(attention="eager"), 0),
        (model(JambaConfig, attn_layer_period=2, attn_layer_offset=1, use_mamba_kernels=False, num_experts=1), 1),
        # here a state space layer comes after the attention, and mixes its rows
        (model(JambaConfig, attn_layer_period=2, attn_layer_offset=0, use_mamba_kernels=False, num_experts=1), 0),
    ],
    ids=["eager", "attention last", "state space last"],
)
def test_rows_are_left_out_only_if_no_later_layer_mixes_rows(lm, expected):
    assert RequestedRows(lm, name="tiny").capabilities.n_attentions == expected


@torch.inference_mode()
def test_a_sliding_window_is_left_to_the_model():
    lm = model(MistralConfig, sliding_window=100)  # longer than the test at load, shorter than the text
    scorer = RequestedRows(lm, name="tiny")
    assert scorer.capabilities.n_attentions == 2
    torch.testing.assert_close(statistics_of(scorer).logprob, full_logprobs(lm), atol=1e-5, rtol=0)
    assert scorer.capabilities.n_attentions == 2


class AddsEarlierRow(torch.nn.Module):
    """A norm that adds the row `distance` rows earlier: causal, but it does not treat each row separately."""

    def __init__(self, norm, distance):
        super().__init__()
        self.norm, self.distance = norm, distance

    def forward(self, hidden):
        earlier = F.pad(hidden, (0, 0, self.distance, 0))[:, : hidden.shape[1]]
        return self.norm(hidden + earlier)


def statistics_of(scorer):
    return scorer.statistics(IDS[:-1], ROWS - 1, IDS[ROWS], 10)


@torch.inference_mode()
def full_logprobs(lm):
    full = lm(input_ids=IDS[None, :-1], use_cache=False).logits[0].log_softmax(-1)
    return full[ROWS - 1].gather(1, IDS[ROWS][:, None]).squeeze(1)


@pytest.mark.parametrize(("distance", "is_seen_at_load"), [(1, True), (3, True), (63, True), (64, False), (101, False)])
def test_rows_that_later_layers_use_are_not_left_out(distance, is_seen_at_load, caplog):
    lm = model()
    lm.model.norm = AddsEarlierRow(lm.model.norm, distance)
    scorer = RequestedRows(lm, name="tiny")
    assert scorer.capabilities.n_attentions == (0 if is_seen_at_load else 2)
    got = statistics_of(scorer).logprob
    torch.testing.assert_close(got, full_logprobs(lm), atol=1e-5, rtol=0)
    assert scorer.capabilities.n_attentions == 0
    assert ("continuing with all rows" in caplog.text) != is_seen_at_load


def test_a_model_that_attends_more_often_than_when_tested_gets_all_rows(caplog):
    lm = model()
    capabilities = replace(find_capabilities(lm, "tiny"), n_attentions=1)
    scorer = RequestedRows(lm, name="tiny", capabilities=capabilities)
    torch.testing.assert_close(statistics_of(scorer).logprob, full_logprobs(lm), atol=1e-5, rtol=0)
    assert scorer.capabilities.n_attentions == 0
    assert "continuing with all rows" in caplog.text


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_not_in_16_bits_since_a_single_row_is_rounded_differently(dtype):
    assert RequestedRows(model().to(dtype), name="tiny").capabilities.n_attentions == 0


@pytest.mark.parametrize("chunk", [None, 100])
def test_numbers_of_a_row_hardly_depend_on_which_other_rows_are_requested(chunk):
    scorer = RequestedRows(model(), name="tiny")
    scorer.budget.largest_chunk = chunk
    some, everything = statistics_of(scorer), scorer.statistics(IDS[:-1], np.arange(199), IDS[1:], 10)
    torch.testing.assert_close(some.logprob, everything.logprob[ROWS - 1], atol=1e-5, rtol=0)
    torch.testing.assert_close(some.entropy, everything.entropy[ROWS - 1], atol=1e-5, rtol=0)
    assert scorer.capabilities.n_attentions == 2
