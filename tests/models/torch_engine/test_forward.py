import logging
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from transformers import Gemma2Config, MambaConfig, PhiConfig

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.models.torch_engine import capabilities
from lm_eval_hesnr.models.torch_engine import head as module
from lm_eval_hesnr.models.torch_engine.capabilities import find_capabilities
from lm_eval_hesnr.models.torch_engine.forward import RequestedRows
from lm_eval_hesnr.models.torch_engine.memory import Budget, ModelShape
from lm_eval_hesnr.models.torch_engine.rope import extend_rope
from lm_eval_hesnr.models.torch_engine.topk import row_statistics
from tests.builders import SIZES, model

IDS = torch.randint(300, (150,), generator=torch.Generator().manual_seed(3))
ROWS = np.array([r for r in range(149) if r % 5 < 2 and not 40 <= r < 90])  # one whole chunk has no requested rows
TARGETS = IDS[torch.as_tensor(ROWS) + 1]


def scorer(lm, *, float32_is_free=None, is_native=False, budget=None, **changed):
    """A scorer of `lm` with its tested capabilities, some of them changed. A native head is called in the model."""
    capabilities = replace(find_capabilities(lm, "tiny", float32_is_free=float32_is_free), **changed)
    if is_native and capabilities.head is not None:
        capabilities.head.matrix = None
    return RequestedRows(lm, name="tiny", capabilities=capabilities, budget=budget)


@torch.inference_mode()
def full(lm, n_tokens=149):
    return row_statistics(lm(input_ids=IDS[None, :n_tokens], use_cache=False).logits[0][ROWS], TARGETS, 10)


def assert_same(got, expected, atol=1e-5):
    torch.testing.assert_close(got.logprob, expected.logprob, atol=atol, rtol=0)
    torch.testing.assert_close(got.entropy, expected.entropy, atol=atol, rtol=0)
    assert got.rank.tolist() == expected.rank.tolist()
    torch.testing.assert_close(got.top_mass, expected.top_mass, atol=atol, rtol=0)


def budget(lm, *, n_bytes=2**30, rows=7, largest_chunk=None):
    made = Budget(ModelShape.of(lm, 300), n_bytes, on_cpu=True)
    made.rows, made.largest_chunk = rows, largest_chunk
    return made


def test_every_way_gives_the_full_logits():
    lm = model()
    ways = {
        "matrix": scorer(lm, budget=budget(lm)),
        "head": scorer(lm, budget=budget(lm), is_native=True),
        "logits_to_keep": scorer(lm, budget=budget(lm), head=None),
        "repeated": scorer(lm, budget=budget(lm, n_bytes=1), head=None, chunks_agree=False),
        "matrix in chunks": scorer(lm, budget=budget(lm, largest_chunk=32)),
        "head in chunks": scorer(lm, budget=budget(lm, largest_chunk=32), is_native=True),
        "chunks": scorer(lm, budget=budget(lm, largest_chunk=32), head=None),
    }
    for rows in ways.values():
        assert_same(rows.statistics(IDS[:-1], ROWS, TARGETS, 10), full(lm))


def test_capabilities_and_budget_that_are_passed_in_are_used_untested():
    lm = model()
    known = replace(find_capabilities(lm, "tiny"), n_attentions=0)
    never_run = SimpleNamespace(device=torch.device("cpu"))
    rows = RequestedRows(never_run, name="tiny", capabilities=known, budget=budget(lm, rows=5))
    assert rows.plan(100) == {
        "head": "native", "rows_per_block": 5, "chunk": "one call", "last_attention": "all rows",
    }  # fmt: skip


def test_chunks_for_rows_of_logits_are_never_shorter_than_the_smallest_and_are_in_the_plan():
    lm = model()
    small = budget(lm, n_bytes=4 * 4 * 300 * 9, rows=128)  # nine rows a call
    rows = scorer(lm, head=None, budget=small)
    assert rows.budget.rows_per_call == 128  # never fewer than a block
    assert rows.plan(1000)["chunk"] == 256


def test_nothing_is_read_after_the_last_requested_row():
    lm = model()
    rows = scorer(lm)
    rows.budget.largest_chunk = 32
    n_read = []
    lm.model.layers[0].register_forward_hook(lambda _module, _inputs, output: n_read.append(output.shape[1]))
    first = ROWS[ROWS < 40]
    rows.statistics(IDS[:-1], first, TARGETS[: len(first)], 10)
    assert n_read == [32, 32]  # two chunks of five


