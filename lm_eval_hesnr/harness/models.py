"""Which of the harness's models can score trajectories, seen from their names or classes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from lm_eval.api import registry

from lm_eval_hesnr.errors import NEEDS_OUR_MODEL, InputError
from lm_eval_hesnr.harness.names import refuse_misspelt

_WITHOUT_LOGITS = ("vllm-topk", "completions-topk")
"""The engines of ours that return the logprobs of the most likely tokens only."""


def refuse_unknown_model(name: str, ours: Collection[str]) -> None:
    """Refuse a name of a model that does not exist, if it is similar to one of ours.

    Raises:
        InputError: the name is misspelt.
    """
    import lm_eval.models  # noqa: F401 (it fills the registry)

    refuse_misspelt([name], registry.model_registry.keys(), ours, "--model")


def refuse_missing_model(name: str) -> None:
    """Refuse a name that no model of the harness has.

    Raises:
        InputError: there is no such model.
    """
    import lm_eval.models  # noqa: F401 (it fills the registry)

    if name not in registry.model_registry:
        raise InputError(f"--model {name}: lm_eval has no such model; hf-topk and vllm-topk score trajectories")


def refuse_without_logits(model: str, option: str) -> None:
    """Refuse an option that needs the model's logits, for an engine that returns only the top logprobs.

    Raises:
        InputError: the engine is one of these.
    """
    if model in _WITHOUT_LOGITS:
        raise InputError(f"--model {model}: it does not give {option}, which needs all logits; use hf-topk")


def refuse_stock_model(model: Any) -> None:
    """Refuse a model that has only the harness's own `loglikelihood`, which does not know labels.

    Args:
        model: a name in the harness's registry, or a model.

    Raises:
        InputError: the model cannot score trajectories.
    """
    if isinstance(model, str):
        # a model that was not used yet is a text, "module:class", or an entry point
        target = dict(registry.model_registry.items()).get(model)
        name, module = f"--model {model}", getattr(target, "value", target)
    else:
        target = type(getattr(model, "lm", model))  # the harness's cache is a wrapper, with the model as `lm`
        name = module = target.__name__
    if not isinstance(module, str) or not isinstance(model, str):
        module = getattr(getattr(target, "loglikelihood", None), "__module__", "")
    if str(module).startswith("lm_eval."):
        raise InputError(f"{name}: {NEEDS_OUR_MODEL}")
