"""Architectures that differ in head, cache or positions; the whole sweep is benchmarks/architectures.py."""

import importlib.util
import logging
from pathlib import Path
from typing import Any

import pytest
import transformers

SWEEP = Path(__file__).parents[3] / "benchmarks" / "architectures.py"

RIGHT = [
    ("llama", "head in chunks"),
    ("gemma2", "head in chunks"),  # capped logits, eager attention, sliding windows
    ("cohere", "head in chunks"),  # scaled logits
    ("granite", "head in chunks"),  # divided logits
    ("opt", "head in chunks"),  # calls a module inside its base model
    ("gpt2", "head in chunks"),  # learned positions
    ("bloom", "head in chunks"),  # ALiBi
    ("phi", "head in chunks"),  # a head with a bias
    ("mixtral", "head in chunks"),  # experts
    ("deepseek_v3", "head in chunks"),  # latent attention
    ("minicpm3", "head in chunks"),  # scales the hidden state before its head
    ("gemma4_text", "head in chunks"),  # settings that differ by layer
    ("llama4_text", "chunks"),  # is its own base model
    ("mamba", "head"),  # no keys and values
    ("qwen3_next", "head in chunks"),  # linear attention with a state
]
REFUSED = [
    ("xlnet", "change with the text after it"),
    ("whisper", "ignores logits_to_keep"),
]


@pytest.fixture(scope="module")
def sweep():
    spec: Any = importlib.util.spec_from_file_location("architectures", SWEEP)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    monkeypatch.setattr(logging.getLogger("transformers"), "disabled", True)


def known(cases):
    types = transformers.models.auto.modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES
    return [case for case in cases if case[0] in types]


@pytest.mark.parametrize(("name", "way"), known(RIGHT))
def test_every_way_gives_the_full_logits(sweep, name, way):
    verdict = sweep.judge(name)
    assert verdict.outcome == "right", verdict.detail
    assert way in verdict.detail


@pytest.mark.parametrize(("name", "reason"), known(REFUSED))
def test_what_cannot_be_scored_is_refused_with_the_reason(sweep, name, reason):
    verdict = sweep.judge(name)
    assert verdict.outcome == "refused"
    assert reason in verdict.detail
