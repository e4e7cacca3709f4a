"""The choice of a threshold by its success: what it brings in a family that did not take part in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics.bootstrap import LEVEL, SEED, Interval
from lm_eval_hesnr.metrics.correlation.partial import left_out_errors
from lm_eval_hesnr.metrics.correlation.two_measures import correlation


class Nested(NamedTuple):
    """Leave one family out: choose the best of m measures on the other families, and predict the family."""

    families: Sequence[str]
    chosen: np.ndarray
    """(F,) index of the measure with the largest r on the other families."""
    errors: np.ndarray
    """(F,) root mean squared error of the family, in logits, of the chosen measure."""
    fixed: np.ndarray
    """(F,) that of the fixed measure."""
    gain: float
    """Mean of fixed - errors."""
    interval: Interval
    """95 %, of the gain, by a paired t test over families."""


def nested(x: np.ndarray, fixed: np.ndarray, y: np.ndarray, families: Sequence[str]) -> Nested | None:
    """Choose among m measures, and compare with a measure that was fixed before.

    Args:
        x: (m, n)
        fixed: (n,)
        y: (n,)
        families: (n,)

    Returns:
        None if a prediction is not defined.
    """
    of, names = np.array(families), sorted(set(families))
    chosen = np.array([_best(x[:, of != name], y[of != name]) for name in names])
    by_measure = {i: left_out_errors(x[i][:, None], y, families) for i in set(chosen)}
    of_fixed = left_out_errors(fixed[:, None], y, families)
    if of_fixed is None or any(one is None for one in by_measure.values()):
        return None
    errors = np.array([_root(by_measure[i], of == name) for i, name in zip(chosen, names, strict=True)])
    fixed_errors = np.array([_root(of_fixed, of == name) for name in names])
    gains = fixed_errors - errors
    interval = Interval(0.0, 0.0)
    if np.ptp(gains) > 0:
        interval = Interval(*(float(end) for end in stats.ttest_1samp(gains, 0).confidence_interval(LEVEL)))
    return Nested(names, chosen, errors, fixed_errors, float(gains.mean()), interval)


def _best(x: np.ndarray, y: np.ndarray) -> int:
    """The measure with the largest r; one that does not vary has none."""
    return int(np.nan_to_num(correlation(x, y), nan=-np.inf).argmax())


def _root(errors: np.ndarray | None, chosen: np.ndarray) -> float:
    if errors is None:
        raise AssertionError("checked before")
    return float(np.sqrt(np.mean(errors[chosen] ** 2)))


def best_of_resamples(x: np.ndarray, drawn_y: np.ndarray, families: Sequence[str]) -> np.ndarray:
    """(R,) index of the measure with the largest r in each resample: families with replacement, outcomes drawn anew.

    Args:
        x: (m, n)
        drawn_y: (R, n) draws of the outcome.
        families: (n,)
    """
    of, names = np.array(families), sorted(set(families))
    drawn = np.random.default_rng(SEED).integers(len(names), size=(len(drawn_y), len(names)))
    times = np.stack([(drawn == f).sum(axis=1) for f in range(len(names))], axis=1)  # (R, F)
    weights = times[:, [names.index(family) for family in of]].astype(np.float64)  # (R, n)
    weights /= weights.sum(axis=1, keepdims=True)
    y = drawn_y - (weights * drawn_y).sum(axis=1, keepdims=True)
    z = x - x.mean(axis=1, keepdims=True)
    mean = np.einsum("rn,mn->rm", weights, z)
    spread = np.einsum("rn,mn->rm", weights, z**2) - mean**2
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.einsum("rn,mn->rm", weights * y, z) / np.sqrt(np.maximum(spread, 0))  # the spread of y is the same
    return np.asarray(np.nan_to_num(r, nan=-np.inf, posinf=-np.inf, neginf=-np.inf).argmax(axis=1))
