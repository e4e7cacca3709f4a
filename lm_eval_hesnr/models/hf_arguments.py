"""Checks of the arguments of `hf-topk` that need no model, so that a mistake is found before the weights are read."""

from __future__ import annotations

import os
import re
from typing import Any

import torch

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.near import did_you_mean
from lm_eval_hesnr.models.arguments import as_number, as_number_or_none
from lm_eval_hesnr.models.torch_engine.rope import EXTENSIONS

_DTYPES = ("dtype", "softmax_dtype", "mixed_precision_dtype")
_BATCH_SIZE = re.compile(r"auto(:\d+(\.\d+)?)?|0*[1-9]\d*")
_CHOICES = {"add_bos_token": (None, True, False), "backend": ("default", "causal", "seq2seq")}


def checked_options(options: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `hf`, with `device` set to the CPU if PyTorch has no accelerator.

    Raises:
        InputError: a value is wrong, and `hf` would find it only after it has loaded the model, or never.
    """
    options = _on_cpu_without_accelerator(options)
    _refuse_unknown_dtypes(options)
    for name, choices in _CHOICES.items():
        if options.get(name, choices[0]) not in choices:
            raise InputError(f"{name}={options[name]}: expected {' or '.join(map(str, choices))}")
    _refuse_unknown_device(options.get("device"))
    if not _BATCH_SIZE.fullmatch(str(options.get("batch_size", 1))):
        raise InputError(f"batch_size={options['batch_size']}: expected a whole number of at least 1, auto, or auto:N")
    if options.get("max_length") is not None:
        options["max_length"] = as_number("max_length", options["max_length"], 2, "tokens")
    return options


def checked_rope_factor(rope_type: str | None, rope_factor: Any) -> float | None:
    """The factor as a number; None if neither argument is given.

    Raises:
        InputError: one of the two is missing or wrong.
    """
    if (rope_type is None) is not (rope_factor is None):
        given, missing = ("rope_type", "rope_factor") if rope_factor is None else ("rope_factor", "rope_type")
        raise InputError(f"{given} is given without {missing}: a context extension needs both")
    if rope_type not in (None, *EXTENSIONS):
        raise InputError(f"rope_type={rope_type}: expected one of {', '.join(EXTENSIONS)}")
    factor: float | None = as_number_or_none("rope_factor", rope_factor, 1, whole=False)
    return factor


def refuse_long_stride(stride: int | None, config: Any, max_length: int | None, rope_factor: float | None) -> None:
    """Refuse a stride that no window of this model can be longer than. The exact check needs the model.

    Args:
        stride: the user's stride, tokens.
        config: the configuration of the model.
        max_length: the user's context, tokens.
        rope_factor: how many times longer the context becomes.

    Raises:
        InputError: the stride is too long.
    """
    context = max_length or getattr(config.get_text_config(), "max_position_embeddings", None)
    if stride is not None and context and stride >= context * (rope_factor or 1):
        raise InputError(
            f"stride={stride}: expected a number of tokens from 1 to {int(context * (rope_factor or 1)) - 1}"
        )


def _on_cpu_without_accelerator(options: dict[str, Any]) -> dict[str, Any]:
    """The options, with `device` set to the CPU, and accelerate too, if PyTorch has no other device."""
    options = dict(options)
    if not torch.cuda.is_available() and str(options.get("device") or "cuda").startswith("cuda"):
        options["device"] = "cpu"  # hf would use its default, cuda, and fail
    if not torch.accelerator.is_available():
        os.environ.setdefault("ACCELERATE_USE_CPU", "true")  # without it, accelerate's processes do not find each other
    return options


def _refuse_unknown_dtypes(options: dict[str, Any]) -> None:
    known = [name for name in dir(torch) if getattr(getattr(torch, name), "is_floating_point", None) is True]
    for key in _DTYPES:
        value = options.get(key)
        is_auto = key == "dtype" and value == "auto"
        if not (value is None or is_auto or isinstance(value, torch.dtype) or value in known):
            hint = did_you_mean(value, known)
            raise InputError(f"{key}={value}: {hint}expected a type such as bfloat16, float16 or float32")


def _refuse_unknown_device(device: Any) -> None:
    """Refuse a device that does not exist. `hf` would use another one without an error."""
    try:
        found = torch.device("cpu" if device is None else device)
    except (RuntimeError, TypeError) as error:
        raise InputError(f"device={device}: expected a device of PyTorch, such as cpu, cuda or cuda:0") from error
    if found.type == "cuda" and found.index is not None and found.index >= torch.cuda.device_count():
        raise InputError(f"device={device}: this machine has {torch.cuda.device_count()} devices of this type")
