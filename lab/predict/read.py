"""What a checkpoint says before fine-tuning: the harness runs the task, and the reading comes from its results."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.predict.families import Checkpoint
from lab.predict.layout import TASK, reading_of
from lab.provenance import digest_of_weights


def read(model: Path, trajectories: Path | None) -> dict[str, Any]:
    """The value of the part `reading/DATA`.

    Args:
        model: the folder of the checkpoint.
        trajectories: a file; None for the resolved runs of the embedded sample set.
    """
    from lm_eval_hesnr import plugin

    plugin.install()
    import lm_eval
    from lm_eval.tasks import TaskManager

    arguments = {"pretrained": str(model), "dtype": "float32"}
    metadata: dict[str, Any] = arguments | {"temperatures": True}
    if trajectories is not None:
        metadata["trajectories"] = str(trajectories)
    manager = TaskManager(include_defaults=False, include_path=plugin.task_folder(), metadata=metadata)
    found = lm_eval.simple_evaluate(
        "hf-topk", arguments, [TASK], task_manager=manager, device="cpu", log_samples=False, bootstrap_iters=0
    )
    return reading_of(found)


def about(one: Checkpoint, model: Path, *, step: int, tokens: int, training: Mapping[str, Any]) -> dict[str, Any]:
    """What the file of a checkpoint is about.

    Args:
        one: the checkpoint.
        model: its folder.
        step: of training.
        tokens: seen in training.
        training: the settings of the training run.
    """
    return {
        "family": one.family,
        "percent": one.percent,
        "step": step,
        "tokens": tokens,
        "training": dict(training),
        "model_sha256": digest_of_weights(model),
    }
