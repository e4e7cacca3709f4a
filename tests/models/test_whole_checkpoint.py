"""A checkpoint without some weights is refused, and no other way to load a model is."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.models.hf import HFTopK

WEIGHT = "model.layers.1.mlp.up_proj.weight"


@pytest.fixture(scope="module")
def model(random_model):
    return AutoModelForCausalLM.from_pretrained(random_model)


@pytest.fixture
def without_a_weight(model, random_model, tmp_path):
    """A checkpoint that lacks one weight."""
    model.save_pretrained(tmp_path)
    AutoTokenizer.from_pretrained(random_model).save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights[WEIGHT]
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
    return str(tmp_path)


def test_a_checkpoint_without_a_weight_is_refused(without_a_weight):
    with pytest.raises(InputError, match=rf"the checkpoint lacks 1 weight of the model \({WEIGHT}\)"):
        HFTopK(pretrained=without_a_weight, device="cpu")


def test_a_delta_without_a_weight_is_refused(random_model, without_a_weight):
    with pytest.raises(InputError, match=WEIGHT):
        HFTopK(pretrained=str(random_model), delta=without_a_weight, device="cpu")


def test_a_whole_delta_is_added(random_model, model):
    doubled = HFTopK(pretrained=str(random_model), delta=str(random_model), device="cpu").model
    assert torch.equal(doubled.lm_head.weight, 2 * model.lm_head.weight)


def test_a_model_object_is_used_as_it_is(random_model, model):
    assert HFTopK(pretrained=model, tokenizer=AutoTokenizer.from_pretrained(random_model)).model is model
