"""Fixtures that all tests share: real trajectories, two models, and the records that our code logs."""

import json
import logging
import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from lm_eval_hesnr.assets import EMBEDDED_MODEL, TRAJECTORIES

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")  # hypothesis measures time, which a busy machine does not have

REAL = Path(__file__).parent.parent.parent / "shared" / "trajectories"


@pytest.fixture(scope="session")
def real_trajectories() -> Path:
    """The folder with real agent runs. A test that needs it is skipped where it is missing."""
    if not REAL.is_dir():
        pytest.skip("no real trajectories beside the checkout (shared/trajectories)")
    return REAL


@pytest.fixture
def ends_in_any_case():
    """Ends the process if the test hangs. Python cannot interrupt a system call that waits for ever.

    On a busy machine, to start Python three times needs a minute.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(600)
    yield
    signal.alarm(0)


def byte_level_tokenizer(**options):
    """Return a small byte-level BPE tokenizer, like that of GPT-2 and Llama 3, trained on the embedded runs."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    trainer = trainers.BpeTrainer(
        vocab_size=800,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    rows = map(json.loads, TRAJECTORIES.read_text(encoding="utf-8").splitlines())
    tokenizer.train_from_iterator((segment["text"] for row in rows for segment in row["segments"]), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<|endoftext|>", eos_token="<|endoftext|>", **options
    )


@pytest.fixture(scope="session")
def random_model(tmp_path_factory) -> Path:
    """A folder with a Llama-shaped model of random weights, float32, context 256, and its tokenizer."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("random_model")
    tokenizer = byte_level_tokenizer()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=1024,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        initializer_range=0.3,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def harness_logs(monkeypatch, caplog):
    """The records that our code logs from level INFO on. The harness does not pass its log on to pytest by default."""
    monkeypatch.setattr(logging.getLogger("lm_eval"), "propagate", True)
    caplog.set_level(logging.INFO, logger="lm_eval.hesnr")
    return caplog


@pytest.fixture(scope="session")
def tiny_model() -> Path:
    """The folder of the embedded tiny model. It is trained, unlike `random_model`, so that it has decisions."""
    return EMBEDDED_MODEL
