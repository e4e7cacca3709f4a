"""`hesnr diagnose`: lists what may be wrong with results, with evidence and advice."""

from __future__ import annotations

import argparse
from pathlib import Path

from lm_eval_hesnr.cli.terminal import print_line
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.results.diagnose import diagnose
from lm_eval_hesnr.results.findings import Run
from lm_eval_hesnr.results.results_file import read_results


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("diagnose", help="list what may be wrong with results, with evidence and advice")
    command.add_argument(
        "results", nargs="+", type=Path, metavar="RESULTS", help="results_*.json files, in order of training"
    )
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> bool:
    """Print one line for each finding, and their number."""
    runs = [found for path in arguments.results for found in _runs_in(path)]
    findings = diagnose(runs)
    for finding in findings:
        print_line(str(finding))
    print_line(f"{counted(len(findings), 'finding') if findings else 'no findings'} in {counted(len(runs), 'run')}")
    return True


def _runs_in(path: Path) -> list[Run]:
    """The runs in one results file."""
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give its results_*.json files, in order of training")
    return read_results(path)
