"""The criteria: what is for the claim, what is against it, and what is undecided. They were fixed before the readings.

The claim: while the context is extended, perplexity becomes worse, HE-SNR holds, and after fine-tuning the model solves
as many tasks as before. Every difference is between the checkpoint as it is, read with its own window, and an extended
checkpoint, read with the long window. Intervals are of 95 %.

    worse         the interval of the change of perplexity is above 0
    HE-SNR holds  the interval of its relative change is within +- 3 %
    HE-SNR falls  the interval of its relative change is below - 3 %
    compensated   HE-SNR holds, but the interval of its part `within` is outside of +- 3 %: it changed on the tokens
                  that stay decisions, and tokens that enter and leave make up for that
    solved        without and with padding, the interval of the change of pass@1 is above - 5 points, and the checkpoint
                  before or after solves 10 % at least

    supported     worse, HE-SNR holds, not compensated, solved
    against       worse, and one of: HE-SNR falls; it is compensated; it holds, but pass@1 is clearly lower (the
                  interval is below 0) without or with padding. If it falls, the reason says whether calibrated HE-SNR
                  holds, and whether fewer tasks are solved, too
    undecided     everything else

The verdict about a scaling is that of its spike: the number of steps with the highest perplexity in the long window.
Together, the claim is supported if it is supported for two scalings and against for none; against it in the same way.

The control is the checkpoint as it is with the long window: perplexity must be worse, and HE-SNR must fall. If not, a
fall cannot be seen with these runs, and no verdict counts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from lm_eval_hesnr.metrics.bootstrap import Difference, Interval, Sample, difference
from lm_eval_hesnr.metrics.decomposition import COLUMNS, PARTS
from lm_eval_hesnr.metrics.measures import measure, weights

SUPPORTED, AGAINST, UNDECIDED, FAILED = "supported", "against", "undecided", "the control failed"
MARGIN = 0.03
"""Of the relative change of HE-SNR."""
PASS_MARGIN = 0.05
"""Of the change of pass@1."""
LEAST_PASS = 0.10
"""If fewer tasks are solved before and after, their number shows nothing."""
SCALINGS_NEEDED = 2


class Passed(NamedTuple):
    """Solved tasks before and after the extension."""

    before: float
    after: float
    change: Difference

    @property
    def is_lower(self) -> bool:
        """Whether clearly fewer tasks are solved."""
        return self.change.interval is not None and self.change.interval.high < 0

    @property
    def is_as_before(self) -> bool:
        """Whether it is shown that not many fewer are solved."""
        found = self.change.interval
        return found is not None and found.low > -PASS_MARGIN and max(self.before, self.after) >= LEAST_PASS


class Evidence(NamedTuple):
    """What the criteria are about. All changes except that of pass@1 are relative: 0.1 is 10 % more."""

    ppl: Difference | None
    he_snr: Difference | None
    within: Difference | None
    """A part of the change of HE-SNR, relative to HE-SNR before."""
    calibrated: Difference | None
    """Of calibrated HE-SNR. It says why HE-SNR falls, and changes no verdict."""
    passed: Sequence[Passed]
    """Without and with padding; empty if nothing was fine-tuned."""


class Verdict(NamedTuple):
    """What the evidence says, and why."""

    verdict: str
    reason: str


def verdict(found: Evidence) -> Verdict:
    """The verdict about one extended checkpoint."""
    ppl, he_snr, within = (_interval(one) for one in (found.ppl, found.he_snr, found.within))
    if ppl is None or he_snr is None or within is None:
        return Verdict(UNDECIDED, "a value has no interval")
    if ppl.low <= 0:
        return Verdict(UNDECIDED, "perplexity is not clearly worse")
    if he_snr.high < -MARGIN:
        calibrated = _interval(found.calibrated)
        only = calibrated is not None and _is_inside(calibrated)
        why = "; calibrated HE-SNR holds, so the confidence changed" if only else ""
        why += "; fewer tasks are solved, too" if any(one.is_lower for one in found.passed) else ""
        return Verdict(AGAINST, f"HE-SNR falls when perplexity becomes worse{why}")
    if he_snr.low > MARGIN:
        return Verdict(UNDECIDED, "HE-SNR rises when perplexity becomes worse, which is another claim")
    if not _is_inside(he_snr):
        return Verdict(UNDECIDED, "the interval of HE-SNR reaches beyond 3 %")
    if within.high < -MARGIN or within.low > MARGIN:
        return Verdict(AGAINST, "HE-SNR holds only because other tokens are decisions")
    if any(one.is_lower for one in found.passed):
        return Verdict(AGAINST, "HE-SNR holds, but fewer tasks are solved")
    if found.passed and all(one.is_as_before for one in found.passed):
        return Verdict(SUPPORTED, "perplexity is worse, HE-SNR holds, and the tasks are solved as before")
    return Verdict(UNDECIDED, "it is not shown that as many tasks are solved")


def together(found: Sequence[Verdict], control: Evidence) -> str:
    """What the verdicts about the spikes of all scalings say together.

    Args:
        found: one for each scaling.
        control: of the checkpoint as it is, with the long window.
    """
    ppl, he_snr = _interval(control.ppl), _interval(control.he_snr)
    if ppl is None or he_snr is None or ppl.low <= 0 or he_snr.high >= -MARGIN:
        return FAILED
    words = [one.verdict for one in found]
    if words.count(SUPPORTED) >= SCALINGS_NEEDED and AGAINST not in words:
        return SUPPORTED
    return AGAINST if words.count(AGAINST) >= SCALINGS_NEEDED and SUPPORTED not in words else UNDECIDED


def relative(name: str, before: np.ndarray, after: np.ndarray) -> Difference | None:
    """The relative change of a measure, paired by trajectory.

    Args:
        name: of the measure.
        before: (D, 2 * len(SUMS)) totals.
        after: the same trajectories in the same order.
    """
    a, b = Sample.of(before), Sample.of(after)
    values = None if a.sums is None or b.sums is None else measure(name, b.sums) / measure(name, a.sums) - 1
    value = measure(name, b.rows.sum(axis=0)) / measure(name, a.rows.sum(axis=0)) - 1
    return difference(value, values, [weights(name, before), weights(name, after)])


def relative_parts(rows: np.ndarray) -> dict[str, Difference | None]:
    """The parts of the change of HE-SNR, relative to HE-SNR before. They have the names of `decomposition.PARTS`.

    Args:
        rows: (D, len(decomposition.COLUMNS)), one row per trajectory.
    """
    sample = Sample.of(rows)
    counts = [rows[:, COLUMNS.index(name)] for name in ("kept", "decisions_a", "decisions_b")]

    def _of(part: Callable[[np.ndarray], np.ndarray]) -> Difference | None:
        values = None if sample.sums is None else part(sample.sums) / _before(sample.sums)
        return difference(part(rows.sum(axis=0)) / _before(rows.sum(axis=0)), values, counts)

    return {name: _of(part) for name, part in PARTS.items() if name != "kept"}


def passed(before: Sequence[int], after: Sequence[int]) -> Passed:
    """The change of pass@1, paired by task.

    Args:
        before: 1 for each task that was solved before, else 0.
        after: the same tasks in the same order.
    """
    rows = np.array([before, after], np.float64).T  # (T, 2)
    sums = Sample.of(rows).sums
    values = None if sums is None else (sums[:, 1] - sums[:, 0]) / len(rows)
    shares = rows.mean(axis=0)
    found = difference(shares[1] - shares[0], values, [np.ones(len(rows))])
    if found is None:
        raise AssertionError("a share of at least one task is a number")
    return Passed(float(shares[0]), float(shares[1]), found)


def _before(sums: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., COLUMNS.index("snr_a")] / sums[..., COLUMNS.index("decisions_a")])


def _interval(found: Difference | None) -> Interval | None:
    return None if found is None else found.interval


def _is_inside(found: Interval) -> bool:
    return found.low > -MARGIN and found.high < MARGIN