def test_the_body_runs_once_over_any_number_of_blocks():
    lm = model()
    rows = scorer(lm)
    rows.budget.rows = 1
    calls: list[None] = []
    lm.model.layers[0].register_forward_hook(lambda *_: calls.append(None))
    rows.statistics(IDS[:-1], ROWS, TARGETS, 10)
    assert len(calls) == 1


def test_scoring_leaves_the_model_unchanged():
    lm = model()
    before = full(lm)
    scorer(lm).statistics(IDS[:-1], ROWS, TARGETS, 10)
    assert "forward" not in vars(lm.model)
    assert not lm.model._forward_hooks
    assert_same(full(lm), before, atol=0)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_plain_16_bit_head_is_a_float32_product(dtype):
    lm = model(dtype=dtype)
    rows = scorer(lm, float32_is_free=True)
    assert rows.plan(100)["head"] == "float32"
    with torch.inference_mode():
        hidden = lm.model(input_ids=IDS[None, :-1]).last_hidden_state[0]
        exact = (hidden.double() @ lm.lm_head.weight.double().T)[ROWS].float()
    assert_same(rows.statistics(IDS[:-1], ROWS, TARGETS, 10), row_statistics(exact, TARGETS, 10), atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_head_with_capped_logits_is_not_treated_as_a_plain_matrix(dtype):
    """A cap of 30 hardly changes small random logits."""
    lm = model(Gemma2Config, dtype=dtype, head_dim=16, final_logit_softcapping=30.0, initializer_range=0.02)
    rows = scorer(lm, float32_is_free=True)
    assert rows.plan(100)["head"] == "native"
    assert rows.capabilities.head.matrix is None
    assert rows.budget.rows == 128  # each block is new memory


def test_a_head_with_a_hook_is_not_treated_as_a_plain_matrix():
    lm = model()
    lm.lm_head.register_forward_pre_hook(
        lambda _module, inputs: (inputs[0].clamp(max=1e3),)
    )  # the test would not see it
    rows = scorer(lm)
    assert rows.capabilities.head.matrix is None


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_all_blocks_of_a_plain_matrix_are_in_one_buffer_with_the_models_own_logits(dtype):
    lm = model(PhiConfig, dtype=dtype)  # its head has a bias
    torch.nn.init.normal_(lm.lm_head.bias)
    head = scorer(lm, float32_is_free=False).capabilities.head
    with torch.inference_mode():
        hidden, _ = head.hidden(IDS[:23], use_cache=False)
        blocks = [(block, block.clone()) for block in head.blocks(hidden, 10)]
        torch.testing.assert_close(torch.cat([copy for _, copy in blocks]), head.native_logits(hidden))
    assert [len(block) for block, _ in blocks] == [10, 10, 3]
    assert len({block.data_ptr() for block, _ in blocks}) == 1


@pytest.mark.parametrize("tile", [128, 8192])
def test_float32_logits_are_the_same_in_tiles_in_a_buffer_and_with_a_bias(tile, monkeypatch):
    monkeypatch.setattr(module, "_TILE", tile)  # 300 entries: two whole tiles and a part
    lm = model(PhiConfig, dtype=torch.bfloat16)
    torch.nn.init.normal_(lm.lm_head.bias)
    head = scorer(lm, float32_is_free=True).capabilities.head
    assert head.is_wide
    with torch.inference_mode():
        hidden, _ = head.hidden(IDS[:23], use_cache=False)
        found = torch.cat([block.clone() for block in head.blocks(hidden, 10)])
        exact = hidden.double() @ lm.lm_head.weight.double().T + lm.lm_head.bias.double()
    assert found.dtype == torch.float32
    torch.testing.assert_close(found.double(), exact, atol=1e-5, rtol=1e-6)


@pytest.mark.parametrize("has_bf16", [True, False])
def test_the_float32_product_is_made_only_where_it_costs_nothing(has_bf16, monkeypatch):
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_bf16)
    assert scorer(model(dtype=torch.bfloat16)).plan(100)["head"] == ("native" if has_bf16 else "float32")
    assert scorer(model(dtype=torch.float16)).plan(100)["head"] == "native"


