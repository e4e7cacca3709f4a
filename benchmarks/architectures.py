"""Correctness of the scores on every causal LM of the installed `transformers` that a tiny configuration can build.

`python benchmarks/architectures.py [NAME...]` scores each model in every way that the engine has and prints one line:

    right      the error is within the tolerance
    rounded    the error is not larger than the model's own difference between float32 and float64
    refused    the engine's test at load refuses the model, with the reason
    crashed    the model runs alone, but not with the engine
    wrong      any other case
    not built  a tiny configuration of the model cannot be built

The reference is the model's own full logits in float32, and the definitions in float64 with a full sort. All weights
are random, also norms and biases. Scales, caps and windows are set so that an engine that ignores one returns wrong
numbers.
`architectures.log` contains the last output.
"""

from __future__ import annotations

import argparse
import collections
import copy
import logging
import time
import warnings
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
import transformers
from transformers import AutoModelForCausalLM
from transformers.models.auto.configuration_auto import CONFIG_MAPPING
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES,
)

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.models.torch_engine.capabilities import find_capabilities
from lm_eval_hesnr.models.torch_engine.forward import RequestedRows

VOCABULARY, LAYERS, TOKENS, CHUNK, K = 1500, 4, 97, 32, 10
TOLERANCE = 1e-5
MOST_PARAMETERS = 60_000_000
LEAVES_OUT = "last attention at the wanted rows"

SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY, "hidden_size": 64, "n_embd": 64, "d_model": 64, "dim": 64, "intermediate_size": 96,
    "ffn_dim": 96, "d_ff": 96, "n_inner": 96, "num_hidden_layers": LAYERS, "n_layer": LAYERS, "n_layers": LAYERS,
    "decoder_layers": LAYERS, "num_layers": LAYERS, "num_attention_heads": 4, "n_head": 4, "n_heads": 4,
    "decoder_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 256,
    "n_positions": 256, "n_ctx": 256, "max_seq_len": 256, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
    "num_experts": 4, "n_routed_experts": 4, "num_local_experts": 4, "moe_num_experts": 4, "num_experts_per_tok": 2,
    "num_experts_per_token": 2, "moe_topk": 2, "moe_intermediate_size": 32, "shared_expert_intermediate_size": 32,
    "n_group": 1, "topk_group": 1, "q_lora_rank": 32, "kv_lora_rank": 16, "qk_rope_head_dim": 16,
    "qk_nope_head_dim": 16, "v_head_dim": 16, "rotary_dim": 8, "sliding_window": 8, "attention_chunk_size": 8,
    "use_sliding_window": True, "max_window_layers": 2, "window_size": 8, "attention_window_size": 8,
    "is_decoder": True, "use_cache": True, "hidden_dropout_prob": 0.0,
    # recurrent layers
    "state_size": 8, "ssm_state_size": 8, "mamba_d_state": 8, "mamba_n_heads": 8, "mamba_d_head": 16,
    "mamba_num_heads": 8, "mamba_head_dim": 16, "mamba_n_groups": 1, "n_groups": 1, "mamba_expand": 2, "expand": 2,
    "num_heads": 8, "mamba_d_ssm": 128, "mamba_chunk_size": 16, "chunk_size": 16, "mamba_dt_rank": 8, "lru_width": 64,
    "linear_num_key_heads": 2, "linear_num_value_heads": 4, "linear_key_head_dim": 16, "linear_value_head_dim": 16,
    "attention_hidden_size": 64,
    # a forgotten scale or cap changes the logits
    "logit_scale": 0.7, "logits_scaling": 3.0, "final_logit_softcapping": 6.0, "logits_soft_cap": 6.0,
    "lm_head_multiplier": 0.6, "tie_word_embeddings": False,
    # parts that only cost time
    "attn_layer_period": 2, "attn_layer_offset": 1, "num_nextn_predict_layers": 0, "mtp_num_hidden_layers": 0,
    "hidden_size_per_layer_input": 16, "vocab_size_per_layer_input": VOCABULARY,
    "index_n_heads": 16, "index_head_dim": 16, "index_topk": 16,  # fewer heads score many tokens 0: ties
}  # fmt: skip
"""Small sizes under all names that configurations use. Each configuration gets the names that it has."""

ROPE = {"rope_type": "default", "rope_theta": 1e4}

