"""`hesnr plan`: how many checkpoints, tasks and attempts are needed to show that a measure predicts better."""

from __future__ import annotations

import argparse
import re

from lm_eval_hesnr.cli.terminal import print_lines
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.metrics.bootstrap import SEED
from lm_eval_hesnr.metrics.correlation.planning import World, logit_range
from lm_eval_hesnr.metrics.correlation.two_measures import FEWEST_FAMILIES
from lm_eval_hesnr.results.correlate.plan import Plan, plan_lines

_RATES = "20:60"
_MOST_FAMILIES, _MOST_TASKS = 60, 10**7


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "plan",
        help="say how many checkpoints and tasks are needed to show that a measure predicts better",
        description="Simulate studies, and print how often `hesnr correlate` would find that a measure correlates "
        "better with downstream scores than its rival.",
    )
    for name, about in (
        ("--gain", "how much better the measure correlates, such as 0.10"),
        ("--rival", "correlation of the rival with the true ability, such as 0.85"),
        ("--between", "correlation of measure and rival, such as 0.9"),
    ):
        command.add_argument(name, type=float, required=True, metavar="R", help=about)
    command.add_argument("--families", type=int, default=4, metavar="N", help="training runs (default: 4)")
    command.add_argument("--tasks", type=int, default=500, metavar="N", help="tasks of the outcome (default: 500)")
    command.add_argument("--attempts", type=int, default=1, metavar="N", help="attempts of each task (default: 1)")
    command.add_argument("--power", type=float, default=0.8, metavar="P", help="power to reach (default: 0.8)")
    command.add_argument(
        "--rates", default=_RATES, metavar="LOW:HIGH",
        help=f"range of 95 %% of the pass rates of the checkpoints, in percent (default: {_RATES})",
    )  # fmt: skip
    command.add_argument(
        "--between-runs", type=float, default=0.5, metavar="SHARE",
        help="share of each variance that is between training runs (default: 0.5)",
    )  # fmt: skip
    command.add_argument("--seed", type=int, default=SEED, metavar="N", help=f"of the simulation (default: {SEED})")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> bool:
    """Print the plan."""
    print_lines(plan_lines(_plan(arguments)))
    return True


def _plan(arguments: argparse.Namespace) -> Plan:
    _expect(0 < arguments.gain < 1, "--gain", "a number above 0 and below 1", arguments.gain)
    _expect(-1 < arguments.rival < 1, "--rival", "a number above -1 and below 1", arguments.rival)
    _expect(-1 < arguments.between < 1, "--between", "a number above -1 and below 1", arguments.between)
    candidate = arguments.rival + arguments.gain
    _expect(candidate < 1, "--gain", f"less than {1 - arguments.rival:g}, so that r is below 1", arguments.gain)
    _expect(
        FEWEST_FAMILIES <= arguments.families <= _MOST_FAMILIES, "--families",
        f"from {FEWEST_FAMILIES} to {_MOST_FAMILIES}: fewer training runs show nothing", arguments.families,
    )  # fmt: skip
    _expect(1 <= arguments.tasks <= _MOST_TASKS, "--tasks", f"a number from 1 to {_MOST_TASKS}", arguments.tasks)
    _expect(1 <= arguments.attempts <= 1000, "--attempts", "a number from 1 to 1000", arguments.attempts)
    _expect(0 < arguments.power < 1, "--power", "a number above 0 and below 1", arguments.power)
    _expect(0 <= arguments.between_runs <= 1, "--between-runs", "a share from 0 to 1", arguments.between_runs)
    _expect(arguments.seed >= 0, "--seed", "a whole number of at least 0", arguments.seed)
    mean, sd = logit_range(*_rates(arguments.rates))
    world = World(
        candidate=candidate, rival=arguments.rival, between=arguments.between, mean=mean, sd=sd,
        share_between_families=arguments.between_runs,
    )  # fmt: skip
    if not world.is_possible:
        raise InputError(
            f"--between {arguments.between:g}: no three quantities have the correlations {candidate:g}, "
            f"{arguments.rival:g} and {arguments.between:g}; {world.possible_between}"
        )
    return Plan(
        world=world, families=arguments.families, tasks=arguments.tasks, attempts=arguments.attempts,
        power=arguments.power, seed=arguments.seed,
    )  # fmt: skip


def _expect(holds: bool, option: str, expected: str, found: float) -> None:
    if not holds:
        shown = f"{found:.9g}" if isinstance(found, float) else f"{found!s:.20}"
        raise InputError(f"{option} should be {expected}, found {shown}")


def _rates(given: str) -> tuple[float, float]:
    found = re.fullmatch(r"([0-9]{1,2}(?:\.[0-9]{1,6})?):([0-9]{1,2}(?:\.[0-9]{1,6})?)", given)
    low, high = (float(found[1]) / 100, float(found[2]) / 100) if found else (0.0, 0.0)
    if not 0 < low < high < 1:
        raise InputError(f"--rates should be two rising percentages such as {_RATES}, found {given!r:.60}")
    return low, high
