"""Level and settings of fine-tuning that all experiments use: those that the calibration chooses.

A test compares them with the committed readings of the calibration (docs/lab/calibration.md).
"""

from __future__ import annotations

from typing import NamedTuple


class Fixed(NamedTuple):
    """What the rule of the calibration gave."""

    level: int
    steps: int
    lr: float


FIXED = Fixed(level=0, steps=200, lr=2e-3)
