"""What a checkpoint is, for the files of readings, and which training made it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lab.families.plan import FLOOR
from lab.families.recipes import BATCH_TOKENS, N_STEPS, RECIPES, REPEATS, WINDOW
from lab.provenance import digest_of_weights
from lm_eval_hesnr.errors import InputError


def about(folder: Path, name: str) -> dict[str, Any]:
    """The value `about` of a file of readings (lab/readings/README.md).

    Args:
        folder: the checkpoint.
        name: of the checkpoint, such as `recipe-012.5`, or the floor's.
    """
    family, _, percent = name.partition("-")
    recipe = RECIPES["recipe" if name == FLOOR else family]
    seed = {"seed": REPEATS[family]} if family in REPEATS else {}  # readings of the first recipe do not name its seed
    step = 0 if name == FLOOR else round(N_STEPS * float(percent) / 100)
    return {
        "family": family,
        "percent": float(percent or 0),
        "step": step,
        "tokens": step * BATCH_TOKENS,
        "training": {"steps": N_STEPS, "window": WINDOW, **asdict(recipe), **seed},
        "model_sha256": digest_of_weights(folder),
    }


def about_with_training(folder: Path, name: str) -> dict[str, Any]:
    """The same, with the training that made the checkpoint.

    Args:
        folder: the checkpoint, in the working folder of all families.
        name: of the checkpoint.
    """
    return {**about(folder, name), "training_sha256": training_sha256(folder.parent, name.partition("-")[0])}


def training_sha256(out: Path, family: str) -> str | None:
    """Which training made the checkpoints of a family; None for random weights.

    It is the digest of the first line that this training wrote into the log of the working folder: its loss, and its
    time to a tenth of a second. If a family is trained again from its beginning, it has another one.

    Args:
        out: the working folder of all families.
        family: its name, or the floor's.

    Raises:
        InputError: the log is missing or has no such line.
    """
    if family == FLOOR:
        return None
    path = out / "log.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    of_family = [(json.loads(line)["step"], line) for line in lines if json.loads(line)["stage"] == family]
    if not of_family:
        raise InputError(
            f"{path}: expected lines of the family {family!r}, found none; keep the log with the checkpoints"
        )
    first_step = min(step for step, _ in of_family)
    last = [line for step, line in of_family if step == first_step][-1]
    return hashlib.sha256(last.encode()).hexdigest()
