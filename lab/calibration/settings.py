"""The settings of fine-tuning that the calibration tries."""

from __future__ import annotations

from typing import NamedTuple


class Setting(NamedTuple):
    """Of one fine-tuning, except for its seed."""

    level: int
    steps: int
    lr: float

    def part(self, seed: int) -> str:
        """The name of its part in the file of readings."""
        return f"level {self.level}, {self.steps} steps, lr {self.lr:g}, seed {seed}"


SETTINGS = (
    Setting(0, 150, 2e-3),
    Setting(1, 150, 2e-3),
    Setting(1, 200, 2e-3),
    Setting(0, 200, 2e-3),
)
"""In the order in which they are tried. The fast form has the first one, and one seed."""