OWN: dict[str, dict[str, Any]] = {
    "bamba": {"attn_layer_indices": [1, 3]},
    "cohere_compass_text": {"rope_parameters": {kind: dict(ROPE) for kind in ("full_attention", "sliding_attention")}},
    "dbrx": {
        "attn_config": {"kv_n_heads": 2, "clip_qkv": 8.0, "rope_theta": 1e4},
        "ffn_config": {"hidden_size": 64, "ffn_hidden_size": 96, "moe_num_experts": 4, "moe_top_k": 2},
    },
    "dots1": {"n_shared_experts": 1, "n_routed_experts": 4, "num_experts_per_tok": 2},
    "gemma3n_text": {
        "intermediate_size": 96,
        "num_kv_shared_layers": 0,
        "activation_sparsity_pattern": [0.5, 0.5, 0.0, 0.0],
    },
    "gpt_neo": {"attention_types": [[["global", "local"], 2]]},
    "granitemoehybrid": {"layer_types": ["linear_attention", "full_attention"] * 2},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 2, "num_dense_layers": 1},
    "reformer": {"axial_pos_shape": [16, 16], "axial_pos_embds_dim": [16, 48], "attn_layers": ["local"] * 4},
    "xlstm": {"num_heads": 4, "qk_dim_factor": 1.0, "chunk_size": 32},
    "xmod": {"default_language": "en_XX"},
    "zamba": {"attention_hidden_size": 128, "attention_head_dim": 32, "num_key_value_heads": 4},
    "zamba2": {"attention_hidden_size": 128, "attention_head_dim": 32, "num_key_value_heads": 4},
    "zaya": {"num_experts_per_tok": 1},
}
"""Further settings for some model types."""


class Verdict(NamedTuple):
    """The outcome for one model type."""

    outcome: str
    """`right`, `rounded`, `refused`, `crashed`, `wrong` or `not built`."""
    detail: str
    """Each way with its largest error, or the reason."""


def main() -> None:
    """Print one line for each model type, and the totals."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", help="model types (default: all)")
    names = parser.parse_args().names or model_types()
    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    began, counts, n_leaving_out = time.time(), collections.Counter(), 0
    for name in names:
        verdict = judge(name)
        counts[verdict.outcome] += 1
        n_leaving_out += LEAVES_OUT in verdict.detail
        print(f"{name:28} {verdict.outcome:10} {verdict.detail}", flush=True)
    total = ", ".join(f"{n} {outcome}" for outcome, n in counts.most_common())
    total += f"; {LEAVES_OUT} in {n_leaving_out}"
    print(f"transformers {transformers.__version__}: {total}; {time.time() - began:.0f} s")
    print(
        f"silently wrong: {counts['wrong']}, crashed: {counts['crashed']}, "
        f"beyond {TOLERANCE:.0e} by no more than float32 rounds: {counts['rounded']}"
    )


def model_types() -> list[str]:
    """Model types with a causal LM. Encoder-decoders are left out, because the harness runs them in another way."""
    return [
        name for name in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES if name not in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES
    ]


def judge(name: str) -> Verdict:
    """Build a model, score it in every way that the test at load allows, and compare."""
    try:
        model = build(name)
    except Exception as error:
        return Verdict("not built", f"{type(error).__name__}: {error}".partition("\n")[0][:150])
    try:
        errors, leaves_out = largest_errors(model)
    except InputError as error:
        return Verdict("refused", str(error)[:150])
    except Exception as error:
        return Verdict("crashed", f"{type(error).__name__}: {error}".partition("\n")[0][:150])
    worst = max(errors.values())
    ways = ", ".join(f"{way} {error:.0e}" for way, error in errors.items())
    ways += f"; {LEAVES_OUT}" if leaves_out else ""
    if worst <= TOLERANCE:
        return Verdict("right", ways)
    rounding = own_rounding(model)
    if worst <= rounding:
        return Verdict("rounded", f"{ways}; full logits in float32 against float64: {rounding:.0e}")
    return Verdict("wrong", ways)


def build(name: str) -> Any:
    """A tiny model with random weights, in float32."""
    torch.manual_seed(0)
    config = tiny_config(CONFIG_MAPPING[name], OWN.get(name, {}))
    with torch.device("meta"):
        n_parameters = sum(p.numel() for p in AutoModelForCausalLM.from_config(config).parameters())
    if n_parameters > MOST_PARAMETERS:
        raise ValueError(f"{n_parameters / 1e6:.0f} M parameters: its configuration has other names for the sizes")
    try:
        model = runs(AutoModelForCausalLM.from_config(config, dtype=torch.float32))
    except Exception:
        eager = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="eager")
        model = runs(eager)
    return model


def runs(model: Any) -> Any:
    """The model with random norms and biases, after one test run.

    Raises:
        Exception: the model cannot run, or its logits are not finite.
    """
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() < 2 and parameter.is_floating_point():
                parameter += 0.05 * torch.randn(parameter.shape, generator=generator)
        head = model.get_output_embeddings()
        if head is not None and getattr(head, "weight", None) is not None:
            head.weight *= 1.5 / max(float(head.weight.std()) * 8, 1e-6)
    model = model.eval()
    with torch.inference_mode():
        logits = model(input_ids=tokens(model)[None]).logits
    if not bool(logits.isfinite().all()):
        raise ValueError("logits that are not finite")
    return model


def tiny_config(config_class: Any, own: dict[str, Any]) -> Any:
    """A configuration with the small sizes, also in the configurations inside it."""
    default = config_class()
    inner = {
        key: tiny_config(type(value), {}).to_dict()
        for key, value in vars(default).items()
        if isinstance(value, transformers.PreTrainedConfig)
    }
    known = {key: value for key, value in SIZES.items() if _is_setting(default, key)}
    if "kv_lora_rank" in known:  # latent attention has no grouped heads
        known["num_key_value_heads"] = known["num_attention_heads"]
    for kinds in ("layer_types", "layers_block_type", "block_types", "mlp_layer_types"):
        pattern = getattr(default, kinds, None)
        is_alias = kinds in getattr(config_class, "attribute_map", {})
        is_set = not is_alias and not isinstance(getattr(config_class, kinds, None), property)
        if isinstance(pattern, list | tuple) and pattern and is_set:
            known[kinds] = _every_kind(list(pattern))
    return config_class(**known | inner | own)


def _is_setting(config: Any, key: str) -> bool:
    """Whether the configuration has a single setting of that name that is not turned off on purpose."""
    try:
        value = getattr(config, key)
    except AttributeError:
        return False
    except Exception:  # a setting with a value for each layer
        return True
    settable = not isinstance(getattr(type(config), key, None), property)
    return settable and not isinstance(value, list | tuple | dict) and (key, value) != ("use_sliding_window", None)


def _every_kind(pattern: list[Any]) -> list[Any]:
    """A list of LAYERS entries that contains every kind of layer in the pattern."""
    kinds = list(dict.fromkeys(pattern))
    return (pattern[: LAYERS - len(kinds)] + kinds)[:LAYERS] if len(kinds) > 1 else pattern[:1] * LAYERS


def tokens(model: Any) -> torch.Tensor:
    """(TOKENS,) random ids of the model's vocabulary."""
    generator = torch.Generator().manual_seed(2)
    most = min(model.get_input_embeddings().num_embeddings, VOCABULARY)
    return torch.randint(3, most, (TOKENS,), generator=generator)


