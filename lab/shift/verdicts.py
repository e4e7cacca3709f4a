"""The criteria, which were written before any reading of the experiment (docs/lab/shift.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from lab.shift import windows
from lab.shift.from_readings import Training
from lab.shift.layout import of_pool
from lab.shift.plan import DECIDING, TEMPERATURES
from lm_eval_hesnr.metrics.bootstrap import Difference, Sample, difference

SUPPORTS, AGAINST, UNDECIDED = "supports", "against", "undecided"
STAYS, MOVES, NOT_LEARNED = "stays", "moves", "not learned"
"""What the choices among four do, after the longest fine-tuning."""

LEAST_RHO = 29 / 35
"""The least rank correlation of the share near ln 3 with training: one-sided p = .03 with six checkpoints."""
USEFUL_RISE = 0.02
"""A smaller rise of the share near ln 3 over the training is no shift."""
USEFUL_EXCESS = 0.1
"""A smaller excess is no peak."""
LEAST_NEAR = 0.5
"""Choices are learned if at least this share of them is within 0.06 of their ln n."""
MOST_AT_THREE = 0.1
"""A larger share of the choices among four within 0.06 of ln 3 is a move, if it is also larger than that near ln 4."""
_ROUNDING = 1e-9

Statistic = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfTraining:
    """What one training says."""

    name: str
    shares: Sequence[float]
    """Of each checkpoint: tokens near ln 3, divided by those near ln 3 and ln 4."""
    rho: float
    """Spearman's correlation of the shares with training; 0 if they do not vary."""
    rise: Difference | None
    """Share of the last checkpoint minus that of the first one."""
    excess: Mapping[float, Difference | None]
    """Temperature to the excess at ln 3 of the last checkpoint, minus 0."""
    moved: Difference | None
    """The peak at ln 3 minus the peak at ln 4, last checkpoint minus first one."""
    choices: str
    """What the choices among four do: a control."""
    at_four: Difference | None
    """After the longest fine-tuning: the share of choices among four near ln 4."""
    at_three: Difference | None
    """The same near ln 3."""

    @property
    def verdict(self) -> str:
        """What this training says about the claim. What is against it counts first."""
        known = (self.rise, self.moved, *(self.excess[t] for t in DECIDING))
        if self.choices == MOVES or any(self.against.values()):
            return AGAINST
        if self.choices != STAYS or self.rho < LEAST_RHO - _ROUNDING:
            return UNDECIDED
        return SUPPORTS if all(_low(one) > 0 for one in known) else UNDECIDED

    @property
    def against(self) -> Mapping[str, bool]:
        """What speaks against the claim."""
        return {
            "the share near ln 3 does not rise": _high(self.rise) < USEFUL_RISE,
            "there is no peak at ln 3": any(_high(self.excess[t]) < USEFUL_EXCESS for t in DECIDING),
            "the peak moves from ln 3 to ln 4": _high(self.moved) < 0,
        }


def _low(found: Difference | None) -> float:
    return -np.inf if found is None or found.interval is None else found.interval.low


def _high(found: Difference | None) -> float:
    return np.inf if found is None or found.interval is None else found.interval.high


def of_training(training: Training) -> OfTraining:
    """Everything that decides about one training."""
    rows = training.windows[1.0]
    shares = [float(windows.share(one.sum(axis=0))) for one in rows]
    at_four, at_three = (_near(training.choices[-1], n) for n in (4, 3))
    return OfTraining(
        name=training.name,
        shares=shares,
        rho=float(stats.spearmanr(np.arange(len(shares)), shares).statistic) if np.ptp(shares) > 0 else 0.0,
        rise=change(rows[0], rows[-1], windows.share, lambda r: windows.of_order(r, 3) + windows.of_order(r, 4)),
        excess={t: excess(training.windows[t][-1], 3) for t in TEMPERATURES},
        moved=change(rows[0], rows[-1], windows.moved, lambda r: windows.of_order(r, 3) + windows.of_order(r, 4)),
        choices=what_choices_do(training.choices[-1], at_four, at_three),
        at_four=at_four,
        at_three=at_three,
    )


def _near(rows: np.ndarray, n: int) -> Difference | None:
    """The share of the choices among four that are near ln n, from (texts, C) rows."""
    return statistic(
        rows,
        lambda total: of_pool(total, 4, f"near{n}") / of_pool(total, 4, "choices"),
        lambda some: of_pool(some, 4, "choices"),
    )


def what_choices_do(rows: np.ndarray, at_four: Difference | None, at_three: Difference | None) -> str:
    """Whether the choices among four stay at ln 4, move to ln 3, or were not learned.

    Args:
        rows: (texts, C) after the longest fine-tuning.
        at_four: the share of choices among four near ln 4.
        at_three: the same near ln 3.
    """
    total = rows.sum(axis=0)
    if _low(at_three) > MOST_AT_THREE and of_pool(total, 4, "near3") > of_pool(total, 4, "near4"):
        return MOVES
    near = [of_pool(total, n, f"near{n}") / of_pool(total, n, "choices") for n in (2, 3)]
    learned = min(near) >= LEAST_NEAR and _low(at_four) >= LEAST_NEAR
    return STAYS if learned and _high(at_three) < MOST_AT_THREE else NOT_LEARNED


def excess(rows: np.ndarray, n: int) -> Difference | None:
    """The excess at ln n over (D, C) trajectories, with its interval."""
    return statistic(rows, lambda s: windows.excess(s, n), lambda r: windows.of_order(r, n))


def statistic(rows: np.ndarray, value: Statistic, weights: Statistic) -> Difference | None:
    """A statistic of the sums of (D, C) rows, with its interval over resampled rows."""
    sample = Sample.of(rows)
    return difference(value(rows.sum(axis=0)), None if sample.sums is None else value(sample.sums), [weights(rows)])


def change(first: np.ndarray, last: np.ndarray, value: Statistic, weights: Statistic) -> Difference | None:
    """A statistic of the last minus that of the first (D, C) rows. Row i of both is the same trajectory."""
    n = first.shape[1]
    return statistic(
        np.concatenate([first, last], axis=1),
        lambda s: value(s[..., n:]) - value(s[..., :n]),
        lambda r: weights(r[:, :n]) + weights(r[:, n:]),
    )


def together(found: Sequence[OfTraining]) -> str:
    """Supports if every training does. Against if one is against, and none supports. Else undecided."""
    verdicts = {one.verdict for one in found}
    if verdicts == {SUPPORTS}:
        return SUPPORTS
    return AGAINST if AGAINST in verdicts and SUPPORTS not in verdicts else UNDECIDED


def sentence(found: Sequence[OfTraining], *, fast: bool) -> str:
    """The verdict in words."""
    said = together(found)
    form = f"one training ({found[0].name}, the fast form)" if fast else f"{len(found)} trainings"
    reasons = [reason for reason in found[0].against if any(one.against[reason] for one in found)]
    if any(one.choices == MOVES for one in found):
        reasons.append("choices among four move to ln 3")
    if said == SUPPORTS:
        return (
            f"Supported in {form}: the share near ln 3 rises, a peak at ln 3 grows against that at ln 4, and true "
            "choices among four stay at ln 4."
        )
    if said == AGAINST:
        return f"Against, in {form}: {'; '.join(reasons)}."
    about = f" In some of them: {'; '.join(reasons)}." if reasons else ""
    if any(one.choices == NOT_LEARNED for one in found):
        about += " The control is missing: the models did not learn the generated choices."
    return f"Undecided, in {form}.{about}"
