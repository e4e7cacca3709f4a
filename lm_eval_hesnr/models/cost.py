"""What a run costs: tokens to read, and the memory of a model. Known before anything is scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.models.window_request import EncodedTrajectory
from lm_eval_hesnr.scoring.checkpoint_source import source_options


class Reading(NamedTuple):
    """The text of a run, in tokens."""

    trajectories: int
    tokens: int
    to_score: int
    to_read: int
    """The sum of the window lengths: where windows overlap, a token counts once for each of them."""
    longest: int
    """The length of the longest window."""

    @classmethod
    def of(cls, encoded: Sequence[EncodedTrajectory]) -> Reading:
        """The sums over some trajectories."""
        return cls(
            trajectories=len(encoded),
            tokens=sum(len(one.tokens.ids) for one in encoded),
            to_score=sum(len(one.positions) for one in encoded),
            to_read=sum(one.n_tokens_to_read for one in encoded),
            longest=max((window.n_tokens for one in encoded for window in one.plan), default=0),
        )

    def __str__(self) -> str:
        return (
            f"{counted(self.trajectories, 'trajectory')}, {self.tokens:,} tokens: {self.to_score:,} to score, "
            f"{self.to_read:,} to read in windows of at most {self.longest:,}"
        )


class ModelSize(NamedTuple):
    """The size of a model, in numbers and in bytes."""

    parameters: int
    weights: int
    """Bytes of the weights."""
    scoring: int
    """The smallest number of bytes that scoring the longest window needs in addition. More memory makes it faster."""

    def __str__(self) -> str:
        return (
            f"{_short(self.parameters)} parameters; at least {_bytes(self.weights + self.scoring)} of memory "
            f"({_bytes(self.weights)} weights, {_bytes(self.scoring)} for one window)"
        )


def size_of_checkpoint(pretrained: str, options: Mapping[str, Any], n_tokens: int) -> ModelSize:
    """The size of the model that `hf-topk` would load, from its configuration alone.

    Args:
        pretrained: a folder, or a name on the Hub.
        options: model arguments. Those that choose the configuration and the dtype are used.
        n_tokens: the length of the longest window.

    Raises:
        Exception: transformers cannot make the model. It raises errors of many types.
    """
    import torch  # these imports take seconds
    from transformers import AutoConfig, AutoModelForCausalLM

    from lm_eval_hesnr.models.torch_engine.memory import Budget, ModelShape

    config = AutoConfig.from_pretrained(pretrained, **source_options(options))
    dtype = options.get("dtype", "auto")
    chosen = config.dtype if dtype == "auto" else getattr(torch, str(dtype))
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(
            config, dtype=chosen, trust_remote_code=options.get("trust_remote_code", False)
        )
    shape = ModelShape.of(model, model.get_input_embeddings().num_embeddings)
    least = Budget(shape, 0, on_cpu=False).least(n_tokens, can_chunk=True)
    return ModelSize(*weights_of(model), least)


def weights_of(model: Any) -> tuple[int, int]:
    """The number of a model's parameters, and their bytes."""
    parameters = list(model.parameters())
    return sum(one.numel() for one in parameters), sum(one.numel() * one.element_size() for one in parameters)


def _short(number: int) -> str:
    for unit, size in (("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)


def _bytes(number: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6)):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number / 1000:.3g} kB"
