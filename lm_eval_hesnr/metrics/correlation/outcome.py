"""The outcome of n checkpoints: tasks passed, as logits; and draws of it, which say how noisy it is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lm_eval_hesnr.metrics.bootstrap import RESAMPLES, resampled


def logit(passed: np.ndarray, trials: np.ndarray) -> np.ndarray:
    """The logit of a pass rate: ln((passed + 1/2) / (trials - passed + 1/2)), which is finite also at 0 and 100 %."""
    return np.asarray(np.log((passed + 0.5) / (trials - passed + 0.5)))


def drawn_from_counts(passed: np.ndarray, trials: np.ndarray, seed: int) -> np.ndarray:
    """(RESAMPLES, n) logits if every trial were made again: binomial draws.

    The difficulty of tasks is not known from counts. All checkpoints have the same tasks, so their differences vary
    less than these draws.
    """
    rng = np.random.default_rng([seed, 1])
    rates = (passed + 0.5) / (trials + 1)  # not passed / trials, which has no variance at 0 and 100 %
    return logit(rng.binomial(trials.astype(np.int64), rates, (RESAMPLES, len(passed))), trials)


def drawn_from_tasks(passed: np.ndarray, trials: np.ndarray, seed: int) -> np.ndarray:
    """(RESAMPLES, n) logits over tasks drawn with replacement, the same ones for all checkpoints.

    A task is drawn with all its attempts. So the draws vary as the tasks and the attempts do together, and the attempts
    are not drawn a second time.

    Args:
        passed: (n, T) passed attempts of each task.
        trials: (n, T) attempts of each task.
        seed: of the draws.
    """
    n = len(passed)
    sums = resampled(np.concatenate([passed, trials]).T.astype(np.float64), passed.shape[1], seed)
    return logit(sums[:, :n], sums[:, n:])


def seed_variance(passed: Sequence[np.ndarray], trials: Sequence[np.ndarray]) -> float | None:
    """The variance of the logit between seeds of the same checkpoint, beyond that of their trials.

    It is pooled over checkpoints, because three seeds of one checkpoint say little.

    Args:
        passed: for each checkpoint, the passed trials of each of its seeds.
        trials: for each checkpoint, the number of trials of each of its seeds.

    Returns:
        None if no checkpoint has two seeds.
    """
    between, of_trials, freedom = 0.0, 0.0, 0
    for some, of in zip(passed, trials, strict=True):
        if len(some) > 1:
            logits = logit(some, of)
            between += float(((logits - logits.mean()) ** 2).sum())
            of_trials += (len(some) - 1) * float(np.mean(1 / (some + 0.5) + 1 / (of - some + 0.5)))
            freedom += len(some) - 1
    return max(0.0, (between - of_trials) / freedom) if freedom else None


def with_seed_noise(drawn: np.ndarray, variance: float, n_seeds: np.ndarray, seed: int) -> np.ndarray:
    """The draws with the noise of the mean over each checkpoint's seeds added.

    Args:
        drawn: (RESAMPLES, n) logits.
        variance: between seeds, see `seed_variance`.
        n_seeds: (n,) seeds of each checkpoint.
        seed: of the draws.
    """
    rng = np.random.default_rng([seed, 2])
    return np.asarray(drawn + rng.normal(size=drawn.shape) * math.sqrt(variance) / np.sqrt(n_seeds))
