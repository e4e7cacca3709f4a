"""`python -m lab.micro_swe show | gold | measure`."""

from __future__ import annotations

import argparse
from pathlib import Path

from lab.micro_swe.dataset import LEVELS, dataset
from lab.micro_swe.gold import write_runs
from lab.micro_swe.measure import measure
from lab.micro_swe.splits import SPLITS
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import writing

GOLD = Path(__file__).parents[1] / "data" / "micro_swe_gold.jsonl.gz"
"""What `gold` makes with its default options."""
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
        command.add_argument("-n", type=_number, default=n, help=f"how many ({n})")
        command.add_argument("--seed", type=int, default=seed)
    gold.add_argument("-o", "--output", type=Path, required=True, help="a file; compressed if its name ends with .gz")
    gold.add_argument("--force", action="store_true", help="replace the file if it exists")
    measured = commands.add_parser("measure", help="print counts, shares and speeds; takes some minutes")
    measured.add_argument("-n", type=int, default=3000, help="number of training tasks (3000)")
    arguments = parser.parse_args(argv)
    if arguments.command == "measure":
        for line in measure(arguments.n):
            print(line, flush=True)
        return
    if arguments.command == "gold":
        out: Path = arguments.output
        if out.is_dir() or (out.exists() and not arguments.force):
            advice = "give the name of a file" if out.is_dir() else "give another name, or --force to replace it"
            raise InputError(f"{out}: exists already; {advice}")
        with writing(out):
            write_runs(dataset(arguments.split, arguments.level, arguments.n, arguments.seed), out)
        print(f"{out}: {arguments.n} trajectories")
        return
    tasks = dataset(arguments.split, arguments.level, arguments.n, arguments.seed)
    for task in tasks:
        print(f"--- {task.id}: {task.template}, {task.bug.kind}, fails {task.failing} of {len(task.tests)} tests")
        print(task.prompt + task.action)


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a number of tasks, 1 or more")
    return int(text)


if __name__ == "__main__":
    main()