def test_float32_heads_stay_native():
    expected = {"head": "native", "rows_per_block": 512, "chunk": "one call", "last_attention": "wanted rows"}
    assert scorer(model()).plan(100) == expected


def test_a_state_space_model_is_run_in_one_call():
    lm = model(MambaConfig, state_size=8, num_attention_heads=None, num_key_value_heads=None)
    rows = scorer(lm)
    assert not rows.capabilities.chunks_agree
    rows.budget.largest_chunk = 32
    assert_same(rows.statistics(IDS[:-1], ROWS, TARGETS, 10), full(lm))


@pytest.mark.parametrize("rope_type", ["dynamic", "longrope"])
@pytest.mark.parametrize("has_head", [True, False])
def test_rope_that_depends_on_the_length_reads_all_in_one_call(rope_type, has_head):
    lm = model(max_position_embeddings=64)
    extend_rope(lm, rope_type, 4.0)
    expected = full(lm)
    fresh = model(max_position_embeddings=64)
    extend_rope(fresh, rope_type, 4.0)
    rows = scorer(fresh) if has_head else scorer(fresh, head=None, budget=budget(fresh, n_bytes=1))
    assert rows.needs_whole_text
    rows.statistics(torch.cat([IDS, IDS])[:250], ROWS, TARGETS, 10)  # a longer text before must not change the result
    rows.budget.largest_chunk = 32
    assert_same(rows.statistics(IDS[:-1], ROWS, TARGETS, 10), expected)


class OutOfRoom(torch.nn.Module):
    """A model that raises a device's out-of-memory error for more than `most_tokens` tokens at once."""

    def __init__(self, lm, most_tokens, error=torch.OutOfMemoryError):
        super().__init__()
        self.lm, self.most_tokens, self.error, self.refused = lm, most_tokens, error, 0
        self.config, self.get_input_embeddings = lm.config, lm.get_input_embeddings
        self.get_decoder, self.get_output_embeddings = lm.get_decoder, lm.get_output_embeddings

    device = property(lambda self: self.lm.device)
    dtype = property(lambda self: self.lm.dtype)

    def forward(self, input_ids, **options):
        if input_ids.shape[1] > self.most_tokens:
            self.refused += 1
            raise self.error("DefaultCPUAllocator: can't allocate memory")
        return self.lm(input_ids=input_ids, **options)


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError, MemoryError])
def test_out_of_memory_halves_the_chunk_and_continues_with_one_warning(error, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("lm_eval"), "propagate", True)
    monkeypatch.setattr("lm_eval_hesnr.models.torch_engine.memory.SMALLEST_CHUNK", 64)
    lm = model()
    rows = scorer(OutOfRoom(lm, 70, error))
    n_read: list[int] = []
    assert_same(rows.statistics(IDS[:-1], ROWS, TARGETS, 10, n_read.append), full(lm))
    assert sum(n_read) == sum(n for n in n_read if n > 0)  # nothing was read before the first call ran out
    assert n_read[-1] == ROWS[-1] + 1 - 128 or sum(n_read) == 149
    assert (rows.budget.rows, rows.budget.largest_chunk) == (256, 64)
    rows.statistics(IDS[:-1], ROWS, TARGETS, 10)
    assert rows.model.refused == 1
    (message,) = [record.getMessage() for record in caplog.records]
    assert message == (
        "tiny: out of memory over 149 tokens; continuing with 256 rows per block and 64 tokens per call, and smaller "
        "blocks if it happens again (mem_budget= in --model_args sets the first size)"
    )


def test_out_of_memory_in_the_head_halves_the_rows():
    lm = model()
    rows = scorer(lm, chunks_agree=False, is_native=True)
    native = rows.capabilities.head.native_logits

    def small_only(hidden):
        if len(hidden) > 20:
            raise torch.OutOfMemoryError
        return native(hidden)

    rows.capabilities.head.native_logits = small_only
    assert_same(rows.statistics(IDS[:-1], ROWS, TARGETS, 10), full(lm))
    assert rows.budget.rows == 16


