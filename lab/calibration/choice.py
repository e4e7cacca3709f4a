"""The rule that fixes level and settings of fine-tuning.

It was written before its readings. Only level 0 was added after the first ones, in which the last checkpoint solved too
few tasks of level 1 (6 to 7 %).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

HIGHEST_FLOOR = 0.03
"""Random weights may solve this share of the tasks after fine-tuning."""
LEVELS = (1, 0, 2, 3)
"""In the order of the rule."""
LOWEST, HIGHEST = 0.15, 0.80
"""The last checkpoint must solve a share between these."""


class Try(NamedTuple):
    """One setting, with the shares of solved tasks of both models, each a mean over seeds."""

    level: int
    steps: int
    lr: float
    last: float
    floor: float
    last_loss: float
    """Of held-out right actions of the last checkpoint, nats per token."""

    @property
    def fits(self) -> bool:
        """Whether this setting separates the two models, and leaves room on both sides."""
        return self.floor <= HIGHEST_FLOOR and LOWEST <= self.last <= HIGHEST


def choice(tries: Sequence[Try]) -> Try | None:
    """The setting that all experiments use; None if no setting fits.

    Level 1 comes first. The easier level 0 is for a last checkpoint that solves too few tasks, the harder levels for
    one that solves too many. Of the settings of one level that fit, it has the most steps, then the smallest loss.
    """
    fitting = [one for one in tries if one.fits]
    return min(fitting, key=lambda one: (LEVELS.index(one.level), -one.steps, one.last_loss), default=None)
