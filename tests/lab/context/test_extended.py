"""Scaled RoPE: the angles are those of the formulas, and `hf-topk` makes the same model from its arguments."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from assets_src.tiny_swe_lm.model import Size, build_model
from assets_src.tiny_swe_lm.tokenizer import train_tokenizer
from lab.context.extended import rope_parameters, stage_of
from lab.context.plan import FACTOR, LONG, SCALINGS, SHORT, STEPS
from lab.families.recipes import WINDOW
from lm_eval_hesnr.models.torch_engine.rope import extend_rope

N_ANGLES = 32
PLAIN = 1e4 ** -(np.arange(N_ANGLES) / N_ANGLES)
"""The angles per position of the families, whose heads have 64 dimensions."""


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(["def f(x):\n    return x + 1\n" * 50], 300)


def small_model(tokenizer, scaling=None):
    stage = stage_of(scaling, 10) if scaling else SimpleNamespace(context=SHORT, window=SHORT, rope=None)
    size = Size(hidden=128, layers=1, heads=2, kv_heads=2, mlp=64)
    return build_model(0, size, tokenizer, context=stage.context or stage.window, rope=stage.rope)


def angles(model, n_tokens):
    """(N_ANGLES,) radians per position, in a text of this length; and what cosine and sine are multiplied by."""
    rotary = model.model.rotary_emb
    rotary(torch.zeros(1, n_tokens, 1), torch.arange(n_tokens)[None])
    return rotary.inv_freq.numpy(), rotary.attention_scaling


def test_linear_scaling_divides_all_angles(tokenizer):
    for n_tokens in (SHORT, LONG):
        found, attention = angles(small_model(tokenizer, "linear"), n_tokens)
        np.testing.assert_allclose(found, PLAIN / FACTOR, rtol=1e-5)
        assert attention == 1


def test_yarn_divides_only_angles_that_turn_slowly_and_scales_attention(tokenizer):
    turns = SHORT * PLAIN / (2 * math.pi)  # of each angle over the first context
    for n_tokens in (SHORT, LONG):
        found, attention = angles(small_model(tokenizer, "yarn"), n_tokens)
        ratio = PLAIN / found
        np.testing.assert_allclose(ratio[turns > 40], 1, rtol=1e-5)
        np.testing.assert_allclose(ratio[turns < 0.7], FACTOR, rtol=1e-5)
        assert (np.diff(ratio) > -1e-5).all()
        assert attention == pytest.approx(0.1 * math.log(FACTOR) + 1)


def test_dynamic_scaling_changes_only_texts_beyond_the_first_context(tokenizer):
    model = small_model(tokenizer, "dynamic")
    np.testing.assert_allclose(angles(model, SHORT)[0], PLAIN, rtol=1e-5)
    base = 1e4 * (FACTOR * LONG / SHORT - (FACTOR - 1)) ** (64 / 62)
    np.testing.assert_allclose(angles(model, LONG)[0], base ** -(np.arange(N_ANGLES) / N_ANGLES), rtol=1e-4)
    np.testing.assert_allclose(angles(model, 100)[0], PLAIN, rtol=1e-5)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_the_arguments_of_hf_topk_make_the_same_model(tokenizer, scaling):
    made, scaled = small_model(tokenizer), small_model(tokenizer, scaling)
    extend_rope(made, scaling, float(FACTOR), LONG)
    ids = torch.randint(made.config.vocab_size, (1, LONG), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        logits = [model(input_ids=ids).logits for model in (made, scaled, small_model(tokenizer))]
    assert torch.equal(logits[0], logits[1])
    assert not torch.allclose(logits[0], logits[2], atol=1e-4)
    assert made.config.max_position_embeddings == scaled.config.max_position_embeddings


def test_the_learning_rate_of_a_step_does_not_depend_on_the_last_one():
    stages = [stage_of("yarn", steps) for steps in STEPS[1:]]
    assert len({stage.schedule for stage in stages}) == 1
    assert list(stages[1].members.values()) == ["yarn-000", "yarn-010", "yarn-030"]
    assert rope_parameters("yarn")["original_max_position_embeddings"] == SHORT == WINDOW
