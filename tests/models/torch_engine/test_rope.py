import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    GPT2Config,
    LlamaConfig,
    LlamaForCausalLM,
    OPTConfig,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
    RobertaConfig,
)

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.models.torch_engine.rope import (
    EXTENSIONS,
    depends_on_length,
    extend_rope,
    forget_longest,
    position_table_of,
)
from tests import builders

SIZES = builders.SIZES | {"vocab_size": 200, "max_position_embeddings": 64, "pad_token_id": 0, "bos_token_id": 1,
                          "eos_token_id": 2}  # fmt: skip
LONGROPE = {"short_factor": [1.0, 1.5] * 4, "long_factor": [2.0, 5.0] * 4}


def model(config_class=LlamaConfig, **settings):
    return builders.model(config_class, **SIZES | settings)


@torch.inference_mode()
def logits(lm, n_tokens):
    ids = torch.randint(200, (n_tokens,), generator=torch.Generator().manual_seed(n_tokens))
    return lm(input_ids=ids[None], use_cache=False).logits[0]


@pytest.mark.parametrize("n_tokens", [40, 200])
@pytest.mark.parametrize("rope_type", EXTENSIONS)
@pytest.mark.parametrize("config_class", [LlamaConfig, Qwen2Config, Qwen3Config, Phi3Config])
def test_equals_a_model_loaded_with_that_configuration(config_class, rope_type, n_tokens, tmp_path):
    """The way of transformers: `rope_parameters` and `max_position_embeddings` in the configuration from the start."""
    plain = model(config_class)
    plain.save_pretrained(tmp_path)
    settings = {"rope_type": rope_type, "rope_theta": 10000.0, "factor": 4.0}
    if config_class is Phi3Config:
        settings["partial_rotary_factor"] = 1.0
    if rope_type in ("yarn", "longrope"):
        settings["original_max_position_embeddings"] = 64
    if rope_type == "longrope":
        angles = (16 if config_class is not Qwen3Config else plain.config.head_dim) // 2
        settings |= {"short_factor": [1.0] * angles, "long_factor": [4.0] * angles}
    expected = AutoModelForCausalLM.from_pretrained(
        tmp_path,
        rope_parameters=settings,
        **({"original_max_position_embeddings": 64} if config_class is Phi3Config else {}),
        max_position_embeddings=64 if rope_type == "dynamic" else 256,
        dtype=torch.float32,
    )
    extension = extend_rope(plain, rope_type, 4.0)
    assert (extension.original, extension.max_length) == (64, 256)
    torch.testing.assert_close(logits(plain, n_tokens), logits(expected, n_tokens), atol=0, rtol=0)


@pytest.mark.parametrize("rope_type", EXTENSIONS)
def test_the_extension_changes_a_long_text(rope_type):
    plain = model()
    before = logits(plain, 200)
    extend_rope(plain, rope_type, 4.0)
    assert (logits(plain, 200) - before).abs().max() > 1e-4


def test_a_longrope_model_is_not_extended_again():
    longrope = {"rope_type": "longrope", "rope_theta": 10000.0, "original_max_position_embeddings": 64, **LONGROPE}
    lm = model(Phi3Config, rope_parameters=longrope, max_position_embeddings=128, original_max_position_embeddings=64)
    with pytest.raises(InputError, match="scaled already"):
        extend_rope(lm, "longrope", 4.0, max_length=300)


