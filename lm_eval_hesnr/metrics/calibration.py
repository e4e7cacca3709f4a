"""`calibrated_he_snr`: he_snr at the temperature that fits best, fitted on other trajectories than it is applied to.

The trajectories are ordered by the digests of their tokens, and every second one belongs to the second half. On each
half, T is the temperature with the highest mean logprob over the scope. It is applied to the other half. The value
pools the decisions of both halves. A model that is only warmer or colder than another one has the same value.

The sums of -logprob, which are convex in 1/T, are interpolated by a cubic spline. The decisions at the fitted
temperatures are exact (`temperatures.decision_sums`). In the resamples, the sums over decisions are interpolated
linearly between the points of the finer grid: with few decisions, this differs by up to 1 %, in either direction.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics.bootstrap import (
    SEED,
    Difference,
    difference,
    effective_documents,
    interval,
    resampled,
    spread,
)
from lm_eval_hesnr.metrics.estimates import Estimate
from lm_eval_hesnr.metrics.measures import number_or_none
from lm_eval_hesnr.metrics.profile import EntropyProfile
from lm_eval_hesnr.metrics.temperatures import (
    FINE,
    LEAST_ENTROPY,
    ByTemperature,
    decision_sums,
    pooled_temperatures,
)
from lm_eval_hesnr.metrics.temperatures import INVERSE_TEMPERATURES as GRID

_ON_GRID = np.isin(FINE, GRID)

CALIBRATED = "calibrated_he_snr"
"""The measure's name. Only runs with the option `temperatures` have it. A higher value is better."""


class Calibration(NamedTuple):
    """The calibrated he_snr of one scope."""

    estimate: Estimate
    temperatures: tuple[float | None, float | None]
    """The temperature fitted on each half; None if it is at an end of the grid, or cannot be fitted."""
    reason: str | None
    """Why there is no value; None if there is one."""


def calibration(
    profiles: Sequence[EntropyProfile], digests: Sequence[str], epsilon: float | None
) -> Calibration | None:
    """The calibrated he_snr over D documents; None if the run has no sums by temperature.

    Args:
        profiles: one per document.
        digests: one per document: names its tokens.
        epsilon: the threshold of the profiles' sums by temperature, nats; None if the run has another threshold.
    """
    if all(profile.by_temperature is None for profile in profiles):
        return None
    return calibrated([profile.temperatures for profile in profiles], digests, epsilon)


def calibrated(documents: Sequence[ByTemperature], digests: Sequence[str], epsilon: float | None) -> Calibration:
    """The calibrated he_snr over D documents, see `calibration`."""
    rows = _rows(documents, digests)
    halves = _two_halves(rows)
    if reason := _impossible(halves, epsilon):
        return Calibration(Estimate(None, None, None), (None, None), reason)
    inverse = _fitted(halves[None])[0]  # (2,)
    temperatures = number_or_none(1 / inverse[0]), number_or_none(1 / inverse[1])
    value = number_or_none(_value(documents, digests, inverse))
    if value is None:
        return Calibration(Estimate(None, None, None), temperatures, _why_not_fitted(halves, inverse))
    return Calibration(
        estimate_of(Replicates(value, _values(_resampled_halves(rows)), _decisions(rows))), temperatures, None
    )


class Replicates(NamedTuple):
    """The calibrated he_snr of a run, and its values in all resamples. Those of two runs are paired."""

    value: float
    values: np.ndarray
    """(R,)"""
    decisions: np.ndarray
    """(D,): the number of decisions of each document at temperature 1."""


def replicates(documents: Sequence[ByTemperature], digests: Sequence[str]) -> Replicates | None:
    """The calibrated he_snr over D documents, with resamples; None if it has no value.

    Args:
        documents: with an epsilon of at least ln 2.
        digests: one per document.
    """
    rows = _rows(documents, digests)
    halves = _two_halves(rows)
    if _impossible(halves, LEAST_ENTROPY):
        return None
    value = number_or_none(_value(documents, digests, _fitted(halves[None])[0]))
    return None if value is None else Replicates(value, _values(_resampled_halves(rows)), _decisions(rows))


def estimate_of(found: Replicates) -> Estimate:
    """The value with its standard error and interval."""
    n_docs, effective = len(found.decisions), effective_documents(found.decisions)
    return Estimate(found.value, spread(found.values, n_docs), interval(found.values, effective))


def calibrated_difference(a: Replicates, b: Replicates) -> Difference | None:
    """The calibrated he_snr of run B minus that of run A, which has the same documents."""
    return difference(b.value - a.value, b.values - a.values, [a.decisions, b.decisions])


