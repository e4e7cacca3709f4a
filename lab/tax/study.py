"""The models of the experiment: what each one says and solves, over all seeds; and which of them are compared."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from lab.tax.crossed import Measured
from lab.tax.plan import IN_STYLE, K

S, CALIBRATED = "he_snr", "calibrated_he_snr"
MEASURES = (S, "decision_rate", "topk_acc", "mean_top_mass", "mean_entropy")
PASS, PASS_K, PASS_SAMPLED = "pass@1", f"pass@{K}", "pass@1, sampled"
OUTCOMES = (PASS, PASS_K, PASS_SAMPLED)
HELD_OUT, CALIBRATED_HELD_OUT = f"loss,{IN_STYLE}", f"calibrated_loss,{IN_STYLE}"
"""The loss of the right actions of gold runs, nats per token, as it is and at the temperature that fits best."""


def of(name: str, data: str) -> str:
    """The key of a number over a set of trajectories."""
    return f"{name},{data}"


class Model(NamedTuple):
    """A kind of fine-tuning, or a mixture of two with neighbouring learning rates."""

    title: str
    measured: Mapping[str, Measured]
    """The outcomes, and S, calibrated S and other measures of each set of trajectories."""
    numbers: Mapping[str, float]
    """Means over the seeds, without interval: losses, temperatures, KL to the start."""

    def mixed(self, other: Model, share: float) -> Model:
        """(1 - share) of this and `share` of the other one, which the title says, too."""
        return Model(
            other.title if share == 1 else f"{self.title} to {other.title}, {100 * share:.0f} %",
            {key: one.mixed(other.measured[key], share) for key, one in self.measured.items()},
            {key: one + share * (other.numbers[key] - one) for key, one in self.numbers.items()},
        )


class Study(NamedTuple):
    """All models."""

    start: Model
    """Before fine-tuning."""
    tuned: Mapping[str, Sequence[Model]]
    """For each loss its models, the smallest learning rate first."""
    controls: Mapping[float, Model]
    """Temperature to the model: cross entropy, with all logits divided by it."""
    control_of: Model
    """The same at temperature 1."""


def best(models: Sequence[Model]) -> Model:
    """The model with the smallest held-out loss. No outcome of a task is used."""
    return min(models, key=lambda one: one.numbers[HELD_OUT] if math.isfinite(one.numbers[HELD_OUT]) else math.inf)


def at_loss(models: Sequence[Model], level: float, key: str) -> Model | None:
    """The model with this held-out loss, between two neighbouring learning rates of which the larger one has less loss.

    Args:
        models: the smallest learning rate first.
        level: nats per token.
        key: `HELD_OUT` or `CALIBRATED_HELD_OUT`.

    Returns:
        None if no two neighbours are on both sides of the level.
    """
    for one, other in pairwise(models):
        above, below = one.numbers[key], other.numbers[key]
        if above >= level >= below and above > below:
            return one.mixed(other, (above - level) / (above - below))
    return None


def at_equal_loss(a: Sequence[Model], b: Sequence[Model], key: str) -> tuple[Model, Model] | None:
    """Both at the smallest held-out loss that both reach; None if one of them has less at every learning rate."""
    level = max(min(one.numbers[key] for one in models) for models in (a, b))
    pair = at_loss(a, level, key), at_loss(b, level, key)
    return None if pair[0] is None or pair[1] is None else (pair[0], pair[1])
