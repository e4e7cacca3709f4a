"""Everything that is known about measures and an outcome: one row per measure, differences, noise, predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lm_eval_hesnr.metrics.correlation.one_measure import FEWEST_FOR_STATISTICS, Coefficient, is_constant
from lm_eval_hesnr.metrics.correlation.partial import dummies, left_out_error, partial
from lm_eval_hesnr.metrics.correlation.two_measures import FEWEST_FOR_DIFFERENCES
from lm_eval_hesnr.results.correlate.differences import USEFUL_GAIN, Difference, differences
from lm_eval_hesnr.results.correlate.points import FAMILIES, FEW_FAMILIES, INDEPENDENT, Points, Predictor
from lm_eval_hesnr.results.correlate.rows import Row, rows_of, swaps_of

_FEWEST_FAMILIES_LEFT_OUT = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a measure says beyond the first rival, next to the split-half control."""

    label: str
    rival: str
    measure: Coefficient | None
    control: Coefficient | None
    """The same for the rival over every second trajectory, given the rival over the others."""

    @property
    def above_control(self) -> bool | None:
        """Whether the whole interval of the measure is above that of the control; None if one is not known."""
        of_measure, of_control = (one and one.interval for one in (self.measure, self.control))
        return None if of_measure is None or of_control is None else of_measure.low > of_control.high


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


def correlate(
    points: Points, measures: Sequence[Predictor], rivals: Sequence[Predictor], gain: float = USEFUL_GAIN
) -> Correlation:
    """Correlate measures with the outcome.

    Args:
        points: the checkpoints.
        measures: what should predict the outcome.
        rivals: what they are compared with; not in `measures`. The null predictor is added.
        gain: the smallest gain in r that is of use.
    """
    null = points.null_predictor()
    predictors = [*measures, *rivals, null]
    n = len(points.names)
    too_few = f"{n} checkpoints; at least {FEWEST_FOR_STATISTICS} are needed" if n < FEWEST_FOR_STATISTICS else None
    if too_few is None and is_constant(points.y):
        too_few = "all checkpoints have the same outcome"
    reasons = {one.label: too_few or one.missing(points.names) for one in predictors}
    usable = [one for one in predictors if reasons[one.label] is None]
    swaps = swaps_of(points, usable)
    rows = rows_of(points, predictors, reasons, swaps)
    new = [one for one in rivals if not any(row.same_as for row in rows if row.predictor is one)]
    compared = n >= FEWEST_FOR_DIFFERENCES and too_few is None
    too_few_for_two = f"{n} checkpoints; at least {FEWEST_FOR_DIFFERENCES} are needed to compare two measures"
    return Correlation(
        points=points,
        rows=rows,
        rivals=[one.label for one in (*rivals, null)],
        no_statistics=too_few,
        no_differences=too_few or (points.no_test if compared else too_few_for_two),
        no_p_values=too_few or swaps.reason,
        ways=swaps.ways,
        differences=differences(points, measures, [*rivals, null], reasons, gain) if compared else [],
        given=_given(points, [one for one in measures if one in usable], rivals[:1]) if compared else [],
        predictions=_predictions(points, measures, new, null, reasons) if compared else [],
    )


def _given(points: Points, measures: Sequence[Predictor], rivals: Sequence[Predictor]) -> list[Given]:
    found = []
    independent = points.design == INDEPENDENT  # then each checkpoint is a training run
    families = np.empty((len(points.names), 0)) if independent else dummies(points.families)
    for rival in rivals:
        if rival.halves is None or not all(np.isfinite(half).all() for half in (rival.x, *rival.halves)):
            continue
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
