"""HE-SNR at a temperature that is fitted by likelihood, from sums at every temperature of a grid.

The trajectories are ordered by the digests of their tokens, and every second one belongs to the second half. The
temperature with the highest likelihood on one half is applied to the other half, and the other way round. Between two
temperatures of the grid, sums are interpolated in 1/T.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline, PchipInterpolator  # type: ignore[import-untyped]

from benchmarks.interventions.temperatures import INVERSES
from lm_eval_hesnr.scoring.token_scores import TokenScores


class Calibrated(NamedTuple):
    """HE-SNR at the fitted temperatures."""

    value: float
    temperatures: list[float]
    """The temperature fitted on each half, which is applied to the other half."""


def calibrated_he_snr(sums: np.ndarray, runs: list[TokenScores]) -> Calibrated | None:
    """HE-SNR at the fitted temperatures; None if one of them is at an end of the grid.

    Args:
        sums: (trajectories, temperatures, 4), see `temperatures.sums_at_temperatures`.
        runs: the scores of these trajectories.
    """
    order = np.argsort([hashlib.sha256(scores.token_ids.tobytes()).hexdigest() for scores in runs])
    halves = [sums[order[half::2]].sum(axis=0) for half in (0, 1)]  # (temperatures, 4) each
    fitted = [_fitted(half[:, 0]) for half in halves]
    if None in fitted:
        return None
    snr, decisions = sum(
        PchipInterpolator(INVERSES, half[:, 2:])(inverse)
        for half, inverse in zip(halves, reversed(fitted), strict=True)
    )
    return Calibrated(float(snr / decisions), [1 / inverse for inverse in fitted if inverse])


def _fitted(nll: np.ndarray) -> float | None:
    """1/T with the smallest sum of -logprob; None if it is at an end of the grid."""
    if nll.argmin() in (0, len(nll) - 1):
        return None
    found = CubicSpline(INVERSES, nll).derivative().roots(extrapolate=False)
    return float(min(found, key=CubicSpline(INVERSES, nll)))
