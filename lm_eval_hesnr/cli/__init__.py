"""The `hesnr` command: one function a subcommand. Exit status 0 done, 1 some inputs were bad, 2 wrong usage."""

# ruff: noqa: T201 (printing lives here)

from __future__ import annotations

import argparse
import json
import math
import os
import pydoc
import shutil
import sys
from collections.abc import Iterable
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

from tqdm import tqdm

from lm_eval_hesnr.cli.curate_report import report
from lm_eval_hesnr.cli.show import COLOURS, lines, one_line
from lm_eval_hesnr.curation.curate import Tally, Wanted, curate, input_files
from lm_eval_hesnr.curation.resumable_file import files_of
from lm_eval_hesnr.errors import BadFileError, InputError
from lm_eval_hesnr.labels import SCOPES, Label
from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.metrics.thresholds import METHODS
from lm_eval_hesnr.options import Options
from lm_eval_hesnr.results.diagnose import diagnose, runs_of
from lm_eval_hesnr.results.text_table import differences_json, differences_table, measures_table
from lm_eval_hesnr.results.token_tables import Tables, compare_tables, measure_tables, read_tables
from lm_eval_hesnr.samples import (
    FORMAT_NAMES,
    changed_in,
    ending_of,
    in_format,
    lost_in,
    name_of,
    sample,
    samples,
    table,
)
from lm_eval_hesnr.trajectories.load import iterate_trajectories
from lm_eval_hesnr.trajectories.schema import Trajectory

DONE, BAD_INPUT, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


def main(argv: list[str] | None = None) -> int:
    """The exit status of `hesnr ARGV`."""
    try:
        arguments = _parser().parse_args(argv)
    except SystemExit as stop:  # argparse has said all there is to say
        return stop.code if isinstance(stop.code, int) else WRONG_USAGE
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # not every terminal has every sign
    try:
        status: int = arguments.run(arguments)
    except BadFileError as error:
        return _fail(f"{error} (--strict: any bad file ends the run)", BAD_INPUT)
    except InputError as error:
        return _fail(str(error), WRONG_USAGE)
    except BrokenPipeError:  # `hesnr show FILE | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        return _fail(f"{place}{error.strerror or error}", WRONG_USAGE)
    except BrokenProcessPool:
        return _fail("a worker process died, perhaps for want of memory; go on with a smaller -j", WRONG_USAGE)
    except KeyboardInterrupt:
        return INTERRUPTED
    return status


def _fail(reason: str, status: int) -> int:
    print(f"error: {one_line(reason)}", file=sys.stderr)
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hesnr", description="Agent trajectories for HE-SNR: convert them, see them, measure them again."
    )
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    command = commands.add_parser("curate", help="convert trajectories of any known format to one file")
    command.add_argument("inputs", nargs="+", metavar="IN", help="file, folder, glob or hf://org/name[/config][:split]")
    command.add_argument("-o", "--out", required=True, type=Path, metavar="OUT", help="OUT.jsonl or OUT.jsonl.zst")
    command.add_argument("--only-resolved", action="store_true", help="only runs known to have solved their task")
    command.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="NAME",
        help="only this format, as the table names it; again for more",
    )
    command.add_argument(
        "--max-tokens", type=_count, metavar="N", help="only transcripts of at most N tokens; needs --tokenizer"
    )
    command.add_argument("--tokenizer", metavar="NAME_OR_DIR", help="tokenizer of --max-tokens: a folder or a Hub name")
    command.add_argument("--dedupe", action="store_true", help="only the first run of each instance")
    command.add_argument("--strict", action="store_true", help="stop at the first bad file")
    command.add_argument("--force", action="store_true", help="write OUT anew if it is there already")
    command.add_argument(
        "-j", "--workers", type=_count, default=1, metavar="N", help="worker processes (default: 1); OUT is the same"
    )
    command.add_argument("-v", "--verbose", action="store_true", help="name every file that was passed over")
    command.set_defaults(run=_curate)

    command = commands.add_parser("show", help="show one trajectory in the terminal, each label in its own colour")
    command.add_argument("file", metavar="FILE", help="file, folder, glob or hf://org/name[/config][:split]")
    command.add_argument(
        "--doc", metavar="ID", help="which one, by its id or its number in the list (default: the first)"
    )
    command.add_argument(
        "--labels", type=_labels, metavar="NAMES", help=f"only these, by commas: {','.join(map(_name, COLOURS))}"
    )
    command.add_argument(
        "--plain", action="store_true", help="no colours and no pager (default where stdout is no terminal)"
    )
    command.set_defaults(run=_show)

    command = commands.add_parser("measure", help="every measure again from token tables, without a model")
    command.add_argument("folder", type=Path, metavar="DIR", help="folder of token tables")
    command.add_argument(
        "other", type=Path, nargs="?", metavar="DIR_B", help="another run: the paired difference B - A"
    )
    command.add_argument("--epsilon", type=float, metavar="NATS", help=f"threshold on entropy (default: {EPSILON:.6f})")
    command.add_argument("--threshold", choices=METHODS, default="static", help="how to find the threshold")
    command.add_argument(
        "--scopes", metavar="NAMES", help=f"by commas, out of {','.join(SCOPES)} (default: action,all)"
    )
    command.add_argument("--json", action="store_true", help="everything as JSON: also sweep, shape and intervals")
    command.set_defaults(run=_measure)

    command = commands.add_parser("diagnose", help="what may be wrong with results, with evidence and advice")
    command.add_argument(
        "results", nargs="+", type=Path, metavar="RESULTS", help="results_*.json, in order of training"
    )
    command.set_defaults(run=_diagnose)

    command = commands.add_parser("sample", help="list the embedded trajectories, or write one in an agent's format")
    command.add_argument("name", nargs="?", metavar="NAME", help="which one (default: list them all)")
    command.add_argument(
        "--form",
        choices=FORMAT_NAMES,
        help="the format (default: curated, the one JSON line that all commands read)",
    )
    command.add_argument("-o", "--out", type=Path, metavar="FILE", help="write it there (default: to stdout)")
    command.add_argument("--force", action="store_true", help="write FILE anew if it is there already")
    command.set_defaults(run=_sample)
    return parser


