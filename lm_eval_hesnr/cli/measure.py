"""`hesnr measure`: the measures of one run, or the comparison of several, without a model."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from lm_eval_hesnr.cli.terminal import print_error, print_lines, print_note
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.metrics.bootstrap import Difference
from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.metrics.thresholds import METHODS
from lm_eval_hesnr.options import Options
from lm_eval_hesnr.results.compare.choice import NOT_SHOWN
from lm_eval_hesnr.results.compare.compared_run import ComparedRun
from lm_eval_hesnr.results.compare.comparison import Comparison, compare
from lm_eval_hesnr.results.compare.data import comparison_csv, comparison_data, parts_data
from lm_eval_hesnr.results.compare.decompose import decompose
from lm_eval_hesnr.results.compare.page import Extras, page_lines
from lm_eval_hesnr.results.compare.per_trajectory import moved
from lm_eval_hesnr.results.compare.set_of import ReferenceSet
from lm_eval_hesnr.results.compare.text import wrapped
from lm_eval_hesnr.results.csv_text import csv_text
from lm_eval_hesnr.results.one_run import measures_csv, measures_lines, on_set, results_measures, table_measures
from lm_eval_hesnr.results.reading import Reader, run_named
from lm_eval_hesnr.results.run_paths import Source, one_folder_of_tables

_SEVERAL = ("baseline", "decompose", "per_trajectory")
"""Options that need at least two runs."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "measure",
        help="measure one run or compare several, without a model",
        description="Print the measures of one run. With several runs on the same trajectories: rank them, say which "
        "ones differ from the first, and which one to take.",
    )
    command.add_argument(
        "runs", nargs="+", type=Path, metavar="RUN",
        help="a folder with token tables, a score store, a results_*.json, or a folder of results",
    )  # fmt: skip
    _add_what_is_measured(command)
    compared = command.add_argument_group("several runs")
    compared.add_argument(
        "--baseline", metavar="RUN", help="compare with this run: a name in the table, or a path (default: the first)"
    )
    compared.add_argument(
        "--decompose", action="store_true",
        help="split each difference of he_snr by the tokens that are decisions of both runs, or of one (token tables)",
    )  # fmt: skip
    compared.add_argument(
        "--per-trajectory", action="store_true", help="list how each trajectory moved, the largest effect first"
    )
    output = command.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="print everything as JSON")
    output.add_argument("--csv", action="store_true", help="print one row per run as CSV")
    command.set_defaults(run=run)


def _add_what_is_measured(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--scopes", metavar="NAMES",
        help=f"names separated by commas: {','.join(SCOPES)} (default: action,all for one run, action for several)",
    )  # fmt: skip
    command.add_argument(
        "--epsilon", type=float, metavar="NATS", help=f"entropy threshold in nats (default: {EPSILON:.6f})"
    )
    command.add_argument(
        "--threshold",
        choices=METHODS,
        default="static",
        help="how the threshold of one run is chosen (default: static)",
    )
    command.add_argument(
        "--set-of", metavar="RUN",
        help="measure all runs on the decisions of this run: a name in the table, or a path (token tables)",
    )  # fmt: skip
    command.add_argument("--task", metavar="NAME", help="the task to take from results with several of our tasks")


def run(arguments: argparse.Namespace) -> bool:
    """Print the measures of one run, or the comparison of several. Return whether all of them could be read."""
    options = _options(arguments)
    note = cache(print_note)  # a run may be read twice, also as the one of --set-of
    reader = Reader(
        scopes=options.scopes,
        epsilon=arguments.epsilon,
        task=arguments.task,
        temperatures=not arguments.set_of,
        note=note,
    )
    sources = reader.sources(arguments.runs)
    if len(sources) == 1:
        for name in _SEVERAL:
            if getattr(arguments, name):
                raise InputError(f"--{name.replace('_', '-')} needs at least two runs, found one: {sources[0].path}")
        _print_one_run(arguments, reader, sources[0], options.threshold)
        return True
    if options.threshold != "static":
        raise InputError("several runs are compared with one fixed threshold: give --epsilon instead of --threshold")
    if arguments.scopes is None:
        reader = replace(reader, scopes={"action": SCOPES["action"]})
    return _print_comparison(arguments, reader, sources)


def _options(arguments: argparse.Namespace) -> Options:
    given = {"scopes": arguments.scopes, "threshold": arguments.threshold}
    if arguments.set_of and arguments.decompose:
        raise InputError("--decompose with --set-of: all runs have the same set, so nothing enters or leaves it")
    if arguments.set_of and arguments.threshold != "static":
        raise InputError("--set-of needs a fixed threshold: give --epsilon instead of --threshold")
    if arguments.epsilon is not None and not 0 < arguments.epsilon < math.inf:
        raise InputError(f"--epsilon should be a positive number of nats, found {arguments.epsilon}")
    try:
        return Options.from_metadata({key: value for key, value in given.items() if value is not None})
    except InputError as error:  # the message names a key of --metadata; the option has the same name
        raise InputError(str(error).replace("--metadata: ", "--", 1)) from None


