"""What the experiment `tax` makes: losses, learning rates, seeds, and the sizes of what is read."""

from __future__ import annotations

from collections.abc import Mapping

from lab.families.plan import Checkpoint

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

LEVEL = 0
"""Of micro-SWE, as in all experiments (`lab.tuning.fixed`)."""
STEPS = 150
RATES = (3e-4, 8e-4, 2e-3)
"""Learning rates. The last one is that of all experiments; the two others are 2.5 and 7 times smaller."""
SEEDS = (0, 1, 2)
FIRST_SEED = 200
"""Seed s of the plan is this plus s. The other experiments use other seeds."""
FAST_RATES, FAST_SEEDS = (8e-4,), (0,)

TASKS = 300
"""The first held-out tasks: all of functions that training never saw."""
SAMPLES = K = 8
"""Sampled attempts per task, and k of pass@k."""
GROUPS = 14
"""Groups of trajectories. Trajectory i belongs to group i // 2 mod 14, in the order of the digests of their tokens."""

IN_STYLE, OUT_OF_STYLE = "micro_swe", "swe_mini"
DATA: Mapping[str, str] = {IN_STYLE: "in-style: gold runs of micro-SWE", OUT_OF_STYLE: "out-of-style: embedded runs"}
GOLD_RUNS = 400

TEMPERATURES = (0.8, 1.25)
"""Of the controls: cross entropy with this learning rate, and then all logits divided by the temperature."""
CONTROL, CONTROL_RATE = "control", 8e-4


def part(rate: float, seed: int) -> str:
    """The name of the part of one fine-tuning."""
    return f"lr {rate:g}, seed {seed}"


def control_part(temperature: float, seed: int) -> str:
    """The name of the part of one control."""
    return f"T {temperature:g}, seed {seed}"
