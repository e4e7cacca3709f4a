"""What a checkpoint says before fine-tuning: the harness runs the task, and the reading comes from its results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lab.predict.layout import TASK, reading_of


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