def _print_one_run(arguments: argparse.Namespace, reader: Reader, source: Source, threshold: str) -> None:
    if arguments.set_of:
        (one,) = _read([source], reader)
        reference = _reference(arguments.set_of, [one], reader)
        head, found = on_set(reference.measured(one), reference)
    elif source.has_tokens:
        head, found = table_measures(reader.tables(source.path), threshold, reader.table_epsilon)
    else:
        if threshold != "static":
            raise InputError(f"{source.path}: --threshold needs the token tables of the run")
        head, found = results_measures(reader.results(source.path), arguments.scopes and list(reader.scopes))
    if arguments.csv:
        print_lines(measures_csv(found).splitlines())
    else:
        print_lines(_json(found) if arguments.json else [head, *measures_lines(found)])


def _print_comparison(arguments: argparse.Namespace, reader: Reader, sources: Sequence[Source]) -> bool:
    _note_same_folders(sources)
    runs = _read(sources, reader, at_least=2)
    all_good = len(runs) == len(sources)
    extras, own = Extras(per_trajectory=arguments.per_trajectory), runs
    if arguments.set_of:
        reference = _reference(arguments.set_of, runs, reader)
        runs = [reference.measured(run) for run in runs]
        name = next((run.name for run in runs if run.chose_tokens), arguments.set_of)
        extras = replace(extras, set_of=name)
    baseline = _baseline(arguments.baseline, runs)
    compared = {scope: compare(runs, scope, baseline) for scope in reader.scopes}
    parts = {scope: _parts(found, reader) for scope, found in compared.items()} if arguments.decompose else {}
    if arguments.csv:
        rows = [row for found in compared.values() for row in moved(found)]
        text = csv_text(rows) if arguments.per_trajectory else comparison_csv(compared.values(), parts)
        print_lines(text.splitlines())
    elif arguments.json:
        print_lines(_json({scope: _data(found, parts.get(scope), arguments) for scope, found in compared.items()}))
    else:
        for i, (scope, found) in enumerate(compared.items()):
            on_own = compare(own, scope, baseline) if arguments.set_of else None
            page = page_lines(found, replace(extras, parts=parts.get(scope), on_own_sets=on_own))
            print_lines(["", *page] if i else page)
        print_lines(["", *wrapped(NOT_SHOWN, "")])
    return all_good


def _read(sources: Sequence[Source], reader: Reader, at_least: int = 1) -> list[ComparedRun]:
    """The runs that can be read. Errors of the others are printed.

    Raises:
        InputError: fewer runs can be read than are needed.
    """
    runs, errors = reader.compared(sources)
    if len(runs) < at_least:
        raise errors[0]
    for error in errors:
        print_error(str(error))
    return runs


def _reference(given: str, runs: Sequence[ComparedRun], reader: Reader) -> ReferenceSet:
    found = run_named(given, runs, "--set-of")
    folder = one_folder_of_tables(found if isinstance(found, Path) else found.source)
    return ReferenceSet.of(reader.tables(folder, temperatures=False), reader.scopes, reader.table_epsilon)


def _note_same_folders(sources: Sequence[Source]) -> None:
    for i, source in enumerate(sources):
        for other in sources[:i]:
            if source.path.samefile(other.path):
                print_note(
                    f"note: {other.path} and {source.path} are the same {'folder' if source.has_tokens else 'file'}"
                )


def _baseline(given: str | None, runs: Sequence[ComparedRun]) -> int:
    """The index of the baseline: the run that the user names, or the first one that did not choose the tokens."""
    if given is None:
        return next((i for i, run in enumerate(runs) if not run.chose_tokens), 0)
    found = run_named(given, runs, "--baseline")
    if isinstance(found, Path):
        names = ", ".join(run.name for run in runs)
        raise InputError(f"--baseline should be one of the compared runs ({names}), found {given}")
    if found.chose_tokens:
        raise InputError(f"--baseline {given}: it chose the tokens (--set-of), so no run is compared with it")
    return [run.name for run in runs].index(found.name)


def _parts(found: Comparison, reader: Reader) -> dict[str, Mapping[str, Difference | None]]:
    """For each run that can be compared with the baseline, the parts of the difference of he_snr."""
    labels = reader.scopes[found.scope]
    return {
        run.name: decompose(found.baseline, run, labels, reader.table_epsilon)
        for run in found.runs
        if run is not found.baseline and run.name not in found.left_out
    }


def _data(
    found: Comparison, parts: Mapping[str, Mapping[str, Difference | None]] | None, arguments: argparse.Namespace
) -> dict[str, Any]:
    data = comparison_data(found)
    if parts is not None:
        data["parts"] = {run: parts_data(one) for run, one in parts.items()}
    if arguments.per_trajectory:
        data["trajectories"] = moved(found)
    return data


def _json(data: Any) -> list[str]:
    return json.dumps(data, indent=2).splitlines()
