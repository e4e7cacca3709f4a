"""P1 to P6 of lab/PREREG.md, and what they say together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from lab.predict.equal_loss import equal_loss
from lab.predict.study import HE_SNR, SELF, Study
from lm_eval_hesnr.metrics.bootstrap import LEVEL, Interval
from lm_eval_hesnr.metrics.correlation.noise_of_axes import LEAST_RELIABILITY, reliability
from lm_eval_hesnr.metrics.correlation.one_measure import is_constant, spearman
from lm_eval_hesnr.metrics.correlation.partial import dummies, left_out_errors, partial
from lm_eval_hesnr.results.correlate.differences import NO, NOT_KNOWN, YES, Difference, differences
from lm_eval_hesnr.results.correlate.points import NULL, Predictor
from lm_eval_hesnr.results.correlate.rows import swaps_of

SUPPORTS, AGAINST, UNDECIDED = "supports", "against", "undecided"
_OF_ANSWER = {YES: SUPPORTS, NO: AGAINST, NOT_KNOWN: UNDECIDED}
ALPHA = 1 - LEVEL
REVERSED = -29 / 35
"""A rank correlation within a family up to this has the wrong sign: one-sided p = .03 with six checkpoints."""
_ROUNDING = 1e-9
USEFUL_SHARE = 0.15
"""A smaller advantage in the share of pairs is of no use."""
USEFUL_ERROR = 0.1
"""A smaller reduction of the prediction error, relative to that of ln PPL, is of no use."""
USEFUL_PARTIAL = 0.45
"""A smaller partial correlation is of no use. In normal data, it puts 65 % of pairs in the right order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one of the preregistered tests says."""

    name: str
    verdict: str
    numbers: Mapping[str, float | None] = field(default_factory=dict)
    interval: Interval | None = None
    """95 %, of the number that decides; None if there is none."""
    differences: Mapping[str, float | None] = field(default_factory=dict)
    """Only for P2: the difference of r to each rival, whose p-value is in `numbers`. The last one is that of calibrated
    HE-SNR to ln PPL."""


def verdicts(study: Study) -> list[Verdict]:
    """P1 to P6, in order."""
    return after_noise(study, [test(study) for test in TESTS.values()])


def after_noise(study: Study, found: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts, after the rule about noise.

    If the outcome or HE-SNR is mostly noise, no measure can show what it predicts. Then nothing is against it. The same
    if it is not known how much of them is noise.
    """
    if all(one is not None and one >= LEAST_RELIABILITY for one in reliabilities(study).values()):
        return list(found)
    return [replace(one, verdict=UNDECIDED) if one.verdict == AGAINST else one for one in found]


def reliabilities(study: Study) -> dict[str, float | None]:
    """Of the outcome and of HE-SNR: the share of the variance over checkpoints that is not noise; None if not known."""
    drawn = study.he_snr.drawn
    return {
        "outcome": reliability(study.points.y, study.points.drawn_y),
        "he_snr": None if drawn is None else reliability(study.he_snr.x, drawn),
    }


def together(found: Sequence[Verdict]) -> str:
    """What the tests say about the claim as a whole.

    Against if one of P1 to P4 is against; supports if P1, P3 and P4 support and none of P1 to P4 is against.
    """
    of = {one.name: one.verdict for one in found}
    if AGAINST in (of["P1"], of["P2"], of["P3"], of["P4"]):
        return AGAINST
    return SUPPORTS if {of["P1"], of["P3"], of["P4"]} == {SUPPORTS} else UNDECIDED


def p1(study: Study) -> Verdict:
    """Does HE-SNR correlate better with the outcome than ln PPL?"""
    found = _difference(study, study.he_snr, study.ppl)
    return Verdict(
        name="P1",
        verdict=_OF_ANSWER[found.answer],
        numbers={
            "r": found.r,
            "r_rival": found.r_rival,
            "difference": found.test and found.test.difference,
            "p_value": found.test and found.test.p_value,
        },
        interval=found.test and found.test.interval,
    )


