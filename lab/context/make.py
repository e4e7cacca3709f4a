"""The pieces of work: a checkpoint reads the embedded runs with both windows, or is fine-tuned and tries tasks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from lab.before_after import read_decided, write_decided
from lab.context.extended import extended, rope_parameters, settings
from lab.context.layout import Reference, reading_of
from lab.context.outcome import outcome
from lab.context.plan import BASE, LONG, SHORT, STRIDES, extension
from lab.experiment import Made
from lab.families.about import about
from lab.families.plan import FLOOR
from lab.families.train import checkpoint, write_floor
from lab.provenance import digest_of_weights
from lab.scoring import token_scores
from lab.tuning.fixed import FIXED
from lab.tuning.tasks import tasks_of
from lm_eval_hesnr.metrics.calibration import Replicates
from lm_eval_hesnr.scoring.token_scores import TokenScores


def make_reading(folder: Path, name: str) -> Made:
    """What a checkpoint says with both windows.

    Args:
        folder: of the piece of work, two levels below the folder of the laboratory's work.
        name: of the checkpoint, see `plan.names`.
    """
    out = folder.parents[1]
    model = _checkpoint(out, name)
    runs = {window: scores_of(model, window) for window in (SHORT, LONG)}
    if extension(name) is None:
        write_reference(_path_of_reference(out), Reference.of(runs[SHORT]))
    return Made(_about(out, model, name), reading_of(runs, _reference(out)))


def make_outcome(folder: Path, name: str) -> Made:
    """What a checkpoint solves after the fixed fine-tuning. `folder` and `name` as in `make_reading`, or the floor."""
    out = folder.parents[1]
    model = write_floor(out / "families") if name == FLOOR else _checkpoint(out, name)
    return Made(_about(out, model, name), outcome(model, tasks_of(out / "tasks", FIXED.level)))


def scores_of(model: Path, window: int) -> list[TokenScores]:
    """The scores of the actions of the resolved embedded runs, with one window."""
    return token_scores(
        model,
        None,
        metadata={"score": "action", "temperatures": True},
        model_args={"max_length": window, "stride": STRIDES[window]},
    )


def _checkpoint(out: Path, name: str) -> Path:
    found = extension(name)
    return extended(out, found) if found else checkpoint(out / "families", BASE)


def _about(out: Path, model: Path, name: str) -> Mapping[str, Any]:
    found = None if name == FLOOR else extension(name)
    of_base = about(checkpoint(out / "families", BASE), BASE)
    if found is None:
        return {"base": of_base, "extension": None, "model_sha256": digest_of_weights(model)}
    made = {"rope": rope_parameters(found.scaling), "steps": found.steps, "training": settings()}
    return {"base": of_base, "extension": made, "model_sha256": digest_of_weights(model)}


def _path_of_reference(out: Path) -> Path:
    base = checkpoint(out / "families", BASE)
    return out / "context" / f"reference-{digest_of_weights(base)[:12]}.npz"


def _reference(out: Path) -> Reference:
    """What the checkpoint as it is says with the short window. It is read if its file is not there."""
    path = _path_of_reference(out)
    if not path.exists():
        write_reference(path, Reference.of(scores_of(checkpoint(out / "families", BASE), SHORT)))
    return read_reference(path)


def write_reference(path: Path, found: Reference) -> None:
    """Write it. A process that is killed leaves no half of a file."""
    calibrated = found.calibrated
    if calibrated is None:
        raise AssertionError("the checkpoint as it is was read with temperatures")
    write_decided(
        path,
        found.decided,
        calibrated=np.array(calibrated.value),
        calibrated_values=calibrated.values,
        calibrated_decisions=calibrated.decisions,
    )


def read_reference(path: Path) -> Reference:
    """What `write_reference` wrote."""
    with np.load(path) as found:
        calibrated = Replicates(float(found["calibrated"]), found["calibrated_values"], found["calibrated_decisions"])
    return Reference(read_decided(path), calibrated)
