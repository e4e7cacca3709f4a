"""`hesnr curate`: convert trajectories of any known format to one file, and report on every input file."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from lm_eval_hesnr.cli.terminal import COLOURS, print_error, print_line, print_lines, print_note
from lm_eval_hesnr.curation.curate import curate
from lm_eval_hesnr.curation.filters import LEFT_OUT, Filters
from lm_eval_hesnr.curation.resumable_file import log_of
from lm_eval_hesnr.curation.tally import Tally
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import user_path
from lm_eval_hesnr.labelling.budget import unparsed_line
from lm_eval_hesnr.messages.characters import one_line, shortened
from lm_eval_hesnr.messages.counts import counted
from lm_eval_hesnr.messages.near import did_you_mean
from lm_eval_hesnr.results.text_table import aligned
from lm_eval_hesnr.trajectories.readers import format_names, known_formats
from lm_eval_hesnr.trajectories.skipped import Skipped
from lm_eval_hesnr.trajectories.unknown import counts_line
from lm_eval_hesnr.trajectories.without_action import unread_calls_lines

_UNKNOWN_ENDING = "unknown file ending"
_NAMES_SHOWN = 8
_MAX_TOOL_NAME = 80
_TOOLS_SHOWN = 200
_MOST_WORKERS = 1000


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    command = commands.add_parser(
        "curate", help="convert trajectories of any known format to one file", epilog=f"known formats: {format_names()}"
    )
    command.add_argument(
        "inputs", nargs="+", metavar="IN", help="file, folder, glob or hf://org/name[@revision][/config][:split]"
    )
    command.add_argument("-o", "--out", required=True, metavar="OUT", help="output file, .jsonl or .jsonl.zst")
    command.add_argument(
        "--known-resolved",
        action="store_true",
        help="keep only runs that are known to have solved their task",
    )
    command.add_argument(  # the option's name in earlier versions
        "--only-resolved", action="store_true", dest="known_resolved", help=argparse.SUPPRESS
    )
    command.add_argument(
        "--source",
        action="append",
        default=[],
        metavar="NAME",
        help="keep only this format, named as in the table; repeat for more formats",
    )
    command.add_argument(
        "--max-tokens", type=_count, metavar="N", help="keep only transcripts of at most N tokens; needs --tokenizer"
    )
    command.add_argument("--tokenizer", metavar="NAME_OR_DIR", help="tokenizer for --max-tokens: a folder or Hub name")
    command.add_argument("--dedupe", action="store_true", help="keep only the first run of each instance")
    command.add_argument("--strict", action="store_true", help="stop at the first bad file")
    command.add_argument("--force", action="store_true", help="replace OUT if it exists")
    command.add_argument(
        "-j", "--workers", type=_workers, default=1, metavar="N", help="worker processes (default: 1); OUT is the same"
    )
    command.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="name every skipped file, and every file without actions or with unread calls",
    )
    command.set_defaults(run=run)


def _count(given: str) -> int:
    if not given.isascii() or not given.isdigit() or int(given) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, found {given!r}")
    return int(given)


def _workers(given: str) -> int:
    n = _count(given)
    if n > _MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"expected at most {_MOST_WORKERS} processes, found {shortened(given, 60)}")
    return n


def run(arguments: argparse.Namespace) -> bool:
    """Convert the inputs and print the report; False if an input was bad."""
    if (arguments.max_tokens is None) != (arguments.tokenizer is None):
        raise InputError("--max-tokens and --tokenizer go together: give both or neither")
    out = user_path(arguments.out)
    tally = _curate(arguments, out)
    n_read, n_written = tally.total("read"), tally.total("written")
    not_found = _not_found(arguments.source, tally) if n_read else ""
    if not_found and not n_written:
        raise InputError(f"{out}: nothing to write; {not_found}")
    if not n_read:
        print_error(f"{out}: nothing to write; no trajectory could be read")
    print_lines(_report(tally, verbose=arguments.verbose))
    if not n_read:
        return False
    if not n_written:
        raise InputError(
            f"{out}: nothing to write; the filters leave out every trajectory ({n_read} read); use fewer filters"
        )
    print_line(f"{out}: {counted(n_written, 'trajectory')}")
    if tally.is_replaced:
        print_note(f"note: {out} is in one of the inputs; the old file was not read, and was replaced")
    if not_found:
        print_note(f"note: {not_found}")
    return not tally.bad


def _not_found(sources: list[str], tally: Tally) -> str:
    """A message about the first requested format that no input has; empty if the inputs have all requested formats."""
    found = sorted({source for source, _ in tally.counts})
    for name in sources:
        if name not in found:
            part_of = next((one for one in found if name.lower() in one.lower()), None)
            hint = did_you_mean(name, found) or did_you_mean(part_of, found)
            return f"no trajectory has the format --source {name!r}; {hint}the inputs have {', '.join(found)}"
    return ""


def _curate(arguments: argparse.Namespace, out: Path) -> Tally:
    """Convert the inputs with a progress bar. On Ctrl-C, print how to continue."""
    filters = Filters(
        known_resolved=arguments.known_resolved,
        sources=tuple(arguments.source),
        max_tokens=arguments.max_tokens,
        tokenizer=arguments.tokenizer,
        dedupe=arguments.dedupe,
    )
    try:
        with _ProgressBar() as bar:
            return curate(
                arguments.inputs,
                out,
                filters,
                strict=arguments.strict,
                force=arguments.force,
                workers=arguments.workers,
                progress=bar.update,
            )
    except KeyboardInterrupt:
        log = log_of(out)
        kept = f"what is written is kept, see {log}; run the same command again to continue"
        print_note(f"stopped; {kept if log.exists() else 'nothing is kept'}")
        raise


class _ProgressBar:
    """Shows the number of files read, out of all files; for a data set of the Hub, the number of trajectories."""

    def __init__(self) -> None:
        self._bar = tqdm(unit=" files", disable=None)
        self._number_of: dict[Path, int] = {}

    def __enter__(self) -> _ProgressBar:
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None and self._bar.total:  # the last files may contain no trajectory
            self._bar.update(self._bar.total - self._bar.n)
        self._bar.close()

    def update(self, path: Path, tally: Tally) -> None:
        """Move the bar to the file of the last trajectory."""
        if tally.files and not self._number_of:
            self._number_of = {file: number for number, file in enumerate(tally.files, start=1)}
            self._bar.total = len(tally.files)
        self._bar.set_postfix_str(f"{tally.total('written')} written, {len(tally.bad)} bad", refresh=False)
        self._bar.update(self._number_of.get(path, 0) - self._bar.n if tally.files else 1)


def _report(tally: Tally, *, verbose: bool) -> Iterator[str]:
    """The lines of the report. `verbose` names every skipped file, and the files with calls that were not read."""
    if tally.total("read"):
        yield from _tables(tally)
        yield ""
    yield from _accounts(tally, verbose)
    if unknown := counts_line(tally.unknown_records):
        yield unknown
    if tally.unknown_tools:
        tools = sorted(tally.unknown_tools.items(), key=lambda item: (-item[1], item[0]))
        shown = tools if verbose else tools[:_TOOLS_SHOWN]
        more = f" and {len(tools) - len(shown):,} more (-v names all)" if len(shown) < len(tools) else ""
        named = ", ".join(f"{shortened(name, _MAX_TOOL_NAME)} ({n:,})" for name, n in shown)
        yield f"unknown tools: {named}{more}"
    if unparsed := tally.total("unparsed"):
        yield f"unparsed: {unparsed_line(unparsed)}"
    yield from unread_calls_lines(tally.unread_calls, verbose=verbose)
    yield f"bad: {len(tally.bad)}"
    yield from tally.bad
    if tally.unknown_formats:
        yield known_formats()


def _tables(tally: Tally) -> Iterator[str]:
    """Two tables with one row for each format: numbers of trajectories, and characters of each label."""
    left_out = [column for column in LEFT_OUT if tally.total(column)]
    yield from _table(tally, ["files", "read", "resolved", "unresolved", "unknown", *left_out, "written", "steps"])
    yield ""
    yield "characters written, by label"
    yield from _table(tally, [label.label_name for label in COLOURS])


def _table(tally: Tally, columns: list[str]) -> list[str]:
    rows = [["format", *columns]]
    for source in sorted({source for source, _ in tally.counts}):
        rows.append(
            [shortened(one_line(source), _MAX_TOOL_NAME), *(f"{tally.counts[source, column]:,}" for column in columns)]
        )
    rows.append(["all", *(f"{tally.total(column):,}" for column in columns)])
    return aligned(rows, right=range(1, len(columns) + 1))


def _accounts(tally: Tally, verbose: bool) -> Iterator[str]:
    """One line with the number of files of each kind, then one line for each reason to skip files."""
    files = tally.files
    if not files:  # a data set of the Hub
        return
    of_folder = {path.parent: result for path, result in tally.met.items() if path.name.startswith("event-")}
    good = bad = 0
    skipped: dict[str, list[tuple[Path, Skipped | None]]] = {}
    for path in files:
        result = tally.met.get(path, of_folder.get(path.parent) if path.name.startswith("event-") else None)
        if isinstance(result, bool):
            good, bad = good + result, bad + (not result)
        else:
            skipped.setdefault(result.reason if result else _UNKNOWN_ENDING, []).append((path, result))
    n_skipped = len(files) - good - bad
    yield f"files: {len(files)}; {good} with trajectories, {bad} with only bad ones, {n_skipped} skipped"
    for reason, paths in sorted(skipped.items(), key=lambda item: item[0] == _UNKNOWN_ENDING):
        yield f"skipped: {reason} ({len(paths)}): {_names(paths, verbose)}"


def _names(skipped: list[tuple[Path, Skipped | None]], verbose: bool) -> str:
    if verbose:
        return ", ".join(f"{path} ({result})" if result and result.whole else str(path) for path, result in skipped)
    names = Counter(path.name for path, _ in skipped).most_common()
    shown = ", ".join(f"{name} ({n})" if n > 1 else name for name, n in names[:_NAMES_SHOWN])
    return shown + (f" and {len(names) - _NAMES_SHOWN} more names (-v names all)" if names[_NAMES_SHOWN:] else "")