def p2(study: Study) -> Verdict:
    """Does HE-SNR correlate better than every other measure and log(tokens), and is the gain left after calibration?

    Against if log(tokens) or self_he_snr does as well, if calibrated HE-SNR has no useful gain over ln PPL, or if
    HE-SNR is worse than one of its rivals. Supports only if all of these differences are known.
    """
    found = [one for one in _differences(study, study.he_snr, study.all_rivals) if one.same_as in (None, HE_SNR)]
    calibrated = _difference(study, study.calibrated, study.ppl)
    as_good = any(one.answer == NO and one.rival in (SELF, NULL) for one in found)
    worse = any(one.test is not None and one.test.difference < 0 and _is_small(one.p_value) for one in found)
    if as_good or worse or calibrated.answer == NO:
        verdict = AGAINST
    else:
        all_better = {one.answer for one in found} == {YES} and calibrated.test is not None
        verdict = SUPPORTS if all_better and calibrated.p_value is not None else UNDECIDED
    numbers = {one.rival: one.p_value for one in found} | {calibrated.label: calibrated.p_value}
    of_r = {one.rival: one.test and one.test.difference for one in found}
    of_r[calibrated.label] = calibrated.test and calibrated.test.difference
    return Verdict(name="P2", verdict=verdict, numbers=numbers, differences=of_r)


def _is_small(p_value: float | None) -> bool:
    return p_value is not None and p_value < ALPHA


def _difference(study: Study, one: Predictor, rival: Predictor) -> Difference:
    return _differences(study, one, [rival])[0]


def _differences(study: Study, one: Predictor, rivals: Sequence[Predictor]) -> list[Difference]:
    """With p-values after Holm over these comparisons, as in `hesnr correlate`."""
    return differences(study.points, [one], rivals, _reasons(study, one, *rivals))


def _reasons(study: Study, *predictors: Predictor) -> dict[str, str | None]:
    """For each label why there is no statistic, or None."""
    if is_constant(study.points.y):
        return {one.label: "all checkpoints have the same outcome" for one in predictors}
    return {one.label: one.missing(study.points.names) for one in predictors}


def _are_known(study: Study, *predictors: Predictor) -> bool:
    """Whether the outcome varies, and all values are there and vary. A test that needs others is undecided."""
    return not any(_reasons(study, *predictors).values())


def p3(study: Study) -> Verdict:
    """Is HE-SNR related to the outcome beyond what all families have in common, and does no family turn its sign?"""
    if not _are_known(study, study.he_snr):
        return Verdict(name="P3", verdict=UNDECIDED)
    known = [one for one in (study.he_snr, study.ppl) if _are_known(study, one)]
    swaps = swaps_of(study.points, known).by_label
    value, p_value, _ = swaps.get(study.he_snr.label, (None, None, None))
    value_rival, p_value_rival, _ = swaps.get(study.ppl.label, (None, None, None))
    within = list(within_families(study, study.he_snr).values())
    of_known = [one for one in within if one is not None]
    lowest = min(of_known, default=None)
    numbers = {
        "r0": value,
        "p_value": p_value,
        "r0_rival": value_rival,
        "p_value_rival": p_value_rival,
        "mean_rho": float(np.mean(of_known)) if len(of_known) == len(within) else None,
        "lowest_rho": lowest,
    }
    if value is None or p_value is None:
        verdict = UNDECIDED
    elif value <= 0 or (lowest is not None and lowest <= REVERSED + _ROUNDING):
        verdict = AGAINST
    else:
        verdict = SUPPORTS if p_value <= ALPHA and len(of_known) == len(within) else UNDECIDED
    return Verdict(name="P3", verdict=verdict, numbers=numbers)


def within_families(study: Study, one: Predictor) -> dict[str, float | None]:
    """Spearman's rho with the outcome in each family; None where one of both does not vary."""
    families = np.array(study.points.families)
    found: dict[str, float | None] = {}
    for name in sorted(set(study.points.families)):
        x, y = one.x[families == name], study.points.y[families == name]
        found[name] = spearman(x, y).value if np.ptp(x) > 0 and np.ptp(y) > 0 else None
    return found