def _name(label: Label) -> str:
    return label.label_name


def _count(given: str) -> int:
    if not given.isascii() or not given.isdigit() or int(given) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {given!r}")
    return int(given)


def _labels(given: str) -> frozenset[Label]:
    known = {label.label_name: label for label in COLOURS}
    if unknown := [name for name in given.split(",") if name not in known]:
        raise argparse.ArgumentTypeError(f"unknown label {unknown[0]!r}; known labels: {', '.join(known)}")
    return frozenset(known[name] for name in given.split(","))


def _curate(arguments: argparse.Namespace) -> int:
    if (arguments.max_tokens is None) != (arguments.tokenizer is None):
        raise InputError("--max-tokens and --tokenizer go together: give both or neither")
    out: Path = arguments.out
    wanted = Wanted(
        only_resolved=arguments.only_resolved,
        sources=tuple(arguments.source),
        max_tokens=arguments.max_tokens,
        tokenizer=arguments.tokenizer,
        dedupe=arguments.dedupe,
    )
    files = input_files(arguments.inputs, out)
    number_of = {file: number for number, file in enumerate(files, start=1)}
    with tqdm(total=len(files) or None, unit=" files", disable=None) as bar:

        def progress(path: Path, tally: Tally) -> None:
            bar.set_postfix_str(f"{tally.total('written')} written, {len(tally.bad)} bad", refresh=False)
            bar.update(number_of.get(path, 0) - bar.n if files else 1)

        try:
            tally = curate(
                arguments.inputs,
                out,
                wanted,
                strict=arguments.strict,
                force=arguments.force,
                workers=arguments.workers,
                progress=progress,
            )
        except KeyboardInterrupt:
            bar.close()
            kept = files_of(out)[0]
            done = f"{kept} is kept, the same command goes on from there" if kept.exists() else "nothing is kept yet"
            print(f"stopped; {done}", file=sys.stderr)
            raise
        bar.update(len(files) - bar.n if files else 0)
    for line in report(files, tally, verbose=arguments.verbose):
        print(one_line(line))
    if tally.total("written"):
        print(f"{one_line(str(out))}: {tally.total('written')} trajectories")
    elif tally.total("read"):
        raise InputError(f"{out}: nothing to write; the filters leave out all {tally.total('read')} trajectories")
    else:
        print(f"error: {out}: nothing to write; no trajectory could be read", file=sys.stderr)
        return BAD_INPUT
    return BAD_INPUT if tally.bad else DONE


def _show(arguments: argparse.Namespace) -> int:
    chosen: Trajectory | None = None
    listed: list[str] = []
    ids: list[str] = []
    n_bad = 0
    for _, result in iterate_trajectories([arguments.file]):
        if isinstance(result, str):
            n_bad += 1
            print(f"bad: {one_line(result)}", file=sys.stderr)
            continue
        ids.append(result.id)
        listed.append(f"{len(ids):>5}  {one_line(result.id)}  {len(result.segments)} segments, {result.n_steps} steps")
        if chosen is None and arguments.doc in (None, result.id, str(len(ids))):
            chosen = result
        if chosen is not None and arguments.doc is not None:
            break
    if chosen is None and arguments.doc is not None and ids:
        raise InputError(f"{arguments.file}: no trajectory {arguments.doc!r}; there are {len(ids)}, such as {ids[0]!r}")
    if chosen is None:
        return _fail(f"{arguments.file}: no trajectory could be read", BAD_INPUT)
    on_terminal = sys.stdout.isatty() and not arguments.plain
    text: Iterable[str] = lines(chosen, arguments.labels, colours=on_terminal and not os.environ.get("NO_COLOR"))
    if arguments.doc is None and len(ids) > 1:
        text = [f"{len(ids)} trajectories; --doc shows another than the first", *listed, "", *text]
    _print(text, paged=on_terminal)
    return BAD_INPUT if n_bad else DONE


