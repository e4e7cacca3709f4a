"""Which checkpoints the experiment reads, and with which windows."""

from __future__ import annotations

from typing import NamedTuple

from lab.families.plan import Checkpoint

BASE = Checkpoint("recipe", 100.0).name
"""The checkpoint whose context is extended."""
SHORT = 512
"""Its context, in tokens (`lab.families.recipes.WINDOW`, which is not imported here, because it needs torch)."""
FACTOR = 4
LONG = FACTOR * SHORT
AS_IT_IS = "as-it-is"
"""The name of the checkpoint without an extension."""
SCALINGS = ("linear", "yarn", "dynamic")
STEPS = (0, 10, 30, 100, 300)
"""Of training on long rows after the extension."""
FAST_SCALINGS, FAST_STEPS = ("yarn",), (0, 10)

LEAST_CONTEXT = SHORT // 2
"""Every token that counts has so many tokens before it, in both windows, if the text has them."""
STRIDES = {SHORT: SHORT - LEAST_CONTEXT, LONG: LONG - LEAST_CONTEXT}
"""Window to stride, in tokens."""
BINS = ((0, SHORT), (SHORT, 2 * SHORT), (2 * SHORT, LONG))
"""[from, to) of the number of tokens that the long window has before a token."""

SEED = 300
"""Of fine-tuning. No other experiment uses it."""
ADAPTATION_SEED = 3
"""Of the rows of the training on long rows."""


class Extension(NamedTuple):
    """A checkpoint with an extended context."""

    scaling: str
    """`linear`, `yarn` or `dynamic`, as `transformers` names them."""
    steps: int

    @property
    def name(self) -> str:
        """The name of its file of readings."""
        return f"{self.scaling}-{self.steps:03}"


def extensions(*, fast: bool) -> list[Extension]:
    """All extended checkpoints: those of one scaling follow each other, in the order of their steps."""
    if fast:
        return [Extension(scaling, steps) for scaling in FAST_SCALINGS for steps in FAST_STEPS]
    return [Extension(scaling, steps) for scaling in SCALINGS for steps in STEPS]


def names(*, fast: bool) -> list[str]:
    """The names of all files of readings, the checkpoint as it is first."""
    return [AS_IT_IS, *(one.name for one in extensions(fast=fast))]


def extension(name: str) -> Extension | None:
    """The extension with this name; None for the checkpoint as it is."""
    if name == AS_IT_IS:
        return None
    scaling, _, steps = name.rpartition("-")
    return Extension(scaling, int(steps))
