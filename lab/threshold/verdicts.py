"""The criteria, which were written before any reading of the experiment (docs/lab/threshold.md)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from lab.predict.verdicts import AGAINST, SUPPORTS, UNDECIDED, USEFUL_ERROR, reliabilities
from lab.threshold.choice import Nested, best_of_resamples, nested
from lab.threshold.from_readings import Candidate, Thresholds
from lab.threshold.grid import PLATEAU, TESTED
from lm_eval_hesnr.metrics.bootstrap import LEVEL, Interval
from lm_eval_hesnr.metrics.correlation.noise_of_axes import LEAST_RELIABILITY
from lm_eval_hesnr.metrics.correlation.two_measures import Contrast, correlation, family_jackknife
from lm_eval_hesnr.results.compare.verdict import holm
from lm_eval_hesnr.results.correlate.differences import NO, USEFUL_GAIN, YES, Difference, differences
from lm_eval_hesnr.results.correlate.points import FAMILIES
from lm_eval_hesnr.results.correlate.rows import Swaps, swaps_of

ALPHA = 1 - LEVEL
MARGIN = USEFUL_GAIN
"""A difference of r below this is of no use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Everything that the experiment says."""

    swaps: Swaps
    """Permutation tests of all thresholds together: each with its p, and its p after the search (max-T)."""
    plateau: Mapping[float, Contrast | None]
    """Threshold from ln 2 to ln 5 to the difference of r to the default."""
    ends: Mapping[float, float]
    """The first and the last of these thresholds, with the p-value of that difference, after Holm over both."""
    adaptive: Sequence[Difference]
    """The tested adaptive thresholds against the default, as in P1 of `predict`, with p-values after Holm."""
    nested: Nested | None
    of_ppl: Nested | None
    """The same choice against ln PPL."""
    argmax: float
    """The threshold with the largest r, nats."""
    argmax_interval: Interval
    """Its 95 % interval, by resampled families and drawn outcomes."""
    verdicts: Mapping[str, str]


def found_in(study: Thresholds) -> Found:
    """All tests, and their verdicts."""
    points = study.study.points
    usable = [one for one in study.candidates if study.is_usable(one)]
    swaps = swaps_of(points, [one.predictor for one in usable])
    static = [one for one in study.static() if study.is_usable(one)]
    plateau = {one.epsilon: _against_default(study, one) for one in study.static() if _in_plateau(one)}
    ends = _ends(plateau)
    adaptive = _adaptive(study)
    x = np.stack([one.predictor.x for one in static])
    y, families = points.y, points.families
    default = study.default.predictor.x
    best, of_ppl = (nested(x, fixed, y, families) for fixed in (default, study.study.ppl.x))
    at = np.array([one.epsilon for one in static])
    draws = np.quantile(at[best_of_resamples(x, points.drawn_y, families)], [(1 - LEVEL) / 2, (1 + LEVEL) / 2],
                        method="inverted_cdf")  # fmt: skip
    said = {
        "plateau": plateau_verdict(study, plateau, ends, swaps),
        "adaptive": _adaptive_verdict(adaptive),
        "choice": _choice_verdict(best),
    }
    return Found(
        swaps=swaps,
        plateau=plateau,
        ends=ends,
        adaptive=adaptive,
        nested=best,
        of_ppl=of_ppl,
        argmax=float(at[int(correlation(x, y).argmax())]),
        argmax_interval=Interval(float(draws[0]), float(draws[1])),
        verdicts={name: _with_noise(study, verdict) for name, verdict in said.items()},
    )


def _ends(plateau: Mapping[float, Contrast | None]) -> dict[float, float]:
    """As `Found.ends`; without an end whose difference is not known."""
    both = {epsilon: plateau[epsilon] for epsilon in (min(plateau), max(plateau))}
    known = {epsilon: one for epsilon, one in both.items() if one is not None}
    return dict(zip(known, holm([one.p_value for one in known.values()]), strict=True))


def _in_plateau(one: Candidate) -> bool:
    return PLATEAU[0] <= one.epsilon <= PLATEAU[1]


def _against_default(study: Thresholds, one: Candidate) -> Contrast | None:
    """R with the outcome minus that of the default, with the jackknife over families."""
    default, points = study.default, study.study.points
    if not (study.is_usable(one) and study.is_usable(default)) or points.design != FAMILIES:
        return None
    if one is default or np.array_equal(one.predictor.x, default.predictor.x):
        return Contrast(0.0, Interval(0.0, 0.0), 1.0)
    return family_jackknife(one.predictor.x, default.predictor.x, points.y, points.families)


def _adaptive(study: Thresholds) -> list[Difference]:
    some = [study.adaptive(method).predictor for method in TESTED]
    default = study.default.predictor
    points = study.study.points
    reasons = {one.label: one.missing(points.names) for one in (*some, default)}
    return differences(points, some, [default], reasons)


def plateau_verdict(
    study: Thresholds, plateau: Mapping[float, Contrast | None], ends: Mapping[float, float], swaps: Swaps
) -> str:
    """Supports if the default predicts, and no threshold of the range can be worse or better by 0.05 in r.

    Against if one end of the range differs by more than 0.05, and clearly differs after Holm over both ends.
    """
    for epsilon, p_value in ends.items():
        end = plateau[epsilon]
        if end is not None and abs(end.difference) > MARGIN and p_value < ALPHA:
            return AGAINST
    value, p_value, _ = swaps.by_label.get(study.default.predictor.label, (0.0, 1.0, 1.0))
    predicts = value > 0 and p_value <= ALPHA
    flat = all(
        one is not None and one.interval.low > -MARGIN and one.interval.high < MARGIN for one in plateau.values()
    )
    return SUPPORTS if predicts and flat else UNDECIDED


def _adaptive_verdict(found: Sequence[Difference]) -> str:
    """Supports if one is better than the default. Against if some can be used, and all these have no useful gain.

    A threshold that does not exist for a checkpoint, or is that of the default, cannot be better.
    """
    answers = {one.answer for one in found if one.reason is None}
    if YES in answers:
        return SUPPORTS
    return AGAINST if answers == {NO} else UNDECIDED


def _choice_verdict(found: Nested | None) -> str:
    """Supports if a chosen threshold predicts a new family with a smaller error than the default."""
    if found is None:
        return UNDECIDED
    if found.interval.low > 0:
        return SUPPORTS
    return AGAINST if found.interval.high < USEFUL_ERROR * float(found.fixed.mean()) else UNDECIDED


def _with_noise(study: Thresholds, verdict: str) -> str:
    """As in `predict`: if outcome or HE-SNR are mostly noise, nothing is against anything."""
    known = reliabilities(study.study).values()
    quiet = all(one is not None and one >= LEAST_RELIABILITY for one in known)
    return verdict if quiet or verdict != AGAINST else UNDECIDED


def sentence(found: Found, *, fast: bool) -> str:
    """The verdicts in words."""
    plateau = {
        SUPPORTS: "From ln 2 to ln 5 the threshold does not matter",
        AGAINST: "Between ln 2 and ln 5 the threshold matters",
        UNDECIDED: "Whether the threshold matters between ln 2 and ln 5 is undecided",
    }
    adaptive = {
        SUPPORTS: "an adaptive threshold predicts better than the static one",
        AGAINST: "no adaptive threshold predicts better than the static one",
        UNDECIDED: "whether an adaptive threshold predicts better is undecided",
    }
    choice = {
        SUPPORTS: "a threshold chosen on other trainings predicts better than the default",
        AGAINST: "a threshold chosen on other trainings has no useful advantage over the default",
        UNDECIDED: "whether it pays to choose the threshold on other trainings is undecided",
    }
    said = found.verdicts
    form = " (fast form)" if fast else ""
    return f"{plateau[said['plateau']]}; {adaptive[said['adaptive']]}; {choice[said['choice']]}{form}."
