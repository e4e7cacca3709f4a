"""HE-SNR at a temperature that is fitted by likelihood, from what `temperatures` records.

The trajectories are ordered by the digests of their tokens, and every second one belongs to the second half. The
temperature with the highest likelihood on one half is applied to the other half, and the other way round.
"""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np
from scipy.interpolate import CubicSpline  # type: ignore[import-untyped]

from benchmarks.interventions.temperatures import INVERSES, Recorded
from lm_eval_hesnr.scoring.token_scores import TokenScores


class Calibrated(NamedTuple):
    """HE-SNR at the fitted temperatures."""

    value: float
    temperatures: list[float]
    """The temperature fitted on each half, which is applied to the other half."""


def calibrated_he_snr(recorded: list[Recorded], runs: list[TokenScores]) -> Calibrated | None:
    """HE-SNR at the fitted temperatures; None with one trajectory, or if one of them is at an end of the grid.

    Args:
        recorded: of each trajectory.
        runs: the scores of these trajectories.
    """
    if len(runs) < 2:
        return None
    order = np.argsort([hashlib.sha256(scores.token_ids.tobytes()).hexdigest() for scores in runs])
    halves = [[recorded[i] for i in order[half::2]] for half in (0, 1)]
    fitted = [_fitted(sum(one.sums()[:, 0] for one in half)) for half in halves]
    if None in fitted:
        return None
    applied = zip(halves, reversed(fitted), strict=True)
    total = sum(one.sums(np.array([inverse]))[0] for half, inverse in applied for one in half)
    return Calibrated(float(total[2] / total[3]), [1 / inverse for inverse in fitted if inverse])


def _fitted(nll: np.ndarray) -> float | None:
    """1/T with the smallest sum of -logprob; None if it is at an end of the grid."""
    if nll.argmin() in (0, len(nll) - 1):
        return None
    found = CubicSpline(INVERSES, nll).derivative().roots(extrapolate=False)
    return float(min(found, key=CubicSpline(INVERSES, nll)))
