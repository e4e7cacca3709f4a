"""Uncertainty by resampling whole trajectories: tokens of one trajectory are not independent.

Standard errors and intervals of a pooled measure, the paired difference of two runs on the same trajectories, and how
wide an interval more or fewer trajectories would give. Seeded: the same profiles give the same numbers, whatever the
number of threads.

The plain percentile interval is too narrow for few trajectories: it takes the normal's quantile for Student's t and a
variance that is short by (n - 1) / n. The *expanded* percentile interval takes the percentiles at

    Phi(-+ sqrt(n / (n - 1)) t(n - 1, 0.975))

(Hesterberg, What Teachers Should Know About the Bootstrap, 2015). Trajectories of unequal length are fewer than they
look, so n is here the effective number of Kish, (sum of weights)^2 / sum of squared weights, with a trajectory's tokens
as its weight (`effective_documents`). Coverages measured on simulated runs stand in docs/measures.md.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri, stdtr, stdtrit  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics.measures import measure, number_or_none, weights

RESAMPLES = 2000
SEED = 1234
LEVEL = 0.95

_LEAST = 5
"""Documents, below which there is no interval."""
_BLOCK = 2_000_000
"""Draws held at a time; all of them would be 320 MB for 20 000 documents."""

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
    """Two-sided, in (0, 1]: below 0.05 just where the interval leaves 0 out."""


def spread(values: np.ndarray, n_docs: int) -> float | None:
    """The standard error from replicates over n_docs documents: their standard deviation times sqrt(D / (D - 1)).

    With the factor, the standard error of a mean is that of the usual formula, with D - 1. None if a replicate is not
    a finite number.
    """
    with np.errstate(invalid="ignore"):  # infinite replicates
        return number_or_none(values.std(ddof=1) * math.sqrt(n_docs / (n_docs - 1)))


def replicates(statistic: Statistic, rows: np.ndarray, size: int | None = None) -> np.ndarray | None:
    """(RESAMPLES,) values of a statistic of summed rows, each over a draw of whole documents with replacement.

    Args:
        statistic: what is computed of the sums.
        rows: (D, C), one row a document.
        size: how many documents to draw; D if None.

    Returns:
        None for fewer than two documents.
    """
    return None if len(rows) < 2 else statistic(resampled(rows, size or len(rows)))


def resampled(rows: np.ndarray, size: int) -> np.ndarray:
    """(RESAMPLES, C) sums of rows over `size` documents drawn with replacement; the same draws for the same D."""
    n_docs = len(rows)
    rng = np.random.default_rng(SEED)
    step = max(1, _BLOCK // max(n_docs, size))
    sums = np.empty((RESAMPLES, rows.shape[1]))
    for start in range(0, RESAMPLES, step):
        n = min(step, RESAMPLES - start)
        drawn = rng.integers(n_docs, size=(n, size)) + n_docs * np.arange(n)[:, None]
        times = np.bincount(drawn.ravel(), minlength=n * n_docs).reshape(n, n_docs).astype(np.float64)
        # not `times @ rows`: BLAS sums in another order for another number of threads
        sums[start : start + n] = np.einsum("rd,dc->rc", times, rows)
    return sums


def effective_documents(document_weights: np.ndarray) -> float | None:
    """How many documents of equal weight would say as much (Kish, Survey Sampling, 1965), but at least five.

    Five is where the percentile that is wanted reaches the outermost replicate. None where fewer than five documents
    have any weight: they give no interval.
    """
    if not np.isfinite(document_weights).all() or np.count_nonzero(document_weights) < _LEAST:
        return None
    return max(float(_LEAST), float(document_weights.sum() ** 2 / (document_weights**2).sum()))


def interval(values: np.ndarray | None, effective: float | None, wanted: float | None = None) -> Interval | None:
    """The expanded percentile interval of replicates.

    Args:
        values: (RESAMPLES,), or None.
        effective: the effective number of documents that were resampled, or None.
        wanted: that of the run whose interval is wanted; the same if None.

    Returns:
        None where one of the two is missing, or one of the replicates is no number.
    """
    if values is None or effective is None or not np.isfinite(values).all():
        return None
    t = stdtrit(max(_LEAST, wanted or effective) - 1, (1 + LEVEL) / 2)
    nth = math.floor(ndtr(-t * math.sqrt(effective / (effective - 1))) * (RESAMPLES + 1))
    values = np.sort(values)
    return Interval(float(values[nth - 1]), float(values[-nth]))


def paired_difference(name: str, a: np.ndarray, b: np.ndarray) -> Difference | None:
    """A measure of B minus A, where row i of both is the same trajectory; documents are drawn for both at once.

    The p-value inverts the interval: the least level at which it would leave 0 out.

    Args:
        name: the measure.
        a: (D, 2 * len(SUMS)) document totals of run A.
        b: (D, 2 * len(SUMS)) document totals of run B.

    Returns:
        None where one of the runs has nothing to measure.
    """
    if a.shape != b.shape:
        raise ValueError(f"paired runs need the same trajectories: {len(a)} and {len(b)} were given")
    half = a.shape[1]

    def difference(total: np.ndarray) -> np.ndarray:
        return measure(name, total[..., half:]) - measure(name, total[..., :half])

    both = np.concatenate([a, b], axis=1)
    value = number_or_none(difference(both.sum(axis=0)))
    if value is None:
        return None
    values = replicates(difference, both)
    of_a, of_b = (effective_documents(weights(name, rows)) for rows in (a, b))
    effective = None if of_a is None or of_b is None else min(of_a, of_b)
    found = interval(values, effective)
    if found is None or values is None or effective is None:
        return Difference(value, None, None)
    return Difference(value, found, _p_value(values, effective))


def _p_value(values: np.ndarray, effective: float) -> float:
    """Two-sided; at least what one of RESAMPLES + 1 is worth: no finite number of resamples shows that it is 0."""
    tail = (1 + min(int((values <= 0).sum()), int((values >= 0).sum()))) / (RESAMPLES + 1)
    t = -ndtri(min(tail, 0.5)) * math.sqrt((effective - 1) / effective)
    return float(2 * stdtr(effective - 1, -t))


def width_by_size(
    name: str, document_totals: np.ndarray, sizes: tuple[int, ...] = (50, 100, 200, 500)
) -> dict[int, float]:
    """How wide the measure's interval would be with so many trajectories like these; empty where it cannot be told."""
    n_docs, effective = len(document_totals), effective_documents(weights(name, document_totals))
    widths = {}
    for size in sizes:
        values = replicates(lambda total: measure(name, total), document_totals, size)
        found = interval(values, effective, None if effective is None else effective * size / n_docs)
        if found is not None:
            widths[size] = found.high - found.low
    return widths