def p4(study: Study) -> Verdict:
    """At equal loss, does HE-SNR pick the better checkpoint more often than loss does at equal HE-SNR?"""
    if not _are_known(study, study.he_snr, study.ppl):
        return Verdict(name="P4", verdict=UNDECIDED)
    found = equal_loss(study.he_snr.x, study.ppl.x, study.points.y, study.points.families)
    numbers = {
        "pairs": found.pairs,
        "largest_gap": found.largest_gap,
        "share": found.share,
        "mirrored": found.mirrored,
        "difference": found.share - found.mirrored,
    }
    verdict = _by_interval(found.interval, useful=USEFUL_SHARE)
    return Verdict(name="P4", verdict=verdict, numbers=numbers, interval=found.interval)


def p5(study: Study) -> Verdict:
    """Does HE-SNR predict the outcome of a family that it has not seen with a smaller error than ln PPL?"""
    families = np.array(study.points.families)
    names = sorted(set(study.points.families))

    def _errors(*predictors: Predictor) -> np.ndarray | None:
        """(F,) root mean squared error of each family, in logits."""
        if not _are_known(study, *predictors):
            return None
        z = np.stack([one.x for one in predictors], axis=1)
        found = left_out_errors(z, study.points.y, study.points.families)
        return None if found is None else np.array([np.sqrt(np.mean(found[families == name] ** 2)) for name in names])

    errors = {
        "he_snr": _errors(study.he_snr),
        "ppl": _errors(study.ppl),
        "log_tokens": _errors(study.null),
        "both": _errors(study.ppl, study.he_snr),
    }
    numbers = {name: None if one is None else float(np.sqrt(np.mean(one**2))) for name, one in errors.items()}
    of_snr, of_ppl = errors["he_snr"], errors["ppl"]
    if of_snr is None or of_ppl is None or numbers["ppl"] is None:
        return Verdict(name="P5", verdict=UNDECIDED, numbers=numbers)
    low, high = stats.ttest_1samp(of_ppl - of_snr, 0).confidence_interval(LEVEL)
    interval = Interval(float(low), float(high))
    numbers["difference"] = float(np.mean(of_ppl - of_snr))
    verdict = _by_interval(interval, useful=USEFUL_ERROR * numbers["ppl"])
    return Verdict(name="P5", verdict=verdict, numbers=numbers, interval=interval)


def p6(study: Study) -> Verdict:
    """Given ln PPL and the family, does HE-SNR say more than a second reading of ln PPL would?"""
    return p6_against(study, study.ppl.halves)


def p6_against(study: Study, halves: tuple[np.ndarray, np.ndarray] | None) -> Verdict:
    """P6 with a control: one half of the readings of ln PPL, each (n,), given the other half."""
    if not _are_known(study, study.he_snr, study.ppl):
        return Verdict(name="P6", verdict=UNDECIDED)
    families = dummies(study.points.families)
    of_snr = partial(study.he_snr.x, study.points.y, np.column_stack([study.ppl.x, families]))
    control = None
    if halves is not None and np.isfinite(halves).all():
        first, second = halves
        control = partial(first, study.points.y, np.column_stack([second, families]))
    numbers = {"partial": of_snr and of_snr.value, "control": control and control.value}
    if of_snr is None or of_snr.interval is None or control is None or control.interval is None:
        return Verdict(name="P6", verdict=UNDECIDED, numbers=numbers)
    numbers |= {"control_low": control.interval.low, "control_high": control.interval.high}
    if of_snr.interval.low > control.interval.high:
        verdict = SUPPORTS
    else:
        verdict = AGAINST if of_snr.interval.high < USEFUL_PARTIAL else UNDECIDED
    return Verdict(name="P6", verdict=verdict, numbers=numbers, interval=of_snr.interval)


def _by_interval(interval: Interval | None, useful: float) -> str:
    """Supports above 0; against if a useful advantage does not fit the data."""
    if interval is None:
        return UNDECIDED
    if interval.low > 0:
        return SUPPORTS
    return AGAINST if interval.high < useful else UNDECIDED


TESTS: Mapping[str, Callable[[Study], Verdict]] = {"P1": p1, "P2": p2, "P3": p3, "P4": p4, "P5": p5, "P6": p6}
