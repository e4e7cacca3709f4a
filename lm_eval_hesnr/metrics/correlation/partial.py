"""Partial correlation: what x says about y beyond z. And prediction errors of checkpoints that a fit has not seen."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lm_eval_hesnr.metrics.correlation.one_measure import Coefficient, fisher_interval, is_constant
from lm_eval_hesnr.metrics.correlation.two_measures import correlation


def dummies(families: Sequence[str]) -> np.ndarray:
    """(n, F - 1): for each family but the first, 1 for its checkpoints and 0 for the others."""
    names = sorted(set(families))
    return np.array([[float(family == name) for name in names[1:]] for family in families]).reshape(len(families), -1)


def partial(x: np.ndarray, y: np.ndarray, z: np.ndarray) -> Coefficient | None:
    """The correlation of x and y after a linear fit on z is taken out of both, with Fisher's interval.

    The standard error of its atanh is 1 / sqrt(n - k - 3). A partial correlation above 0 is not evidence that x is
    better than z: if both are noisy readings of the same ability, each one is correlated with y given the other one
    (Westfall and Yarkoni, Statistically controlling for confounding constructs is harder than you think, PLoS ONE 11,
    2016). So it is printed only next to the same number for two halves of z (docs/correlate.md).

    Args:
        x: (n,)
        y: (n,)
        z: (n, k)

    Returns:
        None for n - k - 3 below 1, and if z explains x or y completely.
    """
    n, k = z.shape
    if n - k - 3 < 1:
        return None
    of_x, of_y = (_residual(values, z) for values in (x, y))
    if any(
        np.abs(rest).max() <= 1e-9 * np.abs(values - values.mean()).max() for rest, values in ((of_x, x), (of_y, y))
    ):
        return None
    r = float(correlation(of_x, of_y))
    return Coefficient(r, fisher_interval(r, 1 / math.sqrt(n - k - 3)))


def _residual(values: np.ndarray, z: np.ndarray) -> np.ndarray:
    design = _design(z)
    return np.asarray(values - design @ np.linalg.lstsq(design, values, rcond=None)[0])


def _design(z: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(z)), z])


def left_out_errors(z: np.ndarray, y: np.ndarray, groups: Sequence[str]) -> np.ndarray | None:
    """(n,) y minus its prediction: each group is predicted by a linear fit on the other groups.

    Args:
        z: (n, k) predictors; k = 0 predicts the mean.
        y: (n,)
        groups: (n,) names; a different one for each checkpoint leaves out one at a time.

    Returns:
        None if a fit without one group has not more checkpoints than coefficients, or a predictor is constant in it.
    """
    errors = np.empty(len(y))
    of = np.array(groups)
    for name in sorted(set(groups)):
        out = of == name
        kept = z[~out]
        if len(kept) <= z.shape[1] + 1 or any(is_constant(column) for column in kept.T):
            return None
        fit = np.linalg.lstsq(_design(kept), y[~out], rcond=None)[0]
        errors[out] = y[out] - _design(z[out]) @ fit
    return errors


def left_out_error(z: np.ndarray, y: np.ndarray, groups: Sequence[str]) -> float | None:
    """The root of the mean square of `left_out_errors`."""
    errors = left_out_errors(z, y, groups)
    return None if errors is None else float(np.sqrt(np.mean(errors**2)))
