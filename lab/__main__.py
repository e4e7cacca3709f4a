"""`python -m lab NAME --out out/lab [--fast] [--only-analysis] [--docs]` makes what is missing, and prints tables.

Each piece of work is one reading, which is written to lab/readings/NAME/ as soon as it is there. Commit these files: a
reading that is there is never made again. The same command continues after a stop of any kind. Two processes may share
the work: give each one other names with --pieces.

Tables, numbers and picture are written to OUT/NAME.md, OUT/NAME.json and OUT/NAME.svg. With --docs, the blocks of
docs/lab/NAME.md and its picture are written too. docs/lab/README.md says what an experiment costs.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from pathlib import Path

from benchmarks.repository import ROOT
from lab.experiment import Analysis, Experiment, Piece
from lab.experiments import EXPERIMENTS, experiment
from lab.page import filled
from lab.provenance import provenance
from lab.readings import FOLDER, MissingReadingError, Readings
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import make_folder, replace_file, writing


def main(argv: list[str] | None = None) -> None:
    """Parse the arguments, do the work, and print the tables."""
    parser = argparse.ArgumentParser(
        prog="python -m lab", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", metavar="NAME", help=f"one of: {', '.join(EXPERIMENTS)}")
    parser.add_argument("--out", type=Path, default=Path("out/lab"), help="for work and results (default: out/lab)")
    parser.add_argument("--fast", action="store_true", help="the smaller form of the experiment")
    parser.add_argument("--only-analysis", action="store_true", help="make no reading, only analyse what is there")
    parser.add_argument("--pieces", metavar="WORD", help="make only the pieces whose name contains this word")
    parser.add_argument("--list", action="store_true", help="only list the pieces of work")
    parser.add_argument("--readings", type=Path, default=FOLDER, help="folder of readings (default: lab/readings)")
    parser.add_argument("--docs", action="store_true", help="also write the page of docs/lab")
    arguments = parser.parse_args(argv)
    found = experiment(arguments.name)
    out = make_folder(arguments.out, "--out")
    readings = Readings(arguments.readings / arguments.name)
    has_page = not arguments.fast or bool(missing(found, readings, False, ""))
    if arguments.docs and not has_page:
        raise InputError(
            f"--docs with --fast: docs/lab/{arguments.name}.md shows the other form, whose readings are all there; "
            "leave out --fast"
        )
    pieces = missing(found, readings, arguments.fast, arguments.pieces or "")
    if arguments.list:
        print(
            f"{len(pieces)} pieces of work are missing", *(f"{piece.name} {piece.part}" for piece in pieces), sep="\n"
        )
        return
    if not arguments.only_analysis:
        logging.basicConfig(format="%(asctime)s %(message)s")
        logging.getLogger("assets_src").setLevel(logging.INFO)  # the training of a family takes long
        work(pieces, readings, out / arguments.name)
        if arguments.pieces and (left := len(missing(found, readings, arguments.fast, ""))):
            print(f"{left} pieces of work are left, so there is no table yet; --list names them")
            return
    analysis = analysed(found, readings, arguments.fast, arguments.name)
    print("\n\n".join(f"## {name}\n\n{block}" for name, block in analysis.blocks.items()))
    publish(arguments.name, analysis, out, docs=arguments.docs, has_page=has_page)
    print(f"\nwritten: {out / arguments.name}.md, .json and .svg")


def missing(found: Experiment, readings: Readings, fast: bool, word: str) -> list[Piece]:
    """The pieces of work whose reading is not there, and whose name contains the word.

    Raises:
        InputError: no piece of the experiment has such a name.
    """
    chosen = [piece for piece in found.pieces(fast) if word in f"{piece.name} {piece.part}"]
    if not chosen:
        raise InputError(f"--pieces {word}: no piece of work has this word in its name; --list shows the missing ones")
    return [piece for piece in chosen if readings.part(piece.name, piece.part) is None]


def analysed(found: Experiment, readings: Readings, fast: bool, name: str) -> Analysis:
    """The analysis.

    Raises:
        MissingReadingError: readings that it needs are not there. The message says how many.
    """
    try:
        return found.analyse(readings, fast)
    except MissingReadingError as error:
        left, n = missing(found, readings, fast, ""), len(found.pieces(fast))
        smaller = "" if fast or missing(found, readings, True, "") else ", but all of --fast are there: give --fast"
        if not left:  # it is one of another experiment
            raise
        raise MissingReadingError(
            f"{name}{' --fast' if fast else ''}: {len(left)} of {n} readings are missing, so there is no table"
            f"{smaller}. First: {left[0].name} {left[0].part}; `--list` names them. To make readings, give a folder of "
            "your own: --readings FOLDER, without --only-analysis"
        ) from error


def work(pieces: list[Piece], readings: Readings, folder: Path) -> None:
    """Do the work, one piece after the other, and print a line for each.

    Raises:
        InputError: no code makes one of the readings.
    """
    if without := [f"{piece.name} {piece.part}" for piece in pieces if piece.make is None]:
        raise InputError(
            f"{len(without)} readings are missing, such as {without[0]}, and no code of this version makes them; use "
            "--only-analysis"
        )
    for number, piece in enumerate(pieces, start=1):
        start = time.monotonic()
        print(f"{number}/{len(pieces)} {piece.name} {piece.part}", flush=True)
        if piece.make is None or readings.part(piece.name, piece.part) is not None:  # another process made it
            continue
        made = piece.make(make_folder(folder / piece.name, "--out"))
        readings.add(piece.name, piece.part, made.about, made.value, provenance())
        print(f"    {time.monotonic() - start:.0f} s", flush=True)


def publish(name: str, analysis: Analysis, out: Path, *, docs: bool, has_page: bool) -> None:
    """Write the page, or only its blocks if the page is about another form, the numbers and the picture."""
    page = ROOT / "docs" / "lab" / f"{name}.md"
    blocks = "\n\n".join(analysis.blocks.values())
    text = f"{blocks}\n"
    if has_page and page.exists():
        text = filled(page.read_text(encoding="utf-8"), analysis.blocks)
    with writing(out):
        replace_file(out / f"{name}.json", json.dumps(analysis.data, indent=1) + "\n")
        for folder in (out, page.parent) if docs else (out,):
            replace_file(folder / f"{name}.md", text)
            replace_file(folder / f"{name}.svg", analysis.picture)


if __name__ == "__main__":
    try:
        main()
        sys.stdout.flush()
    except BrokenPipeError:  # `python -m lab NAME | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