@torch.inference_mode()
def largest_errors(model: Any) -> tuple[dict[str, float], bool]:
    """The largest error of each way, and whether the last attention was computed at the wanted rows only.

    The error is of logprob or entropy against the definitions; it is infinity if a rank is wrong.
    """
    ids = tokens(model)
    rows = np.array([r for r in range(TOKENS - 1) if r % 7 in (0, 1, 5) and not 40 <= r < 75])
    targets = ids[torch.as_tensor(rows) + 1]
    expected = definitions(model(input_ids=ids[None], use_cache=False).logits[0][rows], targets)
    errors = {}
    for way in ("matrix", "head", "logits_to_keep", "repeated", "matrix in chunks", "head in chunks", "chunks"):
        capabilities = find_capabilities(model, model.config.model_type)
        head = capabilities.head
        if way.startswith(("matrix", "head")) and head is None:
            continue
        if way.startswith("matrix") and head.matrix is None:
            continue
        if way.startswith("head"):
            head.matrix = None
        if "chunks" in way and not capabilities.chunks_agree:
            continue
        if not way.startswith(("matrix", "head")):
            capabilities = replace(capabilities, head=None)
        if way == "repeated":
            capabilities = replace(capabilities, chunks_agree=False)
        scorer = RequestedRows(model, name=model.config.model_type, mem_budget=2**33, capabilities=capabilities)
        if way == "repeated":
            scorer.budget.n_bytes, scorer.budget.rows = 1, 9
        if "chunks" in way:
            scorer.budget.largest_chunk = CHUNK
        scorer.budget.rows = min(scorer.budget.rows, 9)
        errors[way] = difference(scorer.statistics(ids[:-1], rows, targets, K), expected)
    return errors, scorer.capabilities.n_attentions > 0


@torch.inference_mode()
def own_rounding(model: Any) -> float:
    """The largest difference of a logprob between the model's full logits in float32 and in float64."""
    ids = tokens(model)[None]
    single, double = (each(input_ids=ids, use_cache=False).logits for each in (model, copy.deepcopy(model).double()))
    return float((single.double().log_softmax(-1) - double.log_softmax(-1)).abs().max())


def definitions(logits: torch.Tensor, targets: torch.Tensor) -> dict[str, torch.Tensor]:
    """The statistics in float64 by a full sort."""
    wide = logits.double()
    p = torch.softmax(wide, -1)
    mass = p.sort(-1, descending=True).values[:, :K]
    q = mass / mass.sum(-1, keepdim=True)
    target = wide.gather(1, targets[:, None])
    return {
        "logprob": torch.log_softmax(wide, -1).gather(1, targets[:, None]).squeeze(1),
        "entropy": -(q * q.log()).sum(-1),
        "rank_low": 1 + (wide > target + 1e-5).sum(-1),  # tokens closer than rounding count as ties
        "rank_high": (wide > target - 1e-5).sum(-1),  # the target itself is counted
    }


def difference(got: Any, expected: dict[str, torch.Tensor]) -> float:
    """The largest error of logprob or entropy; infinity if a rank is wrong and not a near tie."""
    rank_is_right = (got.rank >= expected["rank_low"]) & (got.rank <= expected["rank_high"].clamp(min=1))
    if not bool(rank_is_right.all()):
        return float("inf")
    return max(float((getattr(got, key) - expected[key]).abs().max()) for key in ("logprob", "entropy"))


if __name__ == "__main__":
    main()
