"""`hesnr sweep`: every checkpoint of a training run, one after the other, in one folder that can be continued."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lm_eval_hesnr.cli.terminal import print_line, print_lines, print_note
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import user_path
from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.results.sweep.checkpoint import Checkpoint
from lm_eval_hesnr.results.sweep.command import command_of, gpu_groups, model_args_of, run_file, visible_gpus
from lm_eval_hesnr.results.sweep.ending import REPORT, ending, summary_line, write_new_report
from lm_eval_hesnr.results.sweep.hub import HubRefs
from lm_eval_hesnr.results.sweep.order import ORDERS, in_order
from lm_eval_hesnr.results.sweep.out_folder import OutFolder
from lm_eval_hesnr.results.sweep.plan import Planned, Planner
from lm_eval_hesnr.results.sweep.readiness import Watcher
from lm_eval_hesnr.results.sweep.request import Request, read_config, request_of
from lm_eval_hesnr.results.sweep.rows import Row
from lm_eval_hesnr.results.sweep.sweep import Sweep

_FORMS = """\
CHECKPOINT is one of:
  a folder with config.json             one checkpoint
  a folder of a training run            the folders in it named checkpoint-*, step*, iter_*, global_step* or a number;
                                        if there are none, the folders in it with config.json
  'a quoted glob'                       every checkpoint that matches
  org/name@main, org/name@step1,step2   revisions on the Hub
  'org/name@step*'                      every branch and tag that matches
  NAME=one of these                     the same under another name
