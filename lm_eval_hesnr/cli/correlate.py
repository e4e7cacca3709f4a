"""`hesnr correlate`: whether measures of checkpoints predict their downstream scores."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import replace
from pathlib import Path

from lm_eval_hesnr.cli.terminal import print_error, print_line, print_lines, print_note
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import check_output, replace_file, user_path, writing
from lm_eval_hesnr.files.inputs import refuse_inputs
from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.messages.counts import first_names
from lm_eval_hesnr.metrics.bootstrap import SEED
from lm_eval_hesnr.results.compare.compared_run import ComparedRun
from lm_eval_hesnr.results.correlate.correlation import Correlation, correlate
from lm_eval_hesnr.results.correlate.data import correlation_data
from lm_eval_hesnr.results.correlate.differences import USEFUL_GAIN
from lm_eval_hesnr.results.correlate.matching import match
from lm_eval_hesnr.results.correlate.page import correlation_page
from lm_eval_hesnr.results.correlate.points import Points, Predictor, Spec
from lm_eval_hesnr.results.correlate.scores import read_scores
from lm_eval_hesnr.results.correlate.text import correlation_lines
from lm_eval_hesnr.results.reading import Reader
from lm_eval_hesnr.results.run_paths import Source

MEASURES, AGAINST = ("he_snr,action",), ("ppl,action", "bits_per_byte,action")
OF_DECISIONS = ("he_snr", "he_ppl", "self_he_snr", "q_over_entropy")
"""Measures that depend on epsilon and have another unit than a count."""
_PAGE = Path("correlate.html")


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "correlate",
        help="say whether measures of checkpoints predict their downstream scores",
        description="Correlate measures of checkpoints with their downstream scores, such as SWE-bench. Say whether a "
        "measure predicts better than its rivals and than training time, and what the data cannot show.",
    )
    command.add_argument(
        "scores", type=Path, metavar="SCORES.csv",
        help="columns checkpoint, passed, tasks; optional: attempts, seed, family, step",
    )  # fmt: skip
    command.add_argument(
        "runs",
        nargs="*",
        type=Path,
        metavar="RESULTS",
        help="results_*.json, folders of them, or folders of hesnr sweep",
    )
    command.add_argument("--tables", nargs="+", type=Path, default=[], metavar="DIR", help="folders of token tables")
    command.add_argument(
        "--measures", nargs="+", default=list(MEASURES), metavar="NAME,SCOPE",
        help=f"what should predict (default: {' '.join(MEASURES)})",
    )  # fmt: skip
    command.add_argument(
        "--against", nargs="+", default=list(AGAINST), metavar="NAME,SCOPE",
        help=f"its rivals; log(step) is always one too (default: {' '.join(AGAINST)})",
    )  # fmt: skip
    command.add_argument("--group", metavar="COLUMN", help="column with the training run (default: family)")
    command.add_argument("--order", metavar="COLUMN", help="column with the step, or tokens (default: step)")
    command.add_argument("--outcomes", type=Path, metavar="TASKS.jsonl", help="the outcome of each task and attempt")
    command.add_argument("--task", metavar="NAME", help="the task to take from results with several of our tasks")
    command.add_argument(
        "--epsilon", type=float, metavar="NATS", help="entropy threshold of token tables (default: as usual)"
    )
    command.add_argument(
        "--thresholds", nargs="+", type=float, default=[], metavar="NATS",
        help="also the measures of decisions with these epsilons, from --tables; p is corrected for the choice",
    )  # fmt: skip
    command.add_argument(
        "--gain", type=float, default=USEFUL_GAIN, metavar="R",
        help=f"the smallest gain in r that is of use; the answer is NO if the data exclude it (default: {USEFUL_GAIN})",
    )  # fmt: skip
    command.add_argument("--seed", type=int, default=SEED, metavar="N", help=f"of all draws (default: {SEED})")
    command.add_argument("-o", "--out", metavar="OUT.json", help="also write all numbers to this file")
    command.add_argument(
        "--html", action="store_true", help=f"also write a page with figures: OUT.html, or {_PAGE} without -o"
    )
    command.add_argument("--force", action="store_true", help="replace output files that exist")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> bool:
    """Print the correlation, and write the files. Return whether all results could be read."""
    for epsilon in (*arguments.thresholds, arguments.epsilon):
        if epsilon is not None and not 0 < epsilon < math.inf:
            raise InputError(f"--thresholds and --epsilon should be positive numbers of nats, found {epsilon}")
    if arguments.seed < 0:
        raise InputError(f"--seed should be a whole number of at least 0, found {arguments.seed}")
    if not 0 < arguments.gain < 1:
        raise InputError(f"--gain should be a number above 0 and below 1, found {arguments.gain}")
    outputs = _outputs(arguments)
    measures = _specs(arguments.measures, "--measures")
    rivals = [one for one in _specs(arguments.against, "--against") if one not in measures]
    scores = read_scores(
        user_path(arguments.scores), group=arguments.group, order=arguments.order,
        outcomes=arguments.outcomes and user_path(arguments.outcomes),
    )  # fmt: skip
    scopes = {one.scope: SCOPES[one.scope] for one in (*measures, *rivals)}
    reader = Reader(scopes=scopes, epsilon=arguments.epsilon, task=arguments.task, note=print_note)
    runs, all_good = _read(reader, arguments)
    paths = (arguments.scores, arguments.outcomes, *arguments.runs, *arguments.tables)
    given = [user_path(path) for path in paths if path]
    for out in filter(None, outputs):
        refuse_inputs(out, [*given, *(run.source for run in runs)])
    matched = match(arguments.scores, scores, runs)
    for what, names in (("results", matched.without_run), ("a score", matched.without_score)):
        if names:
            print_note(f"note: left out, without {what}: {first_names(names)}" + _count(names))
    points = Points(matched.pairs, arguments.seed)
    points.check(list(scopes))
    tested = [*points.predictors(measures), *_at_thresholds(reader, points, measures, arguments.thresholds)]
    found = correlate(points, tested, points.predictors(rivals), arguments.gain)
    print_lines(correlation_lines(found))
    for path, content in ((outputs[0], _json), (outputs[1], correlation_page)):
        if path is not None:
            with writing(path):
                replace_file(path, content(found))
            print_line(f"{path}: written")
    return all_good


def _at_thresholds(reader: Reader, points: Points, measures: list[Spec], thresholds: list[float]) -> list[Predictor]:
    """The measures of decisions again, with each threshold."""
    specs = [one for one in measures if one.name in OF_DECISIONS]
    for run in points.runs if thresholds else []:
        if run.tables is None:
            raise InputError(
                f"--thresholds needs token tables of every checkpoint; give those of {run.name} as --tables"
            )
    if thresholds and not specs:
        raise InputError(f"--thresholds needs one of {', '.join(OF_DECISIONS)} in --measures")
    found = []
    for epsilon in dict.fromkeys(thresholds):
        other = replace(reader, epsilon=epsilon, note=lambda _: None)
        runs, errors = other.compared([Source(run.source, has_tokens=True) for run in points.runs])
        if errors:
            raise errors[0]
        pairs = list(zip(points.scores, runs, strict=True))
        found += Points(pairs, points.seed).predictors(specs, f"@{epsilon:g}")
    return found


def _count(names: list[str]) -> str:
    return f" ({len(names)})" if len(names) > 1 else ""


def _outputs(arguments: argparse.Namespace) -> tuple[Path | None, Path | None]:
    """The files to write, after the check that they can be written."""
    out = None if arguments.out is None else user_path(arguments.out)
    if out is not None:
        check_output(out, force=arguments.force)  # before `with_suffix`, which `.` and `/` do not have
    page = (out.with_suffix(".html") if out else _PAGE) if arguments.html else None
    if out is not None and out == page:
        raise InputError(f"-o {out}: the page of --html would have the same name; name a file .json")
    if page is not None:
        check_output(page, force=arguments.force)
    return out, page


def _specs(given: list[str], option: str) -> list[Spec]:
    return list(dict.fromkeys(Spec.parse(text, option) for text in given))


def _read(reader: Reader, arguments: argparse.Namespace) -> tuple[list[ComparedRun], bool]:
    """The runs that can be read, and whether all can. Errors of the others are printed."""
    sources = [*reader.sources(arguments.runs), *reader.sources(arguments.tables)]
    if not sources:
        raise InputError("no results: give results_*.json, folders of them, or --tables with folders of token tables")
    runs, errors = reader.compared(sources)
    if not runs:
        raise errors[0]
    for error in errors:
        print_error(str(error))
    return runs, not errors


def _json(found: Correlation) -> str:
    return json.dumps(correlation_data(found), indent=2) + "\n"
