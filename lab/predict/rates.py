"""How often the preregistered analysis gives each verdict in made-up studies. Prints the tables of lab/PREREG.md.

    python -m lab.predict.rates [--draws 100] [--sizes large twice half fast]

Seeded. 100 draws of all sizes take about a minute on one core.
"""

from __future__ import annotations

import argparse
from collections import Counter

from lab.predict.made_up import WORLDS, Size, made_up
from lab.predict.verdicts import AGAINST, SUPPORTS, TESTS, UNDECIDED, together, verdicts

SIZES = {
    "large": ("36 checkpoints, large effect", Size()),
    "twice": ("36 checkpoints, twice that effect", Size(hidden=2)),
    "half": ("36 checkpoints, half that effect", Size(hidden=0.5)),
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


def main(argv: list[str] | None = None) -> None:
    """Print one table for each size: supports / against / undecided, in percent of the draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--sizes", nargs="+", choices=SIZES, default=list(SIZES))
    arguments = parser.parse_args(argv)
    draws = arguments.draws
    for title, size in (SIZES[name] for name in arguments.sizes):
        print(f"\n{title}; {SUPPORTS} / {AGAINST} / {UNDECIDED}, in percent of {draws} draws\n")
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
