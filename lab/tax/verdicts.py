"""What a change says: a tax, a temperature, a misreading, or nothing. These criteria were fixed before any reading."""

from __future__ import annotations

from collections.abc import Sequence

from lm_eval_hesnr.metrics.bootstrap import LEVEL, Difference
from lm_eval_hesnr.results.compare.verdict import holm

LEAST_SHARE = 0.05
"""A smaller change of HE-SNR, relative to the value of the model that is compared with, is of no use."""
LEAST_PASS = 0.03
"""A smaller change of a share of solved tasks is of no use."""

HIGHER, LOWER, EQUAL, OPEN = "higher", "lower", "equal", "open"
TAX, TEMPERATURE, MISREADS, NO_FALL, UNDECIDED = "tax", "temperature", "misreads", "no fall", "undecided"
SUPPORTS, AGAINST, FAILED = "supports", "against", "a control failed"


def changes(found: Sequence[Difference | None], margins: Sequence[float]) -> list[str]:
    """For each difference: higher, lower, equal or open.

    It is higher or lower if p < 0.05 after Holm over these differences, and it is at least as large as its margin. It
    is equal if its 95 % interval is inside the margin on both sides. Else, or if it is missing, it is open.
    """
    known = [i for i, one in enumerate(found) if one is not None and one.p_value is not None]
    adjusted = dict(zip(known, holm([_p_of(found[i]) for i in known]), strict=True))
    return [
        _change(one, adjusted.get(i, 1.0), margin) for i, (one, margin) in enumerate(zip(found, margins, strict=True))
    ]


def _p_of(one: Difference | None) -> float:
    return 1.0 if one is None or one.p_value is None else one.p_value


def _change(one: Difference | None, p: float, margin: float) -> str:
    if one is None or one.interval is None:
        return OPEN
    if p < 1 - LEVEL and abs(one.value) >= margin:
        return HIGHER if one.value > 0 else LOWER
    return EQUAL if -margin < one.interval.low and one.interval.high < margin else OPEN


def verdict(s: str, calibrated: str, gap: str, passed: str) -> str:
    """What a change of a model says about HE-SNR.

    Args:
        s: the change of S.
        calibrated: that of calibrated S.
        gap: that of S minus calibrated S.
        passed: that of pass@8.
    """
    if calibrated == LOWER and passed == LOWER:
        return TAX
    if s == LOWER and calibrated != LOWER and gap == LOWER:
        return TEMPERATURE
    if s == LOWER and passed == HIGHER:
        return MISREADS
    return NO_FALL if s in (EQUAL, HIGHER) else UNDECIDED


def claim(of_cross_entropy: Sequence[str], controls: Sequence[str]) -> str:
    """Whether a fall of HE-SNR after fine-tuning is a tax.

    Args:
        of_cross_entropy: the verdicts that count of fine-tuning with cross entropy.
        controls: what each change of temperature alone does to calibrated S, over each set of trajectories. It must be
            neither higher nor lower: else a temperature could be called a tax.
    """
    if {HIGHER, LOWER} & set(controls):
        return FAILED
    if TAX in of_cross_entropy:
        return SUPPORTS
    return AGAINST if {TEMPERATURE, MISREADS} & set(of_cross_entropy) else UNDECIDED
