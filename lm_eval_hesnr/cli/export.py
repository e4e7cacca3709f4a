"""`hesnr export`: results as a table, for a leaderboard, for a model card, or for an experiment tracker."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from lm_eval_hesnr.cli.terminal import print_error, print_line, print_note, print_text
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import check_output, kind_of, make_folder, replace_file, user_path, writing
from lm_eval_hesnr.files.inputs import refuse_inputs
from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.results.export.csv_rows import as_csv
from lm_eval_hesnr.results.export.eval_results import as_eval_results
from lm_eval_hesnr.results.export.every_eval_ever import records
from lm_eval_hesnr.results.export.exported_run import best, check_names
from lm_eval_hesnr.results.export.latex import as_latex
from lm_eval_hesnr.results.export.markdown import LARGEST_SUMMARY, as_markdown, as_summary
from lm_eval_hesnr.results.export.model_index import as_model_index
from lm_eval_hesnr.results.export.read_runs import read_runs
from lm_eval_hesnr.results.export.request import UNNAMED_DATASET, Request, checked_hub_name
from lm_eval_hesnr.results.export.trackers import TRACKERS, send

_SUMMARY, _RECORDS = "github-summary", "every-eval-ever"
_TEXTS: dict[str, Callable[[Request], str]] = {
    "csv": as_csv,
    "markdown": as_markdown,
    "latex": as_latex,
    _SUMMARY: as_summary,
    "eval-results": as_eval_results,
    "model-index": as_model_index,
}
"""Format to the function that makes its text."""
FORMATS = (*_TEXTS, _RECORDS, *TRACKERS)
_WITH_DATASET = (_RECORDS, "eval-results", "model-index")
_WITHOUT_TABLE = ("csv", _RECORDS, *TRACKERS)
"""Formats that contain all scopes, if no scope is chosen."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("export", help="write results for a table, a leaderboard, a model card or a tracker")
    command.add_argument(
        "results", nargs="+", metavar="RESULTS", help="results_*.json files, folders of them, or folders of hesnr sweep"
    )
    command.add_argument("--to", required=True, choices=FORMATS, metavar="FORMAT", help=", ".join(FORMATS))
    command.add_argument("-o", "--out", metavar="PATH", help=f"output file (default: stdout); for {_RECORDS} a folder")
    command.add_argument("--force", action="store_true", help="replace the output file if it exists")
    command.add_argument("--scope", metavar="NAME", help="one scope (default: action in tables, all in other formats)")
    command.add_argument(
        "--measures", metavar="NAMES", help="names separated by commas (default: he_snr,he_ppl,ppl in tables)"
    )
    one = command.add_mutually_exclusive_group()
    one.add_argument("--best", action="store_true", help="only the run with the best value of the first measure")
    one.add_argument("--baseline", action="store_true", help="only the first run")
    command.add_argument("--model-id", metavar="ORG/NAME", help="name of a local model on the Hub")
    command.add_argument("--dataset-id", metavar="ORG/NAME", help="name of the trajectories on the Hub")
    command.add_argument("--organization", metavar="NAME", help=f"who made the runs, for {_RECORDS}")
    command.add_argument("--project", default="hesnr", metavar="NAME", help="project of a tracker (default: hesnr)")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> bool:
    """Export the runs. Return whether every given file could be read."""
    found = read_runs(map(user_path, arguments.results))
    for line in found.bad:
        print_error(line)
    for line in found.missing:
        print_note(f"note: {line}")
    if not found.runs:
        raise InputError("no results to export")
    measures = tuple(arguments.measures.split(",")) if arguments.measures else None
    request = Request(
        runs=found.runs,
        scope=arguments.scope,
        measures=measures,
        model_id=checked_hub_name(arguments.model_id, "--model-id"),
        dataset_id=checked_hub_name(arguments.dataset_id, "--dataset-id"),
        organization=arguments.organization,
    )
    scope = request.scope if arguments.to in _WITHOUT_TABLE and not arguments.best else request.table_scope
    check_names(request.runs, scope, measures)
    if arguments.best:
        request = request.only(best(request.runs, request.table_measures[0], request.table_scope))
    if arguments.baseline:
        request = request.only(request.runs[0])
    _notes(request, arguments.to)
    given = [*map(user_path, arguments.results), *(run.file for run in found.runs)]
    _export(request, arguments, given)
    return not found.bad


def _notes(request: Request, to: str) -> None:
    if to in _WITH_DATASET and request.dataset_id is None:
        print_note(f"warning: no --dataset-id: the trajectories are named {UNNAMED_DATASET}, which is not on the Hub")
    if to == _RECORDS and request.organization is None:
        print_note("warning: no --organization: the records say that an unknown organization made the runs")
    if to == "eval-results":
        print_note("note: the Hub shows these entries only if the data set is registered there as a benchmark")


def _export(request: Request, arguments: argparse.Namespace, given: Sequence[Path]) -> None:
    """Write or send the runs, and replace none of the given files."""
    if arguments.to in TRACKERS:
        if arguments.out:
            raise InputError(f"--to {arguments.to}: sends the values to the tracker; leave out -o")
        print_line(send(request, arguments.to, arguments.project))
    elif arguments.to == _RECORDS:
        _write_records(request, arguments.out)
    elif arguments.out:
        out = user_path(arguments.out)
        check_output(out, force=arguments.force)
        refuse_inputs(out, given)
        with writing(out):
            replace_file(out, _TEXTS[arguments.to](request))
        print_line(f"{out}: {counted(len(request.runs), 'run')} as {arguments.to}")
    elif arguments.to == _SUMMARY and os.environ.get("GITHUB_STEP_SUMMARY"):
        _append(request, Path(os.environ["GITHUB_STEP_SUMMARY"]))
    else:
        print_text(_TEXTS[arguments.to](request))


def _write_records(request: Request, out: str | None) -> None:
    if out is None:
        raise InputError(f"--to {_RECORDS}: give the folder for data/ with -o FOLDER")
    folder = user_path(out)
    for name, content in list(records(request, time.time())):
        path = folder / name
        make_folder(path.parent, "-o")
        with writing(path):
            replace_file(path, content)
        print_line(f"{path}: {_RECORDS}")
    print_note(f"note: to check them, run in {folder}: every_eval_ever validate data/*/*/*/*.json")


def _append(request: Request, summary: Path) -> None:
    """Append to the summary of a step of GitHub Actions, which may already have content."""
    with writing(summary):
        if kind := kind_of(summary):
            raise InputError(f"GITHUB_STEP_SUMMARY={summary}: is {kind}, expected a file")
        size = summary.stat().st_size if summary.exists() else 0
        text = as_summary(request, largest=LARGEST_SUMMARY - size)
        with summary.open("ab") as file:
            file.write(text.encode())
    print_line(f"{summary}: {counted(len(request.runs), 'run')} appended")