def _in_order(documents: Sequence[ByTemperature], digests: Sequence[str]) -> list[ByTemperature]:
    """The documents by their digests: every second one belongs to the second half."""
    return [documents[i] for i in np.argsort(np.asarray(digests), kind="stable")]


def _rows(documents: Sequence[ByTemperature], digests: Sequence[str]) -> np.ndarray:
    """(D, 3, F): the sums of each document, in this order."""
    return np.stack([one.sums for one in _in_order(documents, digests)])


def _two_halves(rows: np.ndarray) -> np.ndarray:
    """(2, 3, F): the sums of both halves."""
    return np.stack([rows[::2].sum(axis=0), rows[1::2].sum(axis=0)])


def _decisions(rows: np.ndarray) -> np.ndarray:
    """(D,): the number of decisions at temperature 1."""
    return rows[:, 1, FINE == 1].ravel()


def _value(documents: Sequence[ByTemperature], digests: Sequence[str], inverse: np.ndarray) -> float:
    """The calibrated he_snr, from the 1/T fitted on each half; NaN if one is, or without decisions."""
    if not np.isfinite(inverse).all():
        return math.nan
    ordered = _in_order(documents, digests)
    halves = [pooled_temperatures(ordered[first::2]) for first in (0, 1)]
    found = [decision_sums(half, other) for half, other in zip(halves, inverse[::-1], strict=True)]
    decisions, snr = (sum(column) for column in zip(*found, strict=True))
    return snr / decisions if decisions else math.nan


def _resampled_halves(rows: np.ndarray) -> np.ndarray:
    """(RESAMPLES, 2, 3, F): the sums of two halves in each resample. Each draw is from all D documents.

    If each document kept its half, a resample of a few documents could have an empty half.
    """
    flat, n_docs = rows.reshape(len(rows), -1), len(rows)
    halves = resampled(flat, (n_docs + 1) // 2), resampled(flat, n_docs // 2, SEED + 1)
    return np.stack(halves, axis=1).reshape(-1, 2, *rows.shape[1:])


def _impossible(halves: np.ndarray, epsilon: float | None) -> str | None:
    """Why no temperature can be fitted, seen before the fit."""
    if epsilon is None:
        return "it needs threshold=static"
    if epsilon < LEAST_ENTROPY:
        return "it needs an epsilon of at least ln 2"
    if not np.isfinite(halves).all():
        return "some scores have no temperatures"
    if not halves[:, 0].any(axis=1).all():
        return "it needs scored tokens of this scope in at least two trajectories"
    return None


def _why_not_fitted(halves: np.ndarray, inverse: np.ndarray) -> str:
    """Why the fit gives no value."""
    if np.isfinite(inverse).all():
        return "there is no decision at the fitted temperature"
    total = halves[np.isnan(inverse).argmax(), 0]
    end = GRID[0] if total[0] < total[-1] else GRID[-1]
    return f"the fitted temperature is at an end of the grid, T = {1 / end:g}, or beyond it"


def _values(halves: np.ndarray) -> np.ndarray:
    """(N,) the calibrated he_snr of (N, 2, 3, F) sums; NaN if a temperature is at an end of the grid."""
    applied = _fitted(halves)[:, ::-1, None, None]  # (N, 2, 1, 1) the temperature of the other half
    left = np.clip(np.searchsorted(FINE, applied, side="right") - 1, 0, len(FINE) - 2)
    below, above = (np.take_along_axis(halves[:, :, 1:], left + side, axis=-1) for side in (0, 1))  # (N, 2, 2, 1)
    share = (applied - FINE[left]) / (FINE[1] - FINE[0])
    decisions, snr = (below + (above - below) * share).sum(axis=(1, 3)).T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(snr / decisions)


def _fitted(halves: np.ndarray) -> np.ndarray:
    """(N, 2) 1/T with the smallest sum of -logprob, from (N, 2, 3, F) sums; NaN if it is at an end of the grid."""
    spline = CubicSpline(GRID, halves[:, :, 0, _ON_GRID].reshape(-1, len(GRID)), axis=1)
    rises = spline(GRID, 1) > 0  # (2N, G)
    first = rises.argmax(axis=1)  # the minimum is before this temperature
    left = np.maximum(first - 1, 0)
    c3, c2, c1, _ = spline.c[:, left, np.arange(len(left))]
    with np.errstate(invalid="ignore", divide="ignore"):
        root = -2 * c1 / (2 * c2 + np.sqrt(4 * c2**2 - 12 * c3 * c1))  # of the slope 3 c3 x^2 + 2 c2 x + c1
    return np.where(first > 0, GRID[left] + root, np.nan).reshape(-1, 2)
