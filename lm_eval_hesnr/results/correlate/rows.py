"""What is known about each measure alone, and about log(step): one row each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from lm_eval_hesnr.metrics.correlation import decisions as pairs
from lm_eval_hesnr.metrics.correlation.decisions import Decisions
from lm_eval_hesnr.metrics.correlation.family_swap import family_swap, grid, without_step
from lm_eval_hesnr.metrics.correlation.noise_of_axes import Noise, noise_of, stderr_of_differences
from lm_eval_hesnr.metrics.correlation.one_measure import (
    FEWEST_FOR_STATISTICS,
    Coefficient,
    is_constant,
    kendall,
    pearson,
    spearman,
)
from lm_eval_hesnr.metrics.correlation.two_measures import are_same
from lm_eval_hesnr.metrics.noise import signal_to_noise, smoothed
from lm_eval_hesnr.results.correlate.points import INDEPENDENT, NULL, Points, Predictor


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One measure and the outcome. Everything is None if there is a reason why."""

    predictor: Predictor
    reason: str | None = None
    same_as: str | None = None
    """An earlier predictor of which this one is a linear function, so that it predicts the same."""
    pearson: Coefficient | None = None
    spearman: Coefficient | None = None
    tau: float | None = None
    """Kendall's tau-b."""
    decisions: Decisions | None = None
    resolvable: Decisions | None = None
    regret: float | None = None
    """Share of tasks."""
    signal_to_noise: float | None = None
    r_smoothed: float | None = None
    """Pearson's r if each value is replaced by the mean over the last three checkpoints of its training run."""
    within: Mapping[str, float] = field(default_factory=dict)
    """For each training run of at least three checkpoints, Pearson's r inside it."""
    noise: Noise | None = None
    without_step: float | None = None
    """The correlation after the mean of each step is taken out; over the whole data for independent trainings."""
    p_value: float | None = None
    """Of a permutation, one-sided; None for one run."""
    max_p_value: float | None = None
    """The same, corrected for the choice of the best of all measures."""

    @property
    def r_if_exact(self) -> float | None:
        """What r would be without noise: r divided by the root of both reliabilities, in [-1, 1]. None if not known."""
        if self.pearson is None or self.noise is None or not self.noise.ceiling:
            return None
        return max(-1.0, min(1.0, self.pearson.value / self.noise.ceiling))


@dataclass(frozen=True, slots=True)
class Swaps:
    """The permutation tests of all measures."""

    by_label: Mapping[str, tuple[float, float, float]]
    """Label to correlation, p-value, and p-value after the choice of the best measure."""
    ways: int | None = None
    """Number of permutations."""
    reason: str | None = None
    """Why there are none."""


def rows_of(
    points: Points, predictors: Sequence[Predictor], reasons: Mapping[str, str | None], swaps: Swaps
) -> list[Row]:
    """One row per predictor.

    Args:
        points: the checkpoints.
        predictors: all of them.
        reasons: for each label the reason why it has no statistics, or None.
        swaps: of the predictors that have statistics.
    """
    found: list[Row] = []
    usable: list[Predictor] = []
    for one in predictors:
        if reason := reasons[one.label]:
            found.append(Row(predictor=one, reason=reason))
            continue
        same_as = next((other.label for other in usable if are_same(one.x, other.x)), None)
        found.append(_row(points, one, swaps.by_label.get(one.label), same_as))
        usable.append(one)
    return found


def swaps_of(points: Points, usable: Sequence[Predictor]) -> Swaps:
    """The permutation tests of the predictors that have statistics, if the checkpoints allow one."""
    if points.no_test:
        return Swaps({}, reason=points.no_test)
    if points.design == INDEPENDENT:
        places: np.ndarray | None = np.arange(len(points.names))[:, None]
    else:
        places = grid(points.families, points.order.tolist())
    if places is None:
        return Swaps({}, reason="the training runs do not have two steps in common, each with one checkpoint")
    varying = [one for one in usable if without_step(one.x[places]).any()]
    found = family_swap([one.x[places] for one in varying], points.y[places], points.seed) if varying else None
    if found is None:
        return Swaps({}, reason="all training runs have the same outcome at each step")
    of_measures = zip(found.values, found.p_values, found.max_p_values, strict=True)
    return Swaps({one.label: numbers for one, numbers in zip(varying, of_measures, strict=True)}, found.ways)


def _row(points: Points, one: Predictor, swap: tuple[float, float, float] | None, same_as: str | None) -> Row:
    value, p_value, max_p_value = swap or (None, None, None)
    runs = _by_family(points)
    in_order = runs.values() if np.isfinite(points.order).all() else []
    return Row(
        predictor=one,
        same_as=same_as,
        pearson=pearson(one.x, points.y),
        spearman=spearman(one.x, points.y),
        tau=kendall(one.x, points.y),
        decisions=pairs.decisions(one.x, points.y),
        resolvable=pairs.resolvable(one.x, points.y, stderr_of_differences(points.drawn_y)),
        regret=pairs.regret(one.x, points.passed / points.trials),
        signal_to_noise=None
        if one.label == NULL or not in_order
        else signal_to_noise([one.x[places] for places in in_order]),
        r_smoothed=_r_smoothed(points, one, list(in_order)),
        within=_within(points, one, runs),
        noise=noise_of(one.x, points.y, one.drawn, points.drawn_y),
        without_step=value,
        p_value=p_value,
        max_p_value=max_p_value,
    )


def _r_smoothed(points: Points, one: Predictor, runs: Sequence[list[int]]) -> float | None:
    smooth = np.full(len(one.x), math.nan)
    for places in runs:
        smooth[places] = smoothed(one.x[places])
    known = np.isfinite(smooth)
    if known.sum() < FEWEST_FOR_STATISTICS or is_constant(smooth[known]) or is_constant(points.y[known]):
        return None
    return pearson(smooth[known], points.y[known]).value


def _by_family(points: Points) -> dict[str, list[int]]:
    """Training run to the places of its checkpoints, in the order of their steps."""
    runs: dict[str, list[int]] = {}
    for i, family in enumerate(points.families):
        runs.setdefault(family, []).append(i)
    return runs


def _within(points: Points, one: Predictor, runs: Mapping[str, list[int]]) -> dict[str, float]:
    if len(runs) == 1:
        return {}
    return {
        family: pearson(one.x[places], points.y[places]).value
        for family, places in runs.items()
        if len(places) > 2 and not is_constant(one.x[places]) and not is_constant(points.y[places])
    }
