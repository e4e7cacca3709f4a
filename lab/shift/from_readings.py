"""What the readings say about each training, as arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lab.before_after import rows_of
from lab.families.plan import PERCENTS
from lab.readings import Readings
from lab.shift.layout import choices_of, windows_of
from lab.shift.plan import LENGTHS, TEMPERATURES, choices_part, names, runs
from lab.shift.windows import counts
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.metrics.decomposition import COLUMNS as PARTS
from lm_eval_hesnr.results.documents import document_totals

READING, PARTS_PART, WHOLE_PART = "reading", "parts", "parts from the first"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Training:
    """C checkpoints of one training, in order, on the same D trajectories."""

    name: str
    percents: Sequence[float]
    windows: Mapping[float, np.ndarray]
    """Temperature to (C, D, len(windows.COLUMNS)) counts."""
    choices: np.ndarray
    """(len(LENGTHS), texts, len(COLUMNS_OF_CHOICES)): of the last checkpoint, after fine-tuning, at temperature 1."""
    ties: Mapping[float, np.ndarray] | None = None
    """Temperature to (texts, len(COLUMNS_OF_CHOICES)): the same after the longest fine-tuning."""
    tie_windows: np.ndarray | None = None
    """(len(LENGTHS), len(windows.COLUMNS)) counts of the entropies of all choices, at temperature 1."""
    totals: np.ndarray | None = None
    """(C, D, n) as `measures.totals` has them; None in a made-up training."""
    calibrated: Sequence[float | None] | None = None
    """The calibrated he_snr of each checkpoint."""
    parts: np.ndarray | None = None
    """(C, D, len(decomposition.COLUMNS)): the difference of he_snr to the checkpoint before; last, that of the last
    checkpoint to the first."""
    moves: np.ndarray | None = None
    """(25,) tokens from each of `windows.CLASSES` to each, from the first checkpoint to the last."""
    histogram: np.ndarray | None = None
    """(C, bins) tokens at temperature 1."""

    def in_order(self, order: Sequence[int]) -> Training:
        """The same checkpoints as if training had passed them in another order. A control."""
        windows = {t: rows[list(order)] for t, rows in self.windows.items()}
        return Training(name=self.name, percents=self.percents, windows=windows, choices=self.choices)


def trainings(readings: Readings, *, fast: bool) -> list[Training]:
    """All trainings of a form.

    Raises:
        InputError: a reading is missing, or two checkpoints read other trajectories.
    """
    found = [_training(readings, run) for run in runs(fast=fast)]
    _check_same(readings, fast)
    return found


def _training(readings: Readings, run: str) -> Training:
    checkpoints = names(run)
    read = [readings.needed(name, READING) for name in checkpoints]
    whole = readings.needed(checkpoints[-1], WHOLE_PART)
    parts = [rows_of(readings.needed(name, PARTS_PART)["rows"]) for name in checkpoints[1:]] + [rows_of(whole["rows"])]
    choices = [readings.needed(checkpoints[-1], choices_part(steps)) for steps in LENGTHS]
    if parts[0].shape[1] != len(PARTS):
        raise InputError(f"{readings.folder}: the parts of {run} have other columns than this version; make them again")
    return Training(
        name=run,
        percents=PERCENTS,
        windows={t: np.stack([windows_of(one, t) for one in read]) for t in TEMPERATURES},
        choices=np.stack([choices_of(one, 1.0) for one in choices]),
        ties={t: choices_of(choices[-1], t) for t in TEMPERATURES},
        tie_windows=np.stack([counts(rows_of([" ".join(one["entropies"])])[0]) for one in choices]),
        totals=np.stack(
            [
                document_totals({"columns": one["columns"], "totals": {"action": one["totals"]}})["action"]
                for one in read
            ]
        ),
        calibrated=[one["calibrated_he_snr"] for one in read],
        parts=np.stack(parts),
        moves=rows_of(whole["moves"]).sum(axis=0),
        histogram=np.stack([rows_of(one["histograms"]["1"]).sum(axis=0) for one in read]),
    )


def _check_same(readings: Readings, fast: bool) -> None:
    """All checkpoints read the same trajectories, and those of a training come from one training."""
    expected = None
    for run in runs(fast=fast):
        training = None
        for name in names(run):
            place = readings.folder / f"{name}.json"
            documents = readings.needed(name, READING)["documents_sha256"]
            if documents != (expected := expected or documents):
                raise InputError(f"{place}: other trajectories than those of other checkpoints; make it again")
            about = (readings.about(name) or {}).get("training_sha256")
            if about != (training := training or about):
                raise InputError(f"{place}: about, training_sha256: differs from that of other checkpoints of {run}")
