"""RoPE: extends a loaded model's context, and finds out whether its angles depend on the length of the text."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from torch import nn

from lm_eval_hesnr.errors import InputError

eval_logger = logging.getLogger("lm_eval.hesnr")

EXTENSIONS = ("yarn", "linear", "dynamic", "longrope")
"""The values of `rope_type`, as `transformers` names them."""

_TABLE = re.compile(r"(^|\.)(wpe|embed_positions|position_embeddings|positions_embed)$")
"""Module names of a table with one vector per position."""

_LENGTH_DEPENDENT = {"dynamic", "longrope"}


class RopeExtension(NamedTuple):
    """A context extension that was applied to a model."""

    rope_type: str
    factor: float
    original: int
    """The model's context before the extension, in tokens."""
    max_length: int
    """Its context after the extension, in tokens."""

    def __str__(self) -> str:
        return f"{self.rope_type} x {self.factor:g} of {self.original} to {self.max_length} tokens"


def extend_rope(model: Any, rope_type: str, factor: float, max_length: int | None = None) -> RopeExtension:
    """Scale a loaded model's RoPE, as if its configuration had contained these `rope_parameters` at load.

    `yarn` and `longrope` use the model's present context as `original_max_position_embeddings`. `longrope` uses 1 as
    short factor and `factor` as long factor in every dimension, because the best factors of a model need a search.
    `dynamic` keeps `max_position_embeddings`, because its formula needs the original context.

    Args:
        model: a causal LM of `transformers` with RoPE that is not scaled yet.
        rope_type: one of `EXTENSIONS`.
        factor: at least 1; how many times longer the context becomes.
        max_length: the new context in tokens; `factor` times the present one if None.

    Raises:
        InputError: this model cannot be extended in this way.
    """
    if rope_type not in EXTENSIONS:
        raise InputError(f"rope_type={rope_type}: expected one of {', '.join(EXTENSIONS)}")
    if not 1 <= factor < math.inf:
        raise InputError(f"rope_factor={factor:g}: expected a number of at least 1")
    config = model.config.get_text_config()
    now = _extendable(config, rope_type)
    modules = {name: module for name, module in model.named_modules() if _is_rotary(module)}
    if not modules:
        raise InputError(f"rope_type={rope_type}: {type(model).__name__} has no rotary embedding; leave out rope_type=")
    original = int(config.max_position_embeddings)
    extension = RopeExtension(rope_type, float(factor), original, int(max_length or round(original * factor)))
    if extension.max_length < original:
        raise InputError(
            f"max_length={extension.max_length}: expected at least the present context of {original} tokens"
        )
    if extension.max_length > original * factor:
        eval_logger.warning(
            "max_length=%d is more than rope_factor=%g times the model's context of %d tokens: positions beyond %d are "
            "still new to the model", extension.max_length, factor, original, round(original * factor),
        )  # fmt: skip
    parameters = now | {"rope_type": rope_type, "factor": float(factor)}
    parameters.pop("type", None)
    if rope_type in ("yarn", "longrope"):
        parameters["original_max_position_embeddings"] = original
    if rope_type == "longrope":
        eval_logger.warning(
            "rope_type=longrope: this model has no short_factor and long_factor of its own, which a search would find; "
            "texts beyond its context use %g in every dimension, as with linear scaling", factor
        )  # fmt: skip
        angles = next(iter(modules.values())).inv_freq.shape[-1]
        parameters |= {"short_factor": [1.0] * angles, "long_factor": [float(factor)] * angles}
    for each in {id(c): c for c in (config, *(module.config for module in modules.values()))}.values():
        each.rope_parameters = dict(parameters)
        if rope_type != "dynamic":
            each.max_position_embeddings = extension.max_length
        if hasattr(each, "original_max_position_embeddings"):  # in Phi-3 it takes precedence over the RoPE settings
            each.original_max_position_embeddings = original
    for name, module in modules.items():
        model.set_submodule(name, type(module)(module.config).to(module.inv_freq.device))
    return extension


def context_of(model: Any) -> int | None:
    """The context in the configuration of a RoPE model, in tokens; None for other models, or if it is missing."""
    config = model.config.get_text_config()
    config_value = getattr(config, "max_position_embeddings", None)
    return int(config_value) if config_value and getattr(config, "rope_parameters", None) else None


def position_table_of(model: Any) -> int | None:
    """How many tokens fit into a model's table of positions; longer texts fail. None for RoPE, or without a table."""
    config = model.config.get_text_config()
    if getattr(config, "rope_parameters", None):  # a table then belongs to the part for images or sound
        return None
    config_value = getattr(config, "max_position_embeddings", None)
    # with padding, as in RoBERTa, the positions of the text start after the padding's position
    sizes = [
        module.num_embeddings - (0 if module.padding_idx is None else module.padding_idx + 1)
        for name, module in model.named_modules()
        if isinstance(module, nn.Embedding) and _TABLE.search(name)
    ]
    return min([*sizes, int(config_value)] if config_value else sizes) if sizes else None


def depends_on_length(model: Any) -> bool:
    """Whether a token's angles depend on the length of the whole text. If so, chunks would change its logits."""
    return bool(_rope_types(model) & _LENGTH_DEPENDENT)


def forget_longest(model: Any) -> None:
    """Reset `dynamic` RoPE to its state at load. Otherwise a text's angles would depend on longer texts before it.

    Raises:
        InputError: this function does not find where the model stores its angles.
    """
    if "dynamic" not in _rope_types(model):
        return
    found = False
    for module in model.modules():
        names = [name for name in (*module._buffers, *vars(module)) if name.endswith("original_inv_freq")]
        for name in names:
            prefix = name.removesuffix("original_inv_freq")
            module.register_buffer(f"{prefix}inv_freq", getattr(module, name).clone(), persistent=False)
            setattr(module, f"{prefix}max_seq_len_cached", module.original_max_seq_len)
            found = True
    if not found:
        raise InputError(
            f"{type(model).__name__}: its dynamic RoPE makes a text's scores depend on earlier texts, and cannot be "
            "reset; use rope_type=yarn or linear"
        )


def _extendable(config: Any, rope_type: str) -> dict[str, Any]:
    """The present RoPE settings, after a check that they are not scaled yet."""
    now = getattr(config, "rope_parameters", None)
    if not now or not getattr(config, "max_position_embeddings", None):
        raise InputError(
            f"rope_type={rope_type}: a {config.model_type} configuration has no rope_parameters; leave out rope_type="
        )
    if any(isinstance(value, dict) for value in now.values()):
        raise InputError(
            f"rope_type={rope_type}: {config.model_type} has separate RoPE settings for each kind of layer, which "
            "cannot be extended; leave out rope_type="
        )
    present = now.get("rope_type", "default")
    if present != "default":
        raise InputError(
            f"rope_type={rope_type}: the model's RoPE is scaled already (rope_type={present}); start from the model "
            "before that extension"
        )
    if now.get("mscale_all_dim"):  # its attention layers have computed a scale from it already
        raise InputError(
            f"rope_type={rope_type}: {config.model_type} also scales attention by mscale_all_dim; leave out rope_type="
        )
    return dict(now)


def _is_rotary(module: nn.Module) -> bool:
    return hasattr(module, "inv_freq") and hasattr(module, "rope_type") and hasattr(module, "config")


def _rope_types(model: Any) -> set[str]:
    config = model.config.get_text_config()
    # models with their own code may still use the older name
    settings = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    return {str(value) for key, value in _leaves(settings) if key in ("rope_type", "type")}


def _leaves(tree: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the key and value of every leaf: settings may be nested by kind of layer."""
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value)
        else:
            yield key, value