def test_learned_positions_are_known():
    gpt2 = AutoModelForCausalLM.from_config(GPT2Config(n_layer=1, n_head=2, n_embd=16, vocab_size=50, n_positions=32))
    opt = AutoModelForCausalLM.from_config(
        OPTConfig(num_hidden_layers=1, num_attention_heads=2, hidden_size=16, ffn_dim=16, word_embed_proj_dim=16,
                  vocab_size=50, max_position_embeddings=24)
    )  # fmt: skip
    bloom = AutoModelForCausalLM.from_config(BloomConfig(n_layer=1, n_head=2, hidden_size=16, vocab_size=50))
    sizes = {"num_hidden_layers": 1, "num_attention_heads": 2, "hidden_size": 16, "intermediate_size": 16}
    roberta = RobertaConfig(**sizes, vocab_size=50, max_position_embeddings=40, is_decoder=True)
    roberta = AutoModelForCausalLM.from_config(roberta)
    seeing = model()
    seeing.visual = torch.nn.Module()
    seeing.visual.position_embeddings = torch.nn.Embedding(9, 4)  # RoPE for text, a table for pictures
    models = (gpt2, opt, roberta, bloom, model(), seeing)
    assert [position_table_of(lm) for lm in models] == [32, 24, 38, None, None, None]
    roberta(input_ids=torch.ones(1, 38, dtype=torch.int64) * 5)
    with pytest.raises((IndexError, RuntimeError)):
        roberta(input_ids=torch.ones(1, 39, dtype=torch.int64) * 5)


def test_the_signature_of_an_extension():
    assert str(extend_rope(model(), "yarn", 4.0, max_length=200)) == "yarn x 4 of 64 to 200 tokens"


@pytest.mark.parametrize(
    ("lm", "rope_type", "factor", "max_length", "message"),
    [
        (model(), "ntk", 2.0, None, "expected one of yarn, linear, dynamic, longrope"),
        (model(), "yarn", 0.5, None, "rope_factor=0.5: expected a number of at least 1"),
        (model(), "yarn", float("inf"), None, "rope_factor=inf: expected a number of at least 1"),
        (model(), "yarn", 2.0, 32, "max_length=32: expected at least the present context of 64 tokens"),
        (AutoModelForCausalLM.from_config(GPT2Config(n_embd=64, n_layer=1, n_head=4)), "yarn", 2.0, None, "no rope"),
        (
            model(rope_parameters={"rope_type": "linear", "rope_theta": 1e4, "factor": 2.0}), "yarn", 2.0, None,
            "scaled already",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_extended_is_refused(lm, rope_type, factor, max_length, message):
    with pytest.raises(InputError, match=message):
        extend_rope(lm, rope_type, factor, max_length)


def test_gemma3_with_its_two_kinds_of_rope_is_refused():
    from transformers import Gemma3TextConfig

    with pytest.raises(InputError, match="separate RoPE settings for each kind of layer"):
        extend_rope(model(Gemma3TextConfig, head_dim=16), "yarn", 2.0)


def test_dynamic_rope_forgets_the_longest_text():
    lm = model()
    extend_rope(lm, "dynamic", 4.0)
    fresh = logits(lm, 100)
    logits(lm, 200)
    assert not torch.equal(logits(lm, 100), fresh)  # the default behaviour of transformers
    forget_longest(lm)
    torch.testing.assert_close(logits(lm, 100), fresh, atol=0, rtol=0)


def test_dynamic_rope_that_differs_between_layers_forgets_too():
    from transformers import Gemma3TextConfig

    kinds = {"rope_type": "dynamic", "rope_theta": 1e4, "factor": 4.0}
    rope = {"full_attention": dict(kinds), "sliding_attention": dict(kinds)}
    lm = model(Gemma3TextConfig, head_dim=16, rope_parameters=rope, layer_types=["full_attention", "sliding_attention"])
    fresh = logits(lm, 100)
    logits(lm, 200)
    forget_longest(lm)
    torch.testing.assert_close(logits(lm, 100), fresh, atol=0, rtol=0)


def test_dynamic_rope_that_cannot_be_reset_is_refused():
    lm = LlamaForCausalLM(LlamaConfig(**SIZES))
    lm.config.rope_parameters = {"rope_type": "dynamic", "factor": 2.0}
    for module in lm.modules():
        module._buffers.pop("original_inv_freq", None)
    with pytest.raises(InputError, match="use rope_type=yarn or linear"):
        forget_longest(lm)


@pytest.mark.parametrize(
    ("rope_type", "depends"), [("yarn", False), ("linear", False), ("dynamic", True), ("longrope", True)]
)
def test_which_kinds_depend_on_the_length(rope_type, depends):
    lm = model()
    assert not depends_on_length(lm)
    extend_rope(lm, rope_type, 2.0)
    assert depends_on_length(lm) is depends
