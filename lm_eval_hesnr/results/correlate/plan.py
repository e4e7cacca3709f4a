"""What a planned comparison of two measures can show: the power for several sizes, as text."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.metrics.correlation.planning import World, outcome_reliability, power
from lm_eval_hesnr.metrics.correlation.two_measures import FEWEST_FOR_DIFFERENCES
from lm_eval_hesnr.results.compare.text import WIDTH
from lm_eval_hesnr.results.text_table import aligned

PER_FAMILY = (2, 3, 4, 6, 8, 12)
FAMILIES = (4, 6, 8, 12, 16, 24)
_TRIALS = (100, 200, 500, 1000, 2000, 5000)
_ADVISED = 6
"""Checkpoints per training run for which the number of training runs is advised."""
_MOST_INDEPENDENT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A planned study."""

    world: World
    families: int
    tasks: int
    attempts: int
    power: float
    """The power that is asked for."""
    seed: int

    @property
    def trials(self) -> int:
        """Trials of each checkpoint."""
        return self.tasks * self.attempts

    def power_of(self, families: int, per_family: int, trials: int | None = None) -> float:
        """The power with so many checkpoints, by simulation."""
        return _power(self.world, families, per_family, trials or self.trials, self.seed)


@cache
def _power(world: World, families: int, per_family: int, trials: int, seed: int) -> float:
    return power(world, families, per_family, trials, seed)


def plan_lines(plan: Plan) -> list[str]:
    """The assumptions, the answer, and the powers."""
    world = plan.world
    reliability = outcome_reliability(world, plan.trials)
    sentences = [
        f"Assumed: the measure has r = {world.candidate:.3f} with the true ability, its rival {world.rival:.3f}, and "
        f"r = {world.between:.3f} between them. The outcome is {counted(plan.tasks, 'task')} x "
        f"{counted(plan.attempts, 'attempt')} (reliability {reliability:.2f} with these pass rates). "
        f"A share of {world.share_between_families:g} of each variance is between training runs. The power is that of "
        "finding the advantage at 0.05, two-sided, without a correction for several comparisons.",
        *_answers(plan),
    ]
    lines = [line for sentence in sentences for line in [*_wrapped(sentence), ""]]
    return [*lines, *_grid(plan), "", *_by_trials(plan)]


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _answers(plan: Plan) -> list[str]:
    found = [f"With {plan.families} training runs: {_for_families(plan)}"]
    few = next((n for n in FAMILIES if plan.power_of(n, _ADVISED) >= plan.power), None)
    found.append(f"With {_ADVISED} checkpoints of each training run: {_enough(plan, few, FAMILIES[-1], _ADVISED)}")
    independent = least_independent(plan)
    found.append(f"With one checkpoint of each training run: {_enough(plan, independent, _MOST_INDEPENDENT, 1)}")
    return found


def _enough(plan: Plan, families: int | None, most: int, per_family: int) -> str:
    if families is None:
        return f"even {most} training runs have only power {plan.power_of(most, per_family):.2f}."
    checkpoints = f" ({families * per_family} checkpoints)" if per_family > 1 else ""
    return f"{families} training runs{checkpoints} have power {plan.power_of(families, per_family):.2f}."


def _for_families(plan: Plan) -> str:
    for per_family in PER_FAMILY:
        total, found = plan.families * per_family, plan.power_of(plan.families, per_family)
        if found >= plan.power and total >= FEWEST_FOR_DIFFERENCES:
            return f"{per_family} checkpoints of each one ({total}) have power {found:.2f}."
    most = PER_FAMILY[-1]
    return (
        f"not enough. Even {most} checkpoints of each one ({plan.families * most}) have only power "
        f"{plan.power_of(plan.families, most):.2f}, and {plan.power:g} is asked for."
    )


def least_independent(plan: Plan) -> int | None:
    """The fewest independent trainings with the power that is asked for; None if 200 are too few."""
    low, high = FEWEST_FOR_DIFFERENCES, _MOST_INDEPENDENT
    if plan.power_of(high, 1) < plan.power:
        return None
    while low < high:
        middle = (low + high) // 2
        if plan.power_of(middle, 1) >= plan.power:
            high = middle
        else:
            low = middle + 1
    return low


def _grid(plan: Plan) -> list[str]:
    head = ["training runs", *(f"{n} checkpoints" for n in PER_FAMILY)]
    rows = [[str(n), *_cells(plan, n)] for n in sorted({*FAMILIES, plan.families})]
    return ["Power by training runs, and checkpoints of each one:", *aligned([head, *rows], right=range(1, len(head)))]


def _cells(plan: Plan, families: int) -> list[str]:
    return [f"{plan.power_of(families, n):.2f}" for n in PER_FAMILY]


def _by_trials(plan: Plan) -> list[str]:
    families = next((n for n in FAMILIES if plan.power_of(n, _ADVISED) >= plan.power), FAMILIES[-1])
    trials: Sequence[int] = sorted({*_TRIALS, plan.trials})
    head = ["tasks x attempts", *(str(n) for n in trials)]
    row = ["power", *(f"{plan.power_of(families, _ADVISED, n):.2f}" for n in trials)]
    reliabilities = ["reliability", *(f"{outcome_reliability(plan.world, n):.2f}" for n in trials)]
    title = f"Power by tasks times attempts, with {families} training runs of {_ADVISED} checkpoints:"
    return [title, *aligned([head, row, reliabilities], right=range(1, len(head)))]