"""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "sweep",
        help="evaluate every checkpoint of a training run; the same command continues after a stop",
        epilog=_FORMS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="hesnr sweep CHECKPOINT... -o OUT [options] [-- further options of lm_eval]",
    )
    command.add_argument("checkpoints", nargs="*", metavar="CHECKPOINT", help="see below")
    command.add_argument("-o", "--out", required=True, metavar="OUT", help="folder for everything that is written")
    command.add_argument("--config", metavar="FILE", help="sweep.yaml: the options below, and checkpoints:, as keys")
    for name, metavar, text in _WITH_VALUE:
        command.add_argument(name, metavar=metavar, help=text)
    command.add_argument(
        "--trajectories", nargs="+", metavar="PATH", help="files, folders, globs (default: embedded set)"
    )
    command.add_argument("--order", choices=ORDERS, help="default: oldest; with --watch: newest")
    command.add_argument(
        "--watch",
        nargs="?",
        const=True,
        metavar="SECONDS",
        help="look for new checkpoints for ever (default: every 30 s)",
    )
    command.add_argument("--no-tokens", dest="tokens", action="store_const", const=False, help="write no token tables")
    command.add_argument("--no-store", dest="store", action="store_const", const=False, help="use no score store")
    command.add_argument("--dry-run", action="store_true", help="print what would be done, and what it costs")
    command.set_defaults(run=run)


_WITH_VALUE = (
    ("--tasks", "NAMES", "tasks of the harness, separated by commas (default: swe_hesnr)"),
    ("--metadata", "JSON", "options of the task, as in lm_eval"),
    ("--model", "NAME", "model of the harness (default: hf-topk)"),
    ("--model_args", "ARGS", "key=value,key=value, as in lm_eval"),
    ("--steps", "STEPS", "only these: FIRST:LAST, FIRST:LAST:EVERY, or a list"),
    ("--gpus", "IDS", "GPUs to use, separated by commas (default: all visible ones, for one job)"),
    ("--gpus-per-model", "N", "GPUs for each job; as many jobs run at the same time as the GPUs allow"),
    ("--launcher", "COMMAND", "put before -m lm_eval_hesnr; {n} is the number of GPUs of a job"),
    ("--until-step", "N", "with --watch: end after this step"),
    ("--until-idle", "TIME", "with --watch: end when nothing has happened for so long, such as 2h"),
    ("--ready-file", "NAME", "a checkpoint is ready when this file is in its folder; nothing else is checked"),
    ("--settle", "SECONDS", "time without a change after which a folder is taken as complete (default: 60)"),
    ("--shard", "I/N", "only every N-th checkpoint, beginning with the I-th, for job arrays"),
    ("--timeout", "TIME", "longest time for one checkpoint, such as 6h"),
)


def run(arguments: argparse.Namespace) -> bool:
    """Evaluate the checkpoints; False if one of them is not done."""
    if os.name != "posix":
        raise InputError("hesnr sweep needs Linux or macOS: it ends processes by their group, and they inherit locks")
    request = _request(arguments)
    planner = _planner(request, user_path(arguments.out))
    plan = planner.look()
    groups = gpu_groups(request.options, lambda: visible_gpus(os.environ))
    ready = [one.checkpoint for one in plan if one.readiness.state in ("ready", "settling")]
    tasks: list[Any] = []
    if ready or request.options.watch is not None:
        tasks = _checked_tasks(planner.out, request, ready[0] if ready else Checkpoint("check", ""))
        planner.out.trajectories = {task.config.task: task.loaded.digest for task in tasks}
        planner.out.refuse_other(request.settings)
    if not arguments.dry_run:
        return _evaluated(planner, groups)
    print_lines([*planner.lines(), *_dry_run(planner, plan, groups)])
    if ready and tasks:
        print_lines(_cost(request, ready[0], tasks))
    return True


def _planner(request: Request, path: Path) -> Planner:
    """What looks for the checkpoints of a request, after the checks of OUT."""
    out, options = OutFolder(path), request.options
    out.refuse_other(request.settings)
    watcher = Watcher(settle=options.settle, ready_file=options.ready_file, trusts_times=options.watch is None)
    return Planner(out, request.settings, options, request.entries, watcher, HubRefs())


def _evaluated(planner: Planner, groups: list[tuple[str, ...]]) -> bool:
    """Evaluate the checkpoints and print the end; whether all are done."""
    said: list[str] = []

    def say(line: str) -> None:
        print_line(line)
        sys.stdout.flush()  # it may go to a file that someone watches
        said.append(line)

    for line in planner.lines():
        say(line)

    def report(rows: list[Row]) -> bool:
        reason = write_new_report(rows, planner.out.path)
        if reason and reason not in said:
            say(reason)
        return reason is None

    sweep = Sweep(planner, groups, say, report if planner.options.watch is not None else None)
    try:
        all_done = sweep.run()
    except KeyboardInterrupt:
        print_note("stopped; what is done is kept, and the same command continues")
        raise
    rows = sweep.rows()
    print_lines([*([""] if said else []), *ending(rows)])
    print_line(summary_line(rows, planner.out.path))
    path = planner.out.path / REPORT
    if report(rows) and path.exists():
        print_line(f"{path}: the report, for a browser")
    return all_done


def _request(arguments: argparse.Namespace) -> Request:
    """The options of the command line, and for those that are not given, of --config."""
    given: dict[str, Any] = read_config(user_path(arguments.config)) if arguments.config else {}
    on_line = {name: value for name, value in vars(arguments).items() if value is not None and value != []}
    return request_of({**given, **on_line})


def _checked_tasks(out: OutFolder, request: Request, checkpoint: Checkpoint) -> list[Any]:
    """Our tasks, with their trajectories, after the checks that every run makes before its model."""
    from lm_eval_hesnr import plugin  # the harness takes seconds to import
    from lm_eval_hesnr.harness.check_run import tasks_of_run

    plugin.install()
    _further(request.settings.further)
    options = dataclasses.replace(request.options, tokens=False, store=False)
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "run.yaml"
        config.write_text(run_file(out.path, checkpoint, request.settings, options), encoding="utf-8")
        with _without_limit_warning():
            return tasks_of_run(config, request.settings.further, plugin.MODELS, plugin.task_folder())


def _further(words: tuple[str, ...]) -> argparse.Namespace:
    """The options after `--`, which are `further:` in a file.

    Raises:
        InputError: one of them is wrong.
    """
    from lm_eval_hesnr.harness.check_run import further_options

    try:
        return further_options(words)
    except InputError as error:
        raise InputError(f"{error} (in --config, these options are the key further:)") from error


@contextlib.contextmanager
def _without_limit_warning() -> Iterator[None]:
    """Without the harness's warning about --limit. Each run has it in its log."""
    logger = logging.getLogger("lm_eval.config.evaluate_config")

    def is_other(record: logging.LogRecord) -> bool:
        return not str(record.msg).startswith("--limit SHOULD")

    logger.addFilter(is_other)
    try:
        yield
    finally:
        logger.removeFilter(is_other)


def _cost(request: Request, checkpoint: Checkpoint, tasks: list[Any]) -> Iterator[str]:
    from lm_eval_hesnr.cli.sweep_cost import cost_lines

    model_args = model_args_of(checkpoint, request.settings)
    return cost_lines(checkpoint.name, tasks, model_args, _further(request.settings.further).limit)


def _dry_run(planner: Planner, plan: list[Planned], groups: list[tuple[str, ...]]) -> Iterator[str]:
    """Each checkpoint with its state, and the command of those that would be evaluated."""
    by_name = {one.checkpoint.name: one for one in plan}
    n = 0
    for checkpoint in in_order([one.checkpoint for one in plan], planner.options.in_order):
        reading = by_name[checkpoint.name].readiness
        step = "no step" if checkpoint.step is None else f"step {checkpoint.step}"
        yield f"{checkpoint.name}: {step}; {reading.state}" + (f", {reading.reason}" if reading.reason else "")
        if reading.state in ("ready", "settling"):
            gpus = groups[n % len(groups)]
            yield f"    {command_of(planner.out.path, checkpoint.name, planner.settings, planner.options, gpus)}"
            n += 1
    yield f"{n} of {counted(len(plan), 'checkpoint')} would be evaluated, {len(groups)} at a time; nothing was run"
