"""What a checkpoint says before fine-tuning: the harness runs the task, and the reading comes from its results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lab.predict.layout import reading_of
from lab.scoring import evaluate


def read(model: Path, trajectories: Path | None) -> dict[str, Any]:
    """The value of the part `reading/DATA`.

    Args:
        model: the folder of the checkpoint.
        trajectories: a file; None for the resolved runs of the embedded sample set.
    """
    return reading_of(evaluate(model, trajectories, metadata={"temperatures": True}))
