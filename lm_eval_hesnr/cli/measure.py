"""`hesnr measure`: every measure computed again from token tables, without a model."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lm_eval_hesnr.cli.terminal import print_lines, print_note
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labels import SCOPES, Label
from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.metrics.bootstrap import Difference
from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.metrics.thresholds import METHODS
from lm_eval_hesnr.options import Options
from lm_eval_hesnr.results.text_table import aligned, number
from lm_eval_hesnr.results.token_tables import Tables, compare_tables, measure_tables, read_tables


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("measure", help="compute every measure again from token tables, without a model")
    command.add_argument("folder", type=Path, metavar="DIR", help="folder with the token tables of one run")
    command.add_argument(
        "other", type=Path, nargs="?", metavar="DIR_B", help="tables of a second run: print the paired difference B - A"
    )
    command.add_argument(
        "--epsilon", type=float, metavar="NATS", help=f"entropy threshold in nats (default: {EPSILON:.6f})"
    )
    command.add_argument(
        "--threshold", choices=METHODS, default="static", help="how the threshold is chosen (default: static)"
    )
    command.add_argument(
        "--scopes", metavar="NAMES", help=f"names separated by commas: {','.join(SCOPES)} (default: action,all)"
    )
    command.add_argument(
        "--json", action="store_true", help="print everything as JSON, with sweep, shape and intervals"
    )
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> bool:
    """Print the measures of one run, or the differences of two."""
    given = {"scopes": arguments.scopes, "threshold": arguments.threshold}
    try:
        options = Options.from_metadata({key: value for key, value in given.items() if value is not None})
    except InputError as error:  # the message names a key of --metadata; the option has the same name
        raise InputError(str(error).replace("--metadata: ", "--", 1)) from None
    if arguments.other and options.threshold != "static":
        raise InputError("two runs are compared with one fixed threshold: give --epsilon instead of --threshold")
    epsilon = EPSILON if arguments.epsilon is None else arguments.epsilon
    if not 0 < epsilon < math.inf:
        raise InputError(f"--epsilon should be a positive number of nats, found {epsilon}")
    tables = _read(arguments.folder, options.scopes, epsilon)
    if arguments.other is None:
        summary = measure_tables(tables, options.threshold, epsilon)
        text = json.dumps(summary, indent=2).splitlines() if arguments.json else _measures_table(tables, summary)
    else:
        other = _read(arguments.other, options.scopes, epsilon)
        if other.folder.samefile(tables.folder):
            print_note(f"note: {tables.folder} and {other.folder} are the same folder")
        differences = compare_tables(tables, other, epsilon)
        text = _as_json(differences).splitlines() if arguments.json else _differences_table(tables, other, differences)
    print_lines(text)
    return True


def _read(folder: Path, scopes: Mapping[str, frozenset[Label]], epsilon: float) -> Tables:
    """Read the tables of one run. Print a note if the run was scored with another epsilon."""
    tables = read_tables(folder, scopes, epsilon)  # also checks that epsilon is below ln k
    own = tables.signature.get("epsilon")
    if isinstance(own, float) and own != epsilon:
        print_note(
            f"note: {folder} was scored with epsilon {own:.6g}; now measured with {epsilon:.6g} (--epsilon changes it)"
        )
    return tables


def _measures_table(tables: Tables, summary: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """One line with the run and the thresholds of its scopes, then one line for each measure."""
    rows = [("scope", "measure", "value", "stderr", "95 % interval")]
    thresholds = []
    for scope, found in summary.items():
        epsilon = found["summary"]["epsilon"]
        thresholds.append(f"{scope} {'none found' if epsilon is None else f'{epsilon:.6f}'}")
        for name, value in found["measures"].items():
            interval = found["summary"]["intervals"][name]
            rows.append((scope, name, number(value), number(found["stderr"][name]), _interval(interval)))
    model = tables.signature.get("model")
    head = f"{tables.folder}: {counted(len(tables.names), 'trajectory')} by {model}; epsilon: {', '.join(thresholds)}"
    return [head, *aligned(rows)]


def _differences_table(a: Tables, b: Tables, differences: Mapping[str, Mapping[str, Difference | None]]) -> list[str]:
    """One line for each measure: B minus A, paired by trajectory."""
    rows = [("scope", "measure", "B - A", "95 % interval", "p")]
    for scope, found in differences.items():
        for name, difference in found.items():
            value, interval, p_value = difference or (None, None, None)
            rows.append((scope, name, number(value), _interval(interval), number(p_value)))
    models = f"B = {b.folder} ({b.signature.get('model')}) minus A = {a.folder} ({a.signature.get('model')})"
    return [f"{models}, paired over {counted(len(a.names), 'trajectory')}", *aligned(rows)]


def _as_json(differences: Mapping[str, Mapping[str, Difference | None]]) -> str:
    """The differences as JSON, with null for a missing number."""
    rows = {
        scope: {name: None if found is None else found._asdict() for name, found in row.items()}
        for scope, row in differences.items()
    }
    return json.dumps(rows, indent=2)


def _interval(interval: Sequence[float] | None) -> str:
    return "N/A" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}"
