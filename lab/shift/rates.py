"""How often the criteria give each verdict in made-up trainings. Prints the numbers of docs/lab/shift.md.

    python -m lab.shift.rates [--draws 20]

Seeded.
"""

from __future__ import annotations

import argparse
from collections import Counter

from lab.page import table
from lab.predict.verdicts import AGAINST, SUPPORTS, UNDECIDED
from lab.shift.made_up import WORLDS, made_up
from lab.shift.verdicts import of_training


def rates(world: str, draws: int) -> Counter[str]:
    """How often each verdict is given."""
    return Counter(of_training(made_up(world, seed)).verdict for seed in range(draws))


def main(argv: list[str] | None = None) -> None:
    """Print how often each made-up training gets each verdict."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=20)
    draws = parser.parse_args(argv).draws
    verdicts = (SUPPORTS, AGAINST, UNDECIDED)
    found = {title: rates(world, draws) for world, title in WORLDS.items()}
    print(table([f"made-up training, {draws} draws", *verdicts],
                [[title, *(str(counts[one]) for one in verdicts)] for title, counts in found.items()]))  # fmt: skip


if __name__ == "__main__":
    main()
