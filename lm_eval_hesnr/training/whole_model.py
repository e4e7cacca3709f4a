"""Refuses models whose weights are spread over processes: no process can then score with the whole model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.distributed.tensor import DTensor

from lm_eval_hesnr.errors import InputError


def refuse_sharded(trainer: Any, model: Any) -> None:
    """Refuse FSDP, ZeRO-3, and tensor, context and sequence parallelism.

    Args:
        trainer: a `transformers.Trainer`.
        model: its model; None if it is not known yet.

    Raises:
        InputError: the model is sharded.
    """
    found = next(_ways(trainer, model), None)
    if found:
        raise InputError(
            f"HESNRCallback: {found} spreads the model over processes, and scoring needs a whole model; leave out the "
            f"callback, and run `hesnr sweep {trainer.args.output_dir} --watch` next to the training"
        )


def _ways(trainer: Any, model: Any) -> Iterator[str]:
    """The names of all ways in which this model is spread over processes."""
    state = trainer.accelerator.state
    if getattr(state, "fsdp_plugin", None) is not None:
        yield "FSDP"
    deepspeed = getattr(state, "deepspeed_plugin", None)
    if deepspeed is not None and deepspeed.zero_stage == 3:
        yield "DeepSpeed ZeRO-3"
    parallelism = getattr(trainer.accelerator, "parallelism_config", None)
    for name in ("tp", "cp", "sp", "dp_shard"):
        if getattr(parallelism, f"{name}_size", 1) > 1:
            yield f"{name}_size"
    for parameter in model.parameters() if model is not None else ():
        if isinstance(parameter, DTensor):
            yield "DTensor"
        if hasattr(parameter, "ds_id"):
            yield "DeepSpeed ZeRO-3"
