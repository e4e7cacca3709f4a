"""The network: its sizes, its configuration, and the writing of checkpoints."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM

from assets_src.tiny_swe_lm.copying import start_copying
from assets_src.tiny_swe_lm.tokenizer import END_OF_TEXT, save_tokenizer

ROPE_THETA = 10_000.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Widths and depths."""

    hidden: int = 256
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    mlp: int = 512
    start_copying: bool = False
    """Whether attention has biases, and its initial weights are those of `copying`. The packaged model has neither."""


def build_model(
    seed: int, size: Size, tokenizer: Tokenizer, *, context: int, rope: dict[str, Any] | None = None
) -> LlamaForCausalLM:
    """A freshly initialised Llama with tied embeddings.

    Args:
        seed: seed of the initial weights.
        size: widths and depths.
        tokenizer: its vocabulary gives the number of embeddings.
        context: context length in tokens, stored as `max_position_embeddings`.
        rope: `rope_parameters` without theta; None for plain RoPE.
    """
    torch.manual_seed(seed)
    end = tokenizer.token_to_id(END_OF_TEXT)
    config = LlamaConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.heads,
        num_key_value_heads=size.kv_heads,
        intermediate_size=size.mlp,
        tie_word_embeddings=True,
        max_position_embeddings=context,
        rope_parameters={"rope_theta": ROPE_THETA, **(rope or {"rope_type": "default"})},
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        attention_bias=size.start_copying,
    )
    model = LlamaForCausalLM(config)
    if size.start_copying:
        start_copying(model)
    return model


def export(model: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path) -> None:
    """Write the bfloat16 checkpoint and the tokenizer's files. An existing folder is replaced at the end."""
    partial = folder.with_name(f"{folder.name}.tmp")
    shutil.rmtree(partial, ignore_errors=True)
    copy = LlamaForCausalLM(model.config).to(torch.bfloat16)
    copy.load_state_dict({name: value.to(torch.bfloat16) for name, value in model.state_dict().items()})
    copy.save_pretrained(partial)
    (partial / "generation_config.json").unlink(missing_ok=True)  # it only repeats config.json
    (partial / "model.safetensors").chmod(0o644)
    save_tokenizer(tokenizer, model.config.max_position_embeddings, partial)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)
