"""Everything that is known about measures and an outcome: one row per measure, differences, noise, predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from lm_eval_hesnr.metrics.correlation import decisions as pairs
from lm_eval_hesnr.metrics.correlation.decisions import Decisions
from lm_eval_hesnr.metrics.correlation.family_swap import Swap, family_swap, grid, without_step
from lm_eval_hesnr.metrics.correlation.noise_of_axes import Noise, noise_of, stderr_of_differences
from lm_eval_hesnr.metrics.correlation.one_measure import (
    FEWEST_FOR_STATISTICS,
    Coefficient,
    is_constant,
    kendall,
    pearson,
    spearman,
)
from lm_eval_hesnr.metrics.correlation.partial import dummies, left_out_error, partial
from lm_eval_hesnr.metrics.correlation.two_measures import FEWEST_FOR_DIFFERENCES, are_same
from lm_eval_hesnr.metrics.noise import signal_to_noise, smoothed
from lm_eval_hesnr.results.correlate.differences import Difference, differences
from lm_eval_hesnr.results.correlate.points import FAMILIES, FEW_FAMILIES, INDEPENDENT, NULL, ONE_RUN, Points, Predictor

_FEWEST_FAMILIES_LEFT_OUT = 3


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a measure says beyond the first rival, next to the split-half control."""

    label: str
    rival: str
    measure: Coefficient | None
    control: Coefficient | None
    """The same for the rival over every second trajectory, given the rival over the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The error of a linear fit on checkpoints that it has not seen, in logits."""

    label: str
    checkpoint: float | None
    """One checkpoint is left out at a time."""
    family: float | None
    """One training run is left out at a time; None for fewer than three."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """All results."""

    points: Points
    rows: Sequence[Row]
    """The measures, then the rivals, then the null predictor."""
    rivals: Sequence[str]
    """Labels of the rivals, with the null predictor as the last one."""
    no_statistics: str | None
    """Why there are no statistics; None if there are some."""
    no_differences: str | None
    """Why no two measures are compared by a test; None if some are."""
    no_p_values: str | None
    """Why the correlations have no p-values; None if they have some."""
    ways: int | None
    """Number of permutations behind each p-value."""
    differences: Sequence[Difference]
    given: Sequence[Given]
    predictions: Sequence[Prediction]

    def row(self, label: str) -> Row:
        """The row of a measure."""
        return next(row for row in self.rows if row.predictor.label == label)

    @property
    def candidates(self) -> list[Row]:
        """The rows of the measures that are no rivals."""
        return [row for row in self.rows if row.predictor.label not in self.rivals]


def correlate(points: Points, measures: Sequence[Predictor], rivals: Sequence[Predictor]) -> Correlation:
    """Correlate measures with the outcome.

    Args:
        points: the checkpoints.
        measures: what should predict the outcome.
        rivals: what they are compared with; not in `measures`. The null predictor is added.
    """
    null = points.null_predictor()
    predictors = [*measures, *rivals, null]
    n = len(points.names)
    too_few = f"{n} checkpoints; at least {FEWEST_FOR_STATISTICS} are needed" if n < FEWEST_FOR_STATISTICS else None
    if too_few is None and is_constant(points.y):
        too_few = "all checkpoints have the same outcome"
    reasons = {one.label: too_few or one.missing(points.names) for one in predictors}
    usable = [one for one in predictors if reasons[one.label] is None]
    no_p_values, swaps, ways = _swaps(points, usable)
    rows = [
        Row(predictor=one, reason=reasons[one.label])
        if reasons[one.label]
        else replace(_row(points, one, swaps.get(one.label)), same_as=_same(one, usable))
        for one in predictors
    ]
    repeated = {row.predictor.label for row in rows if row.same_as}
    no_differences = too_few or _no_differences(points)
    compared = n >= FEWEST_FOR_DIFFERENCES and too_few is None
    return Correlation(
        points=points,
        rows=rows,
        rivals=[one.label for one in (*rivals, null)],
        no_statistics=too_few,
        no_differences=no_differences,
        no_p_values=too_few or no_p_values,
        ways=ways,
        differences=differences(points, measures, [*rivals, null], reasons) if compared else [],
        given=_given(points, [one for one in measures if one in usable], rivals[:1]) if compared else [],
        predictions=_predictions(points, measures, [one for one in rivals if one.label not in repeated], null, reasons)
        if compared
        else [],
    )


def _same(one: Predictor, usable: Sequence[Predictor]) -> str | None:
    earlier = usable[: usable.index(one)]
    return next((other.label for other in earlier if are_same(one.x, other.x)), None)


def _no_differences(points: Points) -> str | None:
    n = len(points.names)
    if n < FEWEST_FOR_DIFFERENCES:
        return f"{n} checkpoints; at least {FEWEST_FOR_DIFFERENCES} are needed to compare two measures"
    if points.design == ONE_RUN:
        if points.scores[0].family is None:
            return "no column names the training runs, so all checkpoints count as one run"
        return "all checkpoints come from one training run"
    if points.design == FEW_FAMILIES:
        return f"the checkpoints come from {len(set(points.families))} training runs; at least 4 are needed"
    return None


def _swaps(
    points: Points, usable: Sequence[Predictor]
) -> tuple[str | None, dict[str, tuple[float, float, float]], int | None]:
    """Why there are no p-values; label to correlation, p-value and corrected p-value; number of permutations."""
    if points.design in (ONE_RUN, FEW_FAMILIES):
        return _no_differences(points) or "", {}, None
    if points.design == INDEPENDENT:
        places: np.ndarray | None = np.arange(len(points.names))[:, None]
    else:
        places = grid(points.families, points.order.tolist())
    if places is None:
        return "the training runs do not have two or more steps in common, each with one checkpoint", {}, None
    varying = [one for one in usable if without_step(one.x[places]).any()]
    found: Swap | None = (
        family_swap([one.x[places] for one in varying], points.y[places], points.seed) if varying else None
    )
    if found is None:
        return "all training runs have the same outcome at each step", {}, None
    of_measures = zip(found.values, found.p_values, found.max_p_values, strict=True)
    return None, {one.label: numbers for one, numbers in zip(varying, of_measures, strict=True)}, found.ways


def _row(points: Points, one: Predictor, swap: tuple[float, float, float] | None) -> Row:
    value, p_value, max_p_value = swap or (None, None, None)
    runs = _by_family(points)
    smooth = np.full(len(one.x), math.nan)
    for places in runs.values():
        smooth[places] = smoothed(one.x[places])
    known = np.isfinite(smooth)
    can_smooth = (
        known.sum() >= FEWEST_FOR_STATISTICS and not is_constant(smooth[known]) and not is_constant(points.y[known])
    )
    return Row(
        predictor=one,
        pearson=pearson(one.x, points.y),
        spearman=spearman(one.x, points.y),
        tau=kendall(one.x, points.y),
        decisions=pairs.decisions(one.x, points.y),
        resolvable=pairs.resolvable(one.x, points.y, stderr_of_differences(points.drawn_y)),
        regret=pairs.regret(one.x, points.passed / points.trials),
        signal_to_noise=None if one.label == NULL else signal_to_noise([one.x[places] for places in runs.values()]),
        r_smoothed=pearson(smooth[known], points.y[known]).value if can_smooth else None,
        within=_within(points, one, runs),
        noise=noise_of(one.x, points.y, one.drawn, points.drawn_y),
        without_step=value,
        p_value=p_value,
        max_p_value=max_p_value,
    )


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


def _given(points: Points, measures: Sequence[Predictor], rivals: Sequence[Predictor]) -> list[Given]:
    found = []
    for rival in rivals:
        if rival.halves is None or not all(np.isfinite(half).all() for half in (rival.x, *rival.halves)):
            continue
        families = dummies(points.families)
        first, second = rival.halves
        control = partial(first, points.y, np.column_stack([second, families]))
        for one in measures:
            of_measure = partial(one.x, points.y, np.column_stack([rival.x, families]))
            found.append(Given(label=one.label, rival=rival.label, measure=of_measure, control=control))
    return found


def _predictions(
    points: Points,
    measures: Sequence[Predictor],
    rivals: Sequence[Predictor],
    null: Predictor,
    reasons: Mapping[str, str | None],
) -> list[Prediction]:
    """Fits on nothing, on each predictor alone, and on the first measure together with the first rival."""
    sets = [("the mean", []), *((one.label, [one]) for one in (null, *rivals, *measures))]
    if measures and rivals:
        sets.append((f"{rivals[0].label} and {measures[0].label}", [rivals[0], measures[0]]))
    runs = len(set(points.families))
    return [
        Prediction(
            label=label,
            checkpoint=left_out_error(_columns(points, some), points.y, points.names),
            family=left_out_error(_columns(points, some), points.y, points.families)
            if runs >= _FEWEST_FAMILIES_LEFT_OUT and points.design in (FAMILIES, FEW_FAMILIES)
            else None,
        )
        for label, some in sets
        if not any(reasons[one.label] for one in some)
    ]


def _columns(points: Points, some: Sequence[Predictor]) -> np.ndarray:
    return np.stack([one.x for one in some], axis=1) if some else np.empty((len(points.names), 0))
