"""HE-SNR at a temperature that is fitted by likelihood, from the statistics at every temperature of the grid.

The trajectories with even and with odd numbers are two halves. The temperature with the highest likelihood on one half
is applied to the other half, and the other way round.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from benchmarks.interventions.one_pass import INVERSES
from lm_eval_hesnr.metrics.edges import EPSILON


class AtTemperatures(NamedTuple):
    """The scored tokens of one trajectory at every temperature of the grid."""

    logprob: np.ndarray
    """(temperatures, R), nats."""
    entropy: np.ndarray
    """(temperatures, R), nats."""
    in_top_k: np.ndarray
    """(R,) bool: a temperature does not change the rank."""

    def sums(self) -> np.ndarray:
        """(temperatures, 4): sum of -logprob, tokens, sum of p / entropy over decisions, decisions."""
        decided = self.in_top_k & (self.entropy > EPSILON)
        snr = np.exp(self.logprob.astype(np.float64)) / np.where(decided, self.entropy, 1)
        nll, n_tokens = -self.logprob.sum(axis=1, dtype=np.float64), np.full(len(snr), snr.shape[1])
        return np.stack([nll, n_tokens, (snr * decided).sum(axis=1), decided.sum(axis=1)], axis=1)


def calibrated_he_snr(sums: np.ndarray) -> tuple[float, list[float]] | None:
    """HE-SNR at the fitted temperatures, and both temperatures; None if one is at an end of the grid.

    Args:
        sums: (trajectories, temperatures, 4), see `AtTemperatures.sums`.
    """
    halves = [sums[0::2].sum(axis=0), sums[1::2].sum(axis=0)]  # (temperatures, 4) each
    best = [int(half[:, 0].argmin()) for half in halves]
    if any(i in (0, len(INVERSES) - 1) for i in best):
        return None
    total = halves[0][best[1]] + halves[1][best[0]]
    return float(total[2] / total[3]), [1 / float(INVERSES[i]) for i in best]
