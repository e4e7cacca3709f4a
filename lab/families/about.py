"""What a checkpoint is, for the files of readings."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from lab.families.plan import FLOOR
from lab.families.recipes import BATCH_TOKENS, N_STEPS, RECIPES, WINDOW
from lab.provenance import digest_of_weights


def about(folder: Path, name: str) -> dict[str, Any]:
    """The value `about` of a file of readings (lab/readings/README.md).

    Args:
        folder: the checkpoint.
        name: of the checkpoint, such as `recipe-012.5`, or the floor's.
    """
    family, _, percent = name.partition("-")
    recipe = RECIPES["recipe" if name == FLOOR else family]
    step = 0 if name == FLOOR else round(N_STEPS * float(percent) / 100)
    return {
        "family": family,
        "percent": float(percent or 0),
        "step": step,
        "tokens": step * BATCH_TOKENS,
        "training": {"steps": N_STEPS, "window": WINDOW, **asdict(recipe)},
        "model_sha256": digest_of_weights(folder),
    }
