"""Uncertainty by resampling whole trajectories: tokens of one trajectory are not independent.

This module computes standard errors and intervals of a pooled measure. It also computes the paired difference of two
runs on the same trajectories, and the width of the interval for more or fewer trajectories. The resampling is seeded,
so the same profiles give the same numbers for any number of threads.

The plain percentile interval is too narrow for few trajectories. It uses the normal quantile instead of Student's t,
and a variance that is too small by the factor (n - 1) / n. The *expanded* percentile interval takes the percentiles at

    Phi(-+ sqrt(n / (n - 1)) t(n - 1, 0.975))

(Hesterberg, What Teachers Should Know About the Bootstrap, 2015). Trajectories of unequal length contain less
information than trajectories of equal length. Therefore n is Kish's effective number, (sum of weights)^2 / sum of
squared weights, where a trajectory's weight is its number of tokens (`effective_documents`). docs/measures.md shows the
coverage in simulated runs.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics.measures import measure, number_or_none, weights

RESAMPLES = 2000
SEED = 1234
LEVEL = 0.95

FEWEST_DOCUMENTS = 5
"""The smallest number of documents for which there is an interval."""
_MOST_SEARCHED = 1_000_000
"""The largest effective number of documents that `fewest_documents` considers."""
_BLOCK = 2_000_000
"""How many draws are in memory at a time. All draws would take 320 MB for 20 000 documents."""

Statistic = Callable[[np.ndarray], np.ndarray]
"""(..., C) summed rows of documents to (...,) values."""


class Interval(NamedTuple):
    """The 95 % interval, in the measure's own unit."""

    low: float
    high: float


class Difference(NamedTuple):
    """A measure of run B minus that of run A on the same trajectories."""

    value: float
    interval: Interval | None
    p_value: float | None
    """Two-sided, in (0, 1]. It is below 0.05 exactly when the interval excludes 0."""

    @property
    def is_clear(self) -> bool:
        """Whether there is an interval, and it excludes 0."""
        return self.interval is not None and not self.interval.low <= 0 <= self.interval.high


def spread(values: np.ndarray, n_docs: int) -> float | None:
    """The standard error from replicates over n_docs documents: their standard deviation times sqrt(D / (D - 1)).

    D is n_docs. With this factor, the standard error of a mean equals the usual one, whose variance divides by D - 1.
    The result is None if a replicate is not a finite number.
    """
    with np.errstate(invalid="ignore"):  # infinite replicates
        return number_or_none(values.std(ddof=1) * math.sqrt(n_docs / (n_docs - 1)))


def replicates(statistic: Statistic, rows: np.ndarray, size: int | None = None) -> np.ndarray | None:
    """(RESAMPLES,) bootstrap replicates of a statistic; None for fewer than two documents.

    Each replicate is the statistic of the summed rows of whole documents, drawn with replacement.

    Args:
        statistic: a function of the sums.
        rows: (D, C), one row for each document.
        size: how many documents to draw; D if None.
    """
    return None if len(rows) < 2 else statistic(resampled(rows, size or len(rows)))


