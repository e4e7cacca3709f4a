"""How often the preregistered analysis gives each verdict in made-up studies. Prints the tables of lab/PREREG.md.

    python -m lab.predict.rates [--draws 100] [--sizes large twice half five five-half fast]

Seeded. 100 draws of all sizes take about a minute on one core.
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np

from lab.predict.equal_loss import equal_loss
from lab.predict.made_up import WORLDS, Size, made_up
from lab.predict.verdicts import AGAINST, SUPPORTS, TESTS, UNDECIDED, together, verdicts

SIZES = {
    "large": ("36 checkpoints, large effect", Size()),
    "twice": ("36 checkpoints, twice that effect", Size(hidden=2)),
    "half": ("36 checkpoints, half that effect", Size(hidden=0.5)),
    "five": ("30 checkpoints of five families, large effect", Size(families=5)),
    "five-half": ("30 checkpoints of five families, half that effect", Size(families=5, hidden=0.5)),
    "fast": ("24 checkpoints and two seeds (the fast form), large effect", Size(families=4, seeds=2)),
}
_WITHOUT_EFFECT = ("no difference", "same reading", "trend only", "training time")
"""Worlds without a hidden part: half the effect is the same world."""


def rates(world: str, size: Size, draws: int) -> dict[str, Counter[str]]:
    """For each test, and for all together, how often each verdict is given."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in (*TESTS, "together")}
    for seed in range(draws):
        found = verdicts(made_up(world, seed, size))
        for one in found:
            counts[one.name][one.verdict] += 1
        counts["together"][together(found)] += 1
    return counts


def shares(world: str, size: Size, draws: int) -> tuple[float, float, float]:
    """For P4: the mean share, the mean mirrored share, and how often the share alone would be above 1/2."""
    sums = np.zeros(3)
    for seed in range(draws):
        study = made_up(world, seed, size)
        found = equal_loss(study.he_snr.x, study.ppl.x, study.points.y, study.points.families)
        sums += found.share, found.mirrored, found.share_interval is not None and found.share_interval.low > 0.5
    return tuple(sums / draws)


def main(argv: list[str] | None = None) -> None:
    """Print one table for each size: supports / against / undecided, in percent of the draws. Then the shares of P4."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    arguments = parser.parse_args(argv)
    for title, size in (SIZES[name] for name in arguments.sizes):
        print(f"\n{title}; {SUPPORTS} / {AGAINST} / {UNDECIDED}, in percent of {arguments.draws} draws\n")
        print_rates(size, arguments.draws)
    title, size = SIZES["large"]
    print(f"\nP4; {title}\n\n| world | share | mirrored | share alone clearly above 1/2 |\n|---|---:|---:|---:|")
    for world in WORLDS:
        share, mirrored, above = shares(world, size, arguments.draws)
        print(f"| {world} | {share:.2f} | {mirrored:.2f} | {above:.0%} |", flush=True)


def print_rates(size: Size, draws: int) -> None:
    """Print the table of one size."""
    print(f"| world | {' | '.join((*TESTS, 'together'))} |\n|---|{'---:|' * (len(TESTS) + 1)}")
    for world in WORLDS:
        if size.hidden != 1 and world in _WITHOUT_EFFECT:
            continue
        counts = rates(world, size, draws)
        cells = (
            " / ".join(f"{100 * of[verdict] / draws:.0f}" for verdict in (SUPPORTS, AGAINST, UNDECIDED))
            for of in counts.values()
        )
        print(f"| {world} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
