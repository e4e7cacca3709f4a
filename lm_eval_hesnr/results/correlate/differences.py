"""Whether one measure predicts better than another: the test that fits the data, and the answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lm_eval_hesnr.metrics.correlation.two_measures import (
    Contrast,
    are_same,
    correlation,
    family_jackknife,
    independent,
)
from lm_eval_hesnr.results.compare.verdict import ALPHA, holm
from lm_eval_hesnr.results.correlate.points import FAMILIES, INDEPENDENT, Points, Predictor

YES, NO, NOT_KNOWN = "yes", "no", "not known"
NO_TEST = "no test fits the checkpoints"
"""The reason if the checkpoints come from too few training runs."""
USEFUL_GAIN = 0.05
"""By default, a smaller gain in r is of no use: a measure whose interval is below it does not predict better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """A measure against a rival."""

    label: str
    rival: str
    r: float | None
    """Of the measure with the outcome."""
    r_rival: float | None
    r_between: float | None
    turned: Sequence[str] = ()
    """Those of both that have no better direction, and count with the other sign here: that of their r, to their
    advantage. Otherwise -r would count against them, and a p-value could be 0."""
    reason: str | None = None
    """Why there is no test."""
    same_as: str | None = None
    """An earlier rival, or the measure itself, of which the rival is a linear function: the same predictor."""
    test: Contrast | None = None
    """The test that fits the data: Williams and Zou for independent trainings, else the jackknife over runs."""
    if_independent: Contrast | None = None
    """Williams' test and Zou's interval, as if the checkpoints were independent."""
    p_value: float | None = None
    """Of the test, after Holm."""
    comparisons: int = 0
    gain: float = USEFUL_GAIN
    """The smallest gain in r that is of use."""

    @property
    def answer(self) -> str:
        """Whether the measure predicts better than the rival."""
        if self.test is None or self.p_value is None:
            return NOT_KNOWN
        if self.p_value < ALPHA:
            return YES if self.test.difference > 0 else NO
        return NO if self.test.interval.high < self.gain else NOT_KNOWN


def differences(
    points: Points,
    measures: Sequence[Predictor],
    rivals: Sequence[Predictor],
    reasons: Mapping[str, str | None],
    gain: float = USEFUL_GAIN,
) -> list[Difference]:
    """Each measure against each rival, with p-values after Holm over all of them.

    Args:
        points: at least eight checkpoints.
        measures: any.
        rivals: others than the measures.
        reasons: for each label the reason why it has no statistics, or None.
        gain: the smallest gain in r that is of use.
    """
    found = []
    for one in measures:
        done: list[Predictor] = []
        for rival in rivals:
            found.append(replace(_difference(points, one, rival, reasons, done), gain=gain))
            done.append(rival)
    tested = [i for i, one in enumerate(found) if one.test is not None]
    adjusted = holm([test.p_value for i in tested if (test := found[i].test)])
    for i, p_value in zip(tested, adjusted, strict=True):
        found[i] = replace(found[i], p_value=p_value, comparisons=len(tested))
    return found


def _difference(
    points: Points,
    one: Predictor,
    rival: Predictor,
    reasons: Mapping[str, str | None],
    earlier: Sequence[Predictor],
) -> Difference:
    reason = next((f"{label}: {why}" for label in (one.label, rival.label) if (why := reasons[label])), None)
    if reason:
        return Difference(label=one.label, rival=rival.label, r=None, r_rival=None, r_between=None, reason=reason)
    turned = [each.label for each in (one, rival) if each.directed(points.y) is not each]
    one, rival = one.directed(points.y), rival.directed(points.y)
    r, r_rival, r_between = (
        float(correlation(*pair)) for pair in ((one.x, points.y), (rival.x, points.y), (one.x, rival.x))
    )
    found = Difference(
        label=one.label, rival=rival.label, r=r, r_rival=r_rival, r_between=r_between, turned=tuple(turned)
    )
    same = next((other for other in earlier if not reasons[other.label] and are_same(other.x, rival.x)), None)
    if same is not None or are_same(one.x, rival.x):
        label = one.label if same is None else same.label
        return replace(found, same_as=label, reason=f"{rival.label} is a linear function of {label} here")
    found = replace(found, if_independent=independent(one.x, rival.x, points.y))
    if points.design == INDEPENDENT:
        return replace(found, test=found.if_independent)
    if points.design == FAMILIES:
        return replace(found, test=family_jackknife(one.x, rival.x, points.y, points.families))
    return replace(found, reason=NO_TEST)
