"""Facts about measures that exports need: the better direction, the smallest and the largest value, and the unit."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER

DIRECTIONS: dict[str, bool | None] = HIGHER_IS_BETTER | {"calibrated_he_snr": True}
"""`measures.HIGHER_IS_BETTER`, and the measure that only runs with the option `temperatures` have."""


class Bounds(NamedTuple):
    """The interval that contains every possible value of a measure."""

    low: float
    high: float | None
    """None if there is no largest value."""


def bounds(name: str, *, k: int, epsilon: float | None) -> Bounds:
    """The bounds of a measure.

    Args:
        name: a key of `DIRECTIONS`.
        k: size of the candidate set.
        epsilon: the threshold in nats; None if there is none. Then a bound that depends on it is not known.
    """
    return _BOUNDS[name](k, epsilon)


def largest_snr(k: int, epsilon: float) -> float | None:
    """The largest possible p(token) / entropy of a token with entropy > epsilon, 1/nats; None without such tokens.

    Among distributions over k candidates with a given entropy, the largest probability is largest if all other
    candidates share the rest equally (the case of equality in Fano's inequality). This probability, and so its ratio to
    the entropy, falls with rising entropy. So no ratio of a decision is larger than the one at epsilon.
    """
    if not 0 < epsilon < math.log(k):
        return None
    from scipy.optimize import brentq  # type: ignore[import-untyped]  # slow to import, and seldom needed

    def _excess(largest: float) -> float:
        rest = 1 - largest
        return -largest * math.log(largest) - rest * math.log(rest / (k - 1)) - epsilon

    # the entropy falls from ln k, where all candidates are equally likely, to 0
    return float(brentq(_excess, 1 / k, 1 - 1e-15)) / epsilon


def _share(k: int, epsilon: float | None) -> Bounds:
    return Bounds(0.0, 1.0)


def _perplexity(k: int, epsilon: float | None) -> Bounds:
    return Bounds(1.0, None)


def _unbounded(k: int, epsilon: float | None) -> Bounds:
    return Bounds(0.0, None)


def _snr(k: int, epsilon: float | None) -> Bounds:
    return Bounds(0.0, None if epsilon is None else largest_snr(k, epsilon))


def _entropy(k: int, epsilon: float | None) -> Bounds:
    return Bounds(0.0, math.log(k))


_BOUNDS: dict[str, Callable[[int, float | None], Bounds]] = {
    "he_snr": _snr,
    "he_ppl": _perplexity,
    "ppl": _perplexity,
    "decisions": _unbounded,
    "decision_rate": _share,
    "top1_acc": _share,
    "topk_acc": _share,
    "mean_entropy": _entropy,
    "mean_top_mass": _share,
    "self_he_snr": _snr,
    "q_over_entropy": _snr,
    "bits_per_byte": _unbounded,
    "calibrated_he_snr": _snr,  # the entropy is that at the fitted temperature, and has the same lower limit
}

UNITS: dict[str, str] = {
    **dict.fromkeys(DIRECTIONS, "proportion"),
    "he_snr": "1/nats",
    "he_ppl": "perplexity",
    "ppl": "perplexity",
    "decisions": "tokens",
    "mean_entropy": "nats",
    "self_he_snr": "1/nats",
    "q_over_entropy": "1/nats",
    "bits_per_byte": "bits per byte",
    "calibrated_he_snr": "1/nats",
}
"""The unit of each measure."""