def _measure(arguments: argparse.Namespace) -> int:
    given = {"scopes": arguments.scopes, "threshold": arguments.threshold}
    try:
        options = Options.from_metadata({key: value for key, value in given.items() if value is not None})
    except InputError as error:  # here the keys of --metadata are options of the same names
        raise InputError(str(error).replace("--metadata: ", "--", 1)) from None
    if arguments.other and options.threshold != "static":
        raise InputError("two runs are compared at one fixed threshold: give --epsilon instead of --threshold")
    epsilon = EPSILON if arguments.epsilon is None else arguments.epsilon
    if not 0 < epsilon < math.inf:
        raise InputError(f"--epsilon should be a positive number of nats, found {epsilon}")
    run = read_tables(arguments.folder, options.scopes, epsilon)  # which knows k, and so what epsilon may be
    _note_other_epsilon(run, epsilon)
    if arguments.other is None:
        told = measure_tables(run, options.threshold, epsilon)
        text = [json.dumps(told, indent=2)] if arguments.json else measures_table(run, told)
    else:
        other = read_tables(arguments.other, options.scopes, epsilon)
        _note_other_epsilon(other, epsilon)
        differences = compare_tables(run, other, epsilon)
        text = [differences_json(differences)] if arguments.json else differences_table(run, other, differences)
    for line in text:
        print(line)
    return DONE


def _note_other_epsilon(run: Tables, epsilon: float) -> None:
    its_own = run.signature.get("epsilon")
    if isinstance(its_own, float) and its_own != epsilon:
        print(
            f"note: {run.folder} is of a run with epsilon {its_own:.6g}; measured here with {epsilon:.6g} (--epsilon)",
            file=sys.stderr,
        )


def _diagnose(arguments: argparse.Namespace) -> int:
    runs = []
    for path in arguments.results:
        if path.is_dir():
            raise InputError(f"{path}: is a folder; give the results files in it, in order of training: results_*.json")
        try:
            found = runs_of(json.loads(path.read_bytes()), str(path))
            diagnose(found)  # a file that lacks something is named here, before it is compared with others
        except KeyError as error:
            raise InputError(f"{path}: no {error} in it; give the results_*.json as lm_eval wrote it") from error
        except UnicodeDecodeError as error:
            raise InputError(f"{path}: no text; give results_*.json (`hesnr measure` reads token tables)") from error
        except (OSError, ValueError) as error:
            raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
        except (AttributeError, RecursionError, TypeError) as error:
            raise InputError(f"{path}: not as lm_eval writes results ({error}); give the file unchanged") from error
        runs += found
    findings = diagnose(runs)
    for finding in findings:
        print(one_line(str(finding)))
    print(f"{len(findings)} to look at in {len(runs)} runs" if findings else f"nothing to look at in {len(runs)} runs")
    return DONE


def _sample(arguments: argparse.Namespace) -> int:
    out: Path | None = arguments.out
    if arguments.name is None:
        if arguments.form or out:
            raise InputError("--form and -o are for one run: give its NAME, as `hesnr sample` lists them")
        _print(table(samples()), paged=False)
        return DONE
    form = arguments.form or FORMAT_NAMES[0]
    run = sample(arguments.name)
    written = in_format(run, form)
    if out is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(written.text.encode("utf-8"))  # JSON, whatever the terminal's encoding
    else:
        if out.is_dir():
            raise InputError(f"{out}: is a folder; name a file in it, such as {out / (name_of(run) + ending_of(form))}")
        if not out.parent.is_dir():
            raise InputError(f"{out}: there is no folder {out.parent}; make it, or name another")
        if out.exists() and not arguments.force:
            raise InputError(f"{out}: is there already; give another name, or --force to write it anew")
        out.write_text(written.text, encoding="utf-8")
        print(f"{one_line(str(out))}: {name_of(run)} as {form}, {len(written.trajectory.segments)} segments")
        if not out.name.endswith(ending_of(form)):
            print(
                f"{form} files usually end in {ending_of(form)}: in a folder this one may be passed over",
                file=sys.stderr,
            )
    for told in (changed_in(run, form), lost_in(run, form)):
        if told:
            print(told, file=sys.stderr)
    return DONE


def _print(text: Iterable[str], *, paged: bool) -> None:
    """On stdout; through the user's pager if that is wanted and it is longer than the terminal."""
    if paged:
        text = list(text)
        if len(text) >= shutil.get_terminal_size().lines:
            os.environ.setdefault("LESS", "-R")  # less shows colours only when told
            pydoc.pager("\n".join(text) + "\n")
            return
    for line in text:
        print(line)