def resampled(rows: np.ndarray, size: int, seed: int = SEED, n_resamples: int | None = None) -> np.ndarray:
    """(R, C) sums of the rows of `size` documents drawn with replacement; R is `n_resamples`, or RESAMPLES.

    D, size, seed and R decide the draws.
    """
    n_docs, n_resamples = len(rows), n_resamples or RESAMPLES
    rng = np.random.default_rng(seed)
    step = max(1, _BLOCK // max(n_docs, size))
    sums = np.empty((n_resamples, rows.shape[1]))
    for start in range(0, n_resamples, step):
        n = min(step, n_resamples - start)
        drawn = rng.integers(n_docs, size=(n, size)) + n_docs * np.arange(n)[:, None]
        times = np.bincount(drawn.ravel(), minlength=n * n_docs).reshape(n, n_docs).astype(np.float64)
        # not `times @ rows`: the order in which BLAS sums depends on the number of threads
        sums[start : start + n] = np.einsum("rd,dc->rc", times, rows)
    return sums


class Sample(NamedTuple):
    """The totals of the documents of one run, and their sums in each resample.

    All runs with D documents use the same draws. So runs whose rows are in the same order are paired.
    """

    rows: np.ndarray
    """(D, C)"""
    sums: np.ndarray | None
    """(R, C); None for a single document."""

    @classmethod
    def of(cls, rows: np.ndarray, n_resamples: int | None = None) -> Sample:
        """The rows with R resamples; RESAMPLES if R is not given."""
        return cls(rows, resampled(rows, len(rows), n_resamples=n_resamples) if len(rows) > 1 else None)


def effective_documents(document_weights: np.ndarray) -> float | None:
    """The number of equally weighted documents with the same information (Kish, Survey Sampling, 1965), at least five.

    With five documents, the percentile is the outermost replicate. The result is None, and there is no interval, if
    fewer than five documents have a weight above 0.
    """
    if not np.isfinite(document_weights).all() or np.count_nonzero(document_weights) < FEWEST_DOCUMENTS:
        return None
    return max(float(FEWEST_DOCUMENTS), float(document_weights.sum() ** 2 / (document_weights**2).sum()))


def interval(values: np.ndarray | None, effective: float | None, target: float | None = None) -> Interval | None:
    """The expanded percentile interval of replicates.

    Args:
        values: (R,), or None.
        effective: the effective number of the resampled documents, or None.
        target: the effective number of documents of the run that the interval describes; `effective` if None.

    Returns:
        None if an argument is missing, or a replicate is not a finite number.
    """
    if values is None or effective is None or not np.isfinite(values).all():
        return None
    t = stdtrit(max(FEWEST_DOCUMENTS, target or effective) - 1, (1 + LEVEL) / 2)
    nth = math.floor(ndtr(-t * math.sqrt(effective / (effective - 1))) * (len(values) + 1))
    values = np.sort(values)
    return Interval(float(values[nth - 1]), float(values[-nth]))


def paired_difference(name: str, a: Sample, b: Sample) -> Difference | None:
    """A measure of B minus A. Row i of both is the same trajectory, and each resample has the same documents in both.

    Args:
        name: the measure.
        a: the document totals of run A, (D, 2 * len(SUMS)).
        b: the document totals of run B, of the same shape.

    Returns:
        None if one of the runs has nothing to measure.

    Raises:
        ValueError: the runs have different numbers of documents.
    """
    if a.rows.shape != b.rows.shape:
        raise ValueError(f"paired runs need the same trajectories: the runs have {len(a.rows)} and {len(b.rows)}")
    with np.errstate(invalid="ignore"):  # two infinite values
        value = measure(name, b.rows.sum(axis=0)) - measure(name, a.rows.sum(axis=0))
        values = None if a.sums is None or b.sums is None else measure(name, b.sums) - measure(name, a.sums)
    return difference(value, values, [weights(name, a.rows), weights(name, b.rows)])


def difference(
    value: np.ndarray | float, values: np.ndarray | None, document_weights: Sequence[np.ndarray]
) -> Difference | None:
    """A difference with its interval and p-value.

    The p-value inverts the interval: it is the smallest level at which the interval would exclude 0.

    Args:
        value: the difference over all documents.
        values: (R,) the difference in each resample, or None.
        document_weights: (D,) for each quantity that the difference uses. The one with the smallest effective number
            of documents decides the interval.

    Returns:
        None if the value is not a finite number.
    """
    known = number_or_none(value)
    if known is None:
        return None
    numbers = [effective_documents(one) for one in document_weights]
    effective = None if None in numbers else min(number for number in numbers if number is not None)
    found = interval(values, effective)
    if found is None or values is None or effective is None:
        return Difference(known, None, None)
    return Difference(known, found, _p_value(values, effective))


def _p_value(values: np.ndarray, effective: float) -> float:
    """The two-sided p-value, above 0: the tail is at least 1 / (R + 1)."""
    return _p_of_tail(min(int((values <= 0).sum()), int((values >= 0).sum())), effective, len(values))


def least_p(effective: float, n_resamples: int = RESAMPLES) -> float:
    """The smallest two-sided p-value that this effective number of documents can give."""
    return _p_of_tail(0, effective, n_resamples)


def fewest_documents(document_weights: np.ndarray, level: float, n_resamples: int = RESAMPLES) -> float:
    """The fewest documents with such weights whose least p-value is below the level; infinite if no number is enough.

    Args:
        document_weights: (D,); the effective number is in proportion to the number of documents.
        level: in (0, 1).
        n_resamples: how many resamples the p-value is computed from.
    """
    candidates = range(FEWEST_DOCUMENTS, _MOST_SEARCHED)
    i = bisect_left(candidates, True, key=lambda effective: least_p(effective, n_resamples) < level)
    if i == len(candidates):
        return math.inf
    share = document_weights.sum() ** 2 / (document_weights**2).sum() / len(document_weights)
    return FEWEST_DOCUMENTS if i == 0 else math.ceil(candidates[i] / share)


def _p_of_tail(n_beyond: int, effective: float, n_resamples: int) -> float:
    tail = (1 + n_beyond) / (n_resamples + 1)
    t = -ndtri(min(tail, 0.5)) * math.sqrt((effective - 1) / effective)
    return float(2 * stdtr(effective - 1, -t))


def width_by_size(
    name: str, document_totals: np.ndarray, sizes: tuple[int, ...] = (50, 100, 200, 500)
) -> dict[int, float]:
    """Number of trajectories -> expected width of the measure's interval; empty without an interval."""
    n_docs, effective = len(document_totals), effective_documents(weights(name, document_totals))
    widths = {}
    for size in sizes:
        values = replicates(lambda total: measure(name, total), document_totals, size)
        found = interval(values, effective, None if effective is None else effective * size / n_docs)
        if found is not None:
            widths[size] = found.high - found.low
    return widths
