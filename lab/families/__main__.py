"""`python -m lab.families --out out/lab/families NAME`: train a family.

Several commands can run side by side, once the first one has made the corpus.
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from lab.families.recipes import RECIPES
from lab.families.train import train


def main(argv: list[str] | None = None) -> int:
    """Train the family. Returns 1 if the command was stopped."""
    parser = argparse.ArgumentParser(prog="python -m lab.families", description=__doc__, allow_abbrev=False)
    parser.add_argument("family", choices=RECIPES)
    parser.add_argument("--out", type=Path, required=True, help="working folder, such as out/lab/families")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True, help="needs a C++ compiler")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    finished = train(args.out, args.family, n_threads=args.threads, compile_model=args.compile)
    return 0 if finished else 1


if __name__ == "__main__":
    raise SystemExit(main())