def test_too_little_memory_for_the_smallest_blocks_is_an_error():
    rows = scorer(OutOfRoom(model(), 64))
    rows.model.most_tokens = 1
    with pytest.raises(InputError, match="out of memory on cpu over 149 tokens even with the smallest blocks"):
        rows.statistics(IDS[:-1], ROWS, TARGETS, 10)


def test_another_error_is_not_treated_as_out_of_memory():
    rows = scorer(model())
    with pytest.raises((IndexError, RuntimeError)):
        rows.statistics(IDS[:-1] + 300, ROWS, TARGETS, 10)
    assert rows.budget.largest_chunk is None


class Prompted(torch.nn.Module):
    """Prompt tuning as PEFT does it: virtual tokens before the text on every call."""

    def __init__(self, lm, n_virtual):
        super().__init__()
        self.lm, self.config = lm, lm.config
        self.virtual = torch.nn.Parameter(torch.randn(1, n_virtual, 64, generator=torch.Generator().manual_seed(5)))
        self.get_input_embeddings, self.get_output_embeddings = lm.get_input_embeddings, lm.get_output_embeddings

    device = property(lambda self: self.lm.device)
    dtype = property(lambda self: self.lm.dtype)

    def get_base_model(self):
        return self.lm

    def forward(self, input_ids, **options):
        embedded = self.lm.get_input_embeddings()(input_ids)
        return self.lm(inputs_embeds=torch.cat([self.virtual, embedded], dim=1), **options)


@pytest.mark.parametrize("has_head", [True, False])
def test_prompt_tuning_shifts_the_rows_and_is_never_chunked(has_head):
    prompted = Prompted(model(), 6)
    rows = scorer(prompted) if has_head else scorer(prompted, head=None)
    assert (rows.n_virtual, rows.capabilities.chunks_agree, rows.capabilities.head is not None) == (6, False, has_head)
    with torch.inference_mode():
        logits = prompted(IDS[None, :-1], use_cache=False).logits[0][6:]
    assert_same(rows.statistics(IDS[:-1], ROWS, TARGETS, 10), row_statistics(logits[ROWS], TARGETS, 10))


def test_prefix_tuning_makes_the_context_shorter():
    lm = model()
    lm.active_peft_config = SimpleNamespace(num_virtual_tokens=9)  # as a PeftModel has it; no row is shifted
    rows = scorer(lm)
    assert (rows.n_virtual, rows.capabilities.shift) == (9, 0)


def test_a_model_that_reads_the_future_is_refused():
    from transformers import BertConfig, BertLMHeadModel

    bert = BertLMHeadModel(BertConfig(**SIZES, is_decoder=False)).eval()
    with pytest.raises(InputError, match="change with the text after it: it is not a causal language model"):
        scorer(bert)


@pytest.mark.parametrize("swallows", [True, False])
def test_a_model_without_logits_to_keep_is_refused(swallows):
    lm = model()

    class Old(torch.nn.Module):
        device, dtype, config = lm.device, lm.dtype, lm.config
        get_input_embeddings = lm.get_input_embeddings

        def forward(self, input_ids, use_cache=None, **kwargs):
            if kwargs and not swallows:
                raise TypeError("unexpected keyword argument 'logits_to_keep'")
            return lm(input_ids=input_ids)

    with pytest.raises(InputError, match=r"Old (ignores|does not accept) logits_to_keep"):
        RequestedRows(Old(), name="old")


def test_a_head_that_needs_the_whole_text_is_not_run_separately():
    lm = model()

    class Centred(type(lm)):  # type: ignore[misc]
        """Its logits depend on the token ids, not only on the hidden state."""

        def forward(self, input_ids=None, logits_to_keep=0, **options):
            out = super().forward(input_ids=input_ids, **options)
            out.logits = out.logits + input_ids[..., None] % 7
            out.logits = out.logits[:, logits_to_keep] if torch.is_tensor(logits_to_keep) else out.logits
            return out

    lm.__class__ = Centred
    rows = scorer(lm)
    assert rows.capabilities.head is None
    assert rows.plan(9)["head"] == "logits_to_keep"
    assert_same(rows.statistics(IDS[:-1], ROWS, TARGETS, 10), full(lm))


def test_the_test_at_load_crosses_more_than_one_chunk_boundary():
    assert capabilities._TEST_TOKENS // (capabilities._TEST_TOKENS // 3) >= 3
