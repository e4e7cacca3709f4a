"""`calibrated_he_snr`: he_snr at the temperature that fits best, fitted on other trajectories than it is applied to.

The trajectories are ordered by the digests of their tokens, and every second one belongs to the second half. On each
half, T is the temperature with the highest mean logprob over the scope. It is applied to the other half. The value
pools the decisions of both halves. A model that is only warmer or colder than another one has the same value.

The sums of -logprob, which are convex in 1/T, are interpolated by a cubic spline. The decisions at a temperature are
exact (`temperatures.decision_sums`). In the resamples, they are interpolated linearly between 129 temperatures, from
the lowest to the highest one that is fitted.
"""

from __future__ import annotations

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
_POINTS = 129
"""The number of temperatures between which the decisions of resamples are interpolated."""

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
    documents = _in_order(documents, digests)
    nothing = Estimate(None, None, None)
    if reason := _impossible(documents, epsilon):
        return Calibration(nothing, (None, None), reason)
    halves = _halves_of_nll(documents)
    inverse = _fitted(halves[None])[0]  # (2,)
    temperatures = number_or_none(1 / inverse[0]), number_or_none(1 / inverse[1])
    found = _replicates(documents)
    if found is None:
        return Calibration(nothing, temperatures, _why_not_fitted(halves, inverse))
    return Calibration(estimate_of(found), temperatures, None)


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
    documents = _in_order(documents, digests)
    return None if _impossible(documents, LEAST_ENTROPY) else _replicates(documents)


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


def _nll(documents: Sequence[ByTemperature]) -> np.ndarray:
    """(D, G): the sum of -logprob of each document."""
    return np.stack([one.sums[0, _ON_GRID] for one in documents])


def _halves_of_nll(documents: Sequence[ByTemperature]) -> np.ndarray:
    """(2, G): the sum of -logprob of each half."""
    return np.stack([_nll(documents[first::2]).sum(axis=0) for first in (0, 1)])


def _replicates(documents: Sequence[ByTemperature]) -> Replicates | None:
    """The value and its resamples, of documents that are in their order; None if there is no value."""
    inverse = _fitted(_halves_of_nll(documents)[None])[0, ::-1]  # (2,) that of the other half
    if not np.isfinite(inverse).all():
        return None
    halves = [pooled_temperatures(documents[first::2]) for first in (0, 1)]
    decisions, snr = np.sum([decision_sums(half, inverse[[i]]) for i, half in enumerate(halves)], axis=0)[:, 0]
    at_one = np.array([one.sums[1, FINE == 1][0] for one in documents])
    return Replicates(float(snr / decisions), _resampled_values(documents), at_one) if decisions else None


def _resampled_values(documents: Sequence[ByTemperature]) -> np.ndarray:
    """(R,) the calibrated he_snr in each resample; NaN if a temperature is at an end of the grid."""
    applied = _fitted(np.stack(_resampled_halves(_nll(documents)), axis=1))[:, ::-1]  # (R, 2) that of the other half
    if np.isnan(applied).all():
        return applied[:, 0]
    grid = np.linspace(np.nanmin(applied), np.nanmax(applied), _POINTS)
    rows = np.stack([decision_sums(one, grid).ravel() for one in documents])  # (D, 2 * 129)
    place = (applied - grid[0]) / max(grid[1] - grid[0], 1e-12)
    left = np.clip(np.nan_to_num(place), 0, _POINTS - 2).astype(int)
    total = np.zeros((2, len(applied)))
    for i, half in enumerate(_resampled_halves(rows)):
        sums, share = half.reshape(-1, 2, _POINTS), (place - left)[:, i, None]
        below, above = (np.take_along_axis(sums, left[:, i, None, None] + side, axis=2)[..., 0] for side in (0, 1))
        total += (below + (above - below) * share).T
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(total[1] / total[0])


def _resampled_halves(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(R, C) twice: the sums of two halves in each resample. Each draw is from all D documents.

    If each document kept its half, a resample of a few documents could have an empty half.
    """
    n_docs = len(rows)
    return resampled(rows, (n_docs + 1) // 2), resampled(rows, n_docs // 2, SEED + 1)


def _impossible(documents: Sequence[ByTemperature], epsilon: float | None) -> str | None:
    """Why no temperature can be fitted, seen before the fit."""
    if epsilon is None:
        return "it needs threshold=static"
    if epsilon < LEAST_ENTROPY:
        return "it needs an epsilon of at least ln 2"
    if not all(np.isfinite(one.sums).all() for one in documents):
        return "some scores have no temperatures"
    if len(documents) < 2 or not _halves_of_nll(documents).any(axis=1).all():
        return "it needs scored tokens of this scope in at least two trajectories"
    return None


def _why_not_fitted(halves: np.ndarray, inverse: np.ndarray) -> str:
    """Why the fit gives no value. `halves` is (2, G), `inverse` (2,)."""
    if np.isfinite(inverse).all():
        return "there is no decision at the fitted temperature"
    total = halves[np.isnan(inverse).argmax()]
    end = GRID[0] if total[0] < total[-1] else GRID[-1]
    return f"the fitted temperature is at an end of the grid, T = {1 / end:g}, or beyond it"


def _fitted(halves: np.ndarray) -> np.ndarray:
    """(N, 2) 1/T with the smallest sum of -logprob, from (N, 2, G) sums; NaN if it is at an end of the grid."""
    spline = CubicSpline(GRID, halves.reshape(-1, len(GRID)), axis=1)
    rises = spline(GRID, 1) > 0  # (2N, G)
    first = rises.argmax(axis=1)  # the minimum is before this temperature
    left = np.maximum(first - 1, 0)
    c3, c2, c1, _ = spline.c[:, left, np.arange(len(left))]
    with np.errstate(invalid="ignore", divide="ignore"):
        root = -2 * c1 / (2 * c2 + np.sqrt(4 * c2**2 - 12 * c3 * c1))  # of the slope 3 c3 x^2 + 2 c2 x + c1
    return np.where(first > 0, GRID[left] + root, np.nan).reshape(-1, 2)
