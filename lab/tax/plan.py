"""What the experiment `tax` makes: losses, learning rates, seeds, and the sizes of what is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from lab.families.plan import Checkpoint
from lab.tuning.fixed import FIXED

START = Checkpoint("recipe", 100.0).name
"""Every fine-tuning starts from this checkpoint."""
BEFORE = "start"
"""The file about the checkpoint before fine-tuning."""

CROSS_ENTROPY = "cross_entropy"
LOSSES: Mapping[str, str] = {
    CROSS_ENTROPY: "cross entropy",
    "smoothing": "label smoothing 0.1",
    "gem": "GEM, beta 0.7",
    "entropy": "entropy bonus 0.1",
    "kl": "0.5 KL to the start",
    "unlikelihood": "unlikelihood 0.5",
    "margin": "margin contrast 0.5",
}
"""File name to name in tables."""

LEVEL = FIXED.level
"""Of micro-SWE, as in all experiments."""
STEPS = 100
RATES = (3e-4, 2e-3, 4e-3)
"""Learning rates. The second one is that of all experiments. The first one was meant to give cross entropy the largest
held-out loss, so that all can be compared at equal held-out loss. It gave the smallest one (docs/lab/tax.md)."""
SEEDS = (0, 1, 2)
FIRST_SEED = 200
"""Seed s of the plan is this plus s. The other experiments use other seeds."""

TASKS = 200
"""The first held-out tasks: all of functions that training never saw."""
SAMPLES = K = 8
"""Sampled attempts per task, and k of pass@k."""
GROUPS = 14
"""Groups of trajectories. Trajectory i belongs to group i // 2 mod 14, in the order of the digests of their tokens."""

IN_STYLE, OUT_OF_STYLE = "micro_swe", "swe_mini"
DATA: Mapping[str, str] = {IN_STYLE: "in-style: gold runs of micro-SWE", OUT_OF_STYLE: "out-of-style: embedded runs"}
GOLD_RUNS = 400
SEGMENTS = 16
"""Of each embedded run, from its beginning: with whole runs, this reading would be a third of all work."""

TEMPERATURES = (0.8, 1.25)
"""Of the controls: cross entropy with this learning rate, and then all logits divided by the temperature."""
CONTROL_RATE = FIXED.lr


class Form(NamedTuple):
    """How much of the plan is made."""

    losses: Sequence[str]
    rates: Sequence[float]
    seeds: Sequence[int]
    temperatures: Sequence[float]


COMPLETE = Form(tuple(LOSSES), RATES, SEEDS, TEMPERATURES)
FAST = Form((CROSS_ENTROPY, "smoothing", "gem", "unlikelihood"), (CONTROL_RATE,), SEEDS[:1], TEMPERATURES[1:])


def form(*, fast: bool) -> Form:
    """The fast form, or the complete one."""
    return FAST if fast else COMPLETE


def part(rate: float, seed: int) -> str:
    """The name of the part of one fine-tuning."""
    return f"lr {rate:g}, seed {seed}"


def control_part(temperature: float, seed: int) -> str:
    """The name of the part of one control."""
    return f"T {temperature:g}, seed {seed}"
