"""How often the criteria give each verdict in made-up studies. Prints the numbers of docs/lab/threshold.md.

    python -m lab.threshold.rates [--draws 20] [--families 6] [--seeds 3] [--error 0.02]

`--families 4 --seeds 2` is the fast form. Seeded.
"""

from __future__ import annotations

import argparse
from collections import Counter

import numpy as np

from lab.page import table
from lab.predict.made_up import Size
from lab.predict.verdicts import AGAINST, SUPPORTS, UNDECIDED
from lab.threshold.made_up import ERROR, WORLDS, made_up
from lab.threshold.verdicts import found_in

QUESTIONS = ("plateau", "adaptive", "choice")


def rates(world: str, size: Size, error: float, draws: int) -> tuple[dict[str, Counter[str]], float]:
    """For each question how often each verdict is given; and how often the smallest p after the search is up to .05."""
    counts: dict[str, Counter[str]] = {name: Counter() for name in QUESTIONS}
    searched = []
    for seed in range(draws):
        found = found_in(made_up(world, seed, size, error=error))
        for name in QUESTIONS:
            counts[name][found.verdicts[name]] += 1
        searched.append(min(p for _, _, p in found.swaps.by_label.values()) <= 0.05)
    return counts, float(np.mean(searched))


def main(argv: list[str] | None = None) -> None:
    """Print supports / against / undecided, in percent of the draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--families", type=int, default=Size().families)
    parser.add_argument("--seeds", type=int, default=Size().seeds)
    parser.add_argument("--error", type=float, default=ERROR, help="of each threshold alone, in units of the ability")
    arguments = parser.parse_args(argv)
    draws, size = arguments.draws, Size(families=arguments.families, seeds=arguments.seeds)
    rows = []
    for world, title in WORLDS.items():
        counts, searched = rates(world, size, arguments.error, draws)
        cells = (
            " / ".join(f"{100 * of[one] / draws:.0f}" for one in (SUPPORTS, AGAINST, UNDECIDED))
            for of in counts.values()
        )
        rows.append([title, *cells, f"{100 * searched:.0f}"])
    print(table([f"made-up study, {draws} draws", *QUESTIONS, "search"], rows))


if __name__ == "__main__":
    main()
