"""`python -m lab.micro_swe show | gold | measure`."""

from __future__ import annotations

import argparse
from pathlib import Path

from lab.micro_swe.dataset import LEVELS, dataset
from lab.micro_swe.gold import write_runs
from lab.micro_swe.measure import measure
from lab.micro_swe.splits import SPLITS

GOLD = Path(__file__).parents[1] / "data" / "micro_swe_gold.jsonl.gz"
N_GOLD, GOLD_SEED = 200, 2600


def main(argv: list[str] | None = None) -> None:
    """Run one of the commands."""
    parser = argparse.ArgumentParser(prog="python -m lab.micro_swe", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    show = commands.add_parser("show", help="print tasks as a model reads them, each with its right action")
    gold = commands.add_parser("gold", help="write gold runs in the curated format")
    for command, n, seed in ((show, 1, 1), (gold, N_GOLD, GOLD_SEED)):
        command.add_argument("--split", choices=SPLITS, default="test")
        command.add_argument("--level", type=int, choices=LEVELS, default=1)
        command.add_argument("-n", type=int, default=n)
        command.add_argument("--seed", type=int, default=seed)
    gold.add_argument("-o", "--output", type=Path, default=GOLD)
    measured = commands.add_parser("measure", help="print counts, shares and speeds; takes some minutes")
    measured.add_argument("-n", type=int, default=3000, help="number of training tasks (3000)")
    arguments = parser.parse_args(argv)
    if arguments.command == "measure":
        for line in measure(arguments.n):
            print(line, flush=True)
        return
    tasks = dataset(arguments.split, arguments.level, arguments.n, arguments.seed)
    if arguments.command == "gold":
        write_runs(tasks, arguments.output)
        return
    for task in tasks:
        print(f"--- {task.id}: {task.template}, {task.bug.kind}, fails {task.failing} of {len(task.tests)} tests")
        print(task.prompt + task.action)


if __name__ == "__main__":
    main()
