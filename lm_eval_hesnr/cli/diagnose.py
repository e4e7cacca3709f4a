"""`hesnr diagnose`: lists what may be wrong with results, with evidence and advice."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from lm_eval_hesnr.cli.terminal import print_error, print_line, print_lines, print_note
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.counts import counted, quoted
from lm_eval_hesnr.results.diagnosis.diagnose import diagnose
from lm_eval_hesnr.results.diagnosis.finding import Finding, finding_lines
from lm_eval_hesnr.results.results_file import read_results
from lm_eval_hesnr.results.run import Run
from lm_eval_hesnr.results.run_paths import Source, results_in, short_names


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "diagnose",
        help="list what may be wrong with results, with evidence and advice",
        description="List what may be wrong with each run, with the change from each run to the next one, and with the "
        "change from the first to the last one.",
    )
    command.add_argument(
        "results",
        nargs="+",
        type=Path,
        metavar="RESULTS",
        help="results_*.json files, or folders of them, in order of training. The given order is kept. Inside a "
        "folder, files are ordered by name, and numbers in names by value",
    )
    command.add_argument("--json", action="store_true", help="print runs and findings as JSON")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> bool:
    """Print one line for each finding, and their number. False if a file in a folder cannot be read."""
    found: list[tuple[Source, list[Run]]] = []
    errors = []
    for path in arguments.results:
        for source in _sources(path):
            try:
                found.append((source, read_results(source.path)))
            except InputError as error:
                if source.path == path:
                    raise
                errors.append(str(error))
    for reason in errors:
        print_error(reason)
    if not found:
        return False
    models = [str(runs[0].config["signature"].get("model")) for _, runs in found]
    names = short_names([source for source, _ in found], models)
    runs = [one._replace(name=name) for name, (_, runs) in zip(names, found, strict=True) for one in runs]
    findings = diagnose(runs)
    if arguments.json:
        paths = [str(source.path) for source, runs in found for _ in runs]
        print_lines(_as_json(runs, paths, findings).splitlines())
    else:
        print_lines(finding_lines(findings))
        print_line(_total(findings, names))
    return not errors


def _sources(path: Path) -> Iterator[Source]:
    """The results files at a path."""
    if not path.is_dir():
        yield Source(path, has_tokens=False)
        return
    found = results_in(path)
    if not found:
        raise InputError(f"{path}: no results_*.json in this folder; give the folder of --output_path")
    for source in found:
        if source.older:
            files = counted(source.older, "older results file")
            print_note(f"note: {source.path} is used, and {files} in the same folder not")
        yield source


def _total(findings: Sequence[Finding], names: Sequence[str]) -> str:
    total = counted(len(findings), "finding") if findings else "no findings"
    order = f", in this order: {', '.join(map(quoted, names))}" if len(names) > 1 else ""
    return f"{total} in {counted(len(names), 'run')}{order}"


def _as_json(runs: Sequence[Run], paths: Sequence[str], findings: Sequence[Finding]) -> str:
    """The runs in order, and the findings. A finding is about runs alone, or about pairs of runs."""
    only = runs[0]
    data = {
        "runs": [{"name": one.name, "task": one.task, "file": path} for one, path in zip(runs, paths, strict=True)],
        "findings": [
            (finding if finding.task else finding._replace(task=only.task, runs=(only.name,)))._asdict()
            for finding in findings
        ],
    }
    return json.dumps(data, indent=2)
