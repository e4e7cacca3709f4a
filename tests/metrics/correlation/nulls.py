"""Quantities that share nothing but a trend; and a check that a result is there."""

from __future__ import annotations

from typing import TypeVar

import numpy as np

NULLS = ("trend", "walk + trend", "family levels + walk")


def series(random: np.random.Generator, kind: str, studies: int, families: int, steps: int) -> np.ndarray:
    """Return (studies, families, steps): what improves with log(step), with independent deviations, with deviations
    that add up, or with those and a level of each training run."""
    trend = np.log(np.geomspace(1, 12, steps))
    if kind == "trend":
        return np.asarray(trend + 0.15 * random.normal(size=(studies, families, steps)))
    walk = 0.2 * random.normal(size=(studies, families, steps)).cumsum(axis=2)
    levels = 0.4 * random.normal(size=(studies, families, 1)) if kind == "family levels + walk" else 0.0
    return np.asarray(trend + levels + walk)


T = TypeVar("T")


def known(result: T | None) -> T:
    """Return the result, which must not be None."""
    assert result is not None
    return result
