"""`hesnr report`: one HTML file about several runs, without a model and without a network."""

from __future__ import annotations

import argparse

from lm_eval_hesnr.cli.terminal import print_error, print_line, print_note
from lm_eval_hesnr.files import user_path
from lm_eval_hesnr.results.report.report import check_page, make_report
from lm_eval_hesnr.results.report.request import ReportRequest, size_in_bytes

_OUT = "report.html"


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("report", help="write one HTML file that compares runs and shows their tokens")
    command.add_argument(
        "results",
        nargs="+",
        metavar="RESULTS",
        help="results_*.json files, folders of them, folders of hesnr sweep, or folders of token tables",
    )
    command.add_argument("-o", "--out", default=_OUT, metavar="FILE", help=f"output file (default: {_OUT})")
    command.add_argument("--baseline", metavar="RUN", help="compare with this run, by name or path (default: first)")
    command.add_argument("--scope", metavar="NAME", help="scope of the page (default: action)")
    command.add_argument("--task", metavar="NAME", help="one of several tasks in the results (default: the first)")
    command.add_argument(
        "--show", default="3", metavar="N|ID,..",
        help="show the tokens of N trajectories, those that matter most first, or of these (default: 3)",
    )  # fmt: skip
    command.add_argument(
        "--max-size", default="25MB", metavar="SIZE",
        help="show the tokens of fewer trajectories if the file would be larger (default: 25MB)",
    )  # fmt: skip
    command.add_argument("--no-text", action="store_true", help="leave out all words of the trajectories")
    command.add_argument("--title", metavar="TEXT", help="heading of the page")
    command.add_argument("--set-of", metavar="RUN", help="also measure all runs on the decisions of this run")
    command.add_argument(
        "--scores", metavar="SCORES.csv", help="say whether he_snr predicts these scores, see hesnr correlate"
    )
    command.add_argument("--force", action="store_true", help="replace FILE even if it is not a report")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> bool:
    """Write the report. Return whether every given file could be read."""
    out = user_path(arguments.out)
    check_page(out, force=arguments.force)
    report = make_report(
        ReportRequest(
            paths=[user_path(path) for path in arguments.results],
            baseline=arguments.baseline,
            scope=arguments.scope,
            task=arguments.task,
            show=arguments.show,
            max_size=size_in_bytes(arguments.max_size, "--max-size"),
            with_text=not arguments.no_text,
            title=arguments.title,
            set_of=arguments.set_of,
            scores=user_path(arguments.scores) if arguments.scores else None,
        )
    )
    for line in report.bad:
        print_error(line)
    for line in report.notes:
        print_note(line)
    report.save(out, force=arguments.force)
    for sentence in report.words.verdict:
        print_line(sentence)
    for caution in report.words.cautions:
        print_line(f"caution: {caution}")
    print_line(str(out))
    return not report.bad
