"""`hesnr show`: one trajectory in the terminal, each label in its own colour.

The text of a trajectory is not trusted. Characters that could move the cursor, hide or reorder text, or control the
terminal are shown as escapes. The only escape codes in a line are the colours that this module adds. Every colour ends
before the end of its line.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Iterator

import numpy as np

from lm_eval_hesnr.cli.terminal import BOLD, COLOURS, print_error, print_lines, print_note, styled
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labelling.annotate import annotate
from lm_eval_hesnr.labelling.budget import Budget, unparsed_line
from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.messages.characters import LONGEST_NAME, one_line, shortened, visible
from lm_eval_hesnr.trajectories.decoding import Bad
from lm_eval_hesnr.trajectories.load import iterate_trajectories
from lm_eval_hesnr.trajectories.readers import known_formats
from lm_eval_hesnr.trajectories.schema import Segment, Trajectory

_BAD_SHOWN = 5
_ELIDED = "…"
_HIDDEN = 255
"""The code that replaces the codes of labels that are not shown."""


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("show", help="show one trajectory in the terminal, each label in its own colour")
    command.add_argument(
        "files", nargs="+", metavar="FILE", help="file, folder, glob or hf://org/name[@revision][/config][:split]"
    )
    command.add_argument("--doc", metavar="ID", help="id of the trajectory, or its number in the list (default: 1)")
    command.add_argument(
        "--labels",
        type=_labels,
        metavar="NAMES",
        help=f"show only these labels, separated by commas: {','.join(label.label_name for label in COLOURS)}",
    )
    command.add_argument(
        "--plain", action="store_true", help="no colours and no pager (default if stdout is not a terminal)"
    )
    command.set_defaults(run=run)


def _labels(given: str) -> frozenset[Label]:
    known = {label.label_name: label for label in COLOURS}
    if unknown := [name for name in given.split(",") if name not in known]:
        raise argparse.ArgumentTypeError(f"unknown label {unknown[0]!r}; known labels: {', '.join(known)}")
    return frozenset(known[name] for name in given.split(","))


def run(arguments: argparse.Namespace) -> bool:
    """Print the trajectory; False if a file was bad."""
    chosen, listed, bad = _find(arguments.files, arguments.doc)
    if chosen is None:
        print_error(f"{_named(arguments.files)}: no trajectory could be read")
    for line in _bad_lines(bad):
        print_note(line)
    if chosen is None:
        return False
    on_terminal = sys.stdout.isatty() and not arguments.plain
    colours = on_terminal and not os.environ.get("NO_COLOR")
    text: Iterable[str] = lines(chosen, arguments.labels, colours=colours)
    if arguments.doc is None and len(listed) > 1:
        text = [f"{len(listed)} trajectories; this is the first, --doc shows another", *listed, "", *text]
    print_lines(text, paged=on_terminal, has_styles=colours)
    return not bad


def _find(files: list[str], doc: str | None) -> tuple[Trajectory | None, list[str], list[Bad]]:
    """The trajectory to show, one line for each trajectory that was read, and the bad ones."""
    chosen: Trajectory | None = None
    listed: list[str] = []
    first_id = ""
    bad: list[Bad] = []
    for _, result in iterate_trajectories(files):
        if isinstance(result, Bad):
            bad.append(result)
            continue
        number = len(listed) + 1
        first_id = first_id or result.id
        listed.append(f"{number:>5}  {one_line(result.id)}  {len(result.segments)} segments, {result.n_steps} steps")
        if chosen is None and doc in (None, result.id, str(number)):
            chosen = result
            if doc is not None:
                break
    if chosen is None and listed:
        raise InputError(f"{_named(files)}: no trajectory {doc!r}; there are {len(listed)}, such as {first_id!r}")
    return chosen, listed, bad


def _named(files: list[str]) -> str:
    return files[0] if len(files) == 1 else f"{files[0]} and {len(files) - 1} more"


def _bad_lines(bad: list[Bad]) -> Iterator[str]:
    """The first bad files or records, and how to see all."""
    for one in bad[:_BAD_SHOWN]:
        yield f"bad: {one.reason}"
    if len(bad) > _BAD_SHOWN:
        yield f"bad: {len(bad) - _BAD_SHOWN} more; `hesnr curate` names all of them"
    if any(one.is_unknown_format for one in bad):
        yield known_formats()


def lines(trajectory: Trajectory, labels: Collection[Label] | None = None, *, colours: bool = False) -> Iterator[str]:
    """Yield lines without line ends: the trajectory's id, the legend (only in colour), each segment under a heading.

    Args:
        trajectory: what to show.
        labels: show only characters with these labels, and a mark instead of the others. None shows all characters.
        colours: add escape codes.
    """
    outcome = {True: "resolved", False: "not resolved", None: "outcome unknown"}[trajectory.resolved]
    model = f", model {shortened(trajectory.model, LONGEST_NAME)}" if trajectory.model else ""
    yield _bold(one_line(f"{trajectory.id} ({trajectory.source}{model}, {outcome})"), colours)
    if colours:
        yield "  ".join(_coloured(label.label_name, label) for label in COLOURS if labels is None or label in labels)
    n_unparsed = 0
    for number, segment in enumerate(trajectory.segments, start=1):
        budget = Budget()
        codes = annotate(segment, budget)
        n_unparsed += budget.n_unparsed > 0
        if labels is None or np.isin(codes, list(labels)).any():
            yield ""
            yield _bold(_heading(number, segment, codes), colours)
            yield from _body(segment.text, codes, labels, colours)
    if n_unparsed:
        yield ""
        yield f"note: {unparsed_line(n_unparsed)}"


def _heading(number: int, segment: Segment, codes: np.ndarray) -> str:
    """For example `== 7 action, bash, executed: yes == code 20, markup 11`."""
    parts = [segment.kind, *(call.tool for call in segment.calls)]
    if segment.kind == "action":
        executed = Counter({True: "yes", False: "no", None: "unknown"}[call.executed] for call in segment.calls)
        parts.append(f"executed: {' and '.join(executed) or 'unknown'}")
    if segment.kind in ("thought", "action") and not segment.generated:
        parts.append("not written by the model")
    if segment.continues:
        parts.append("continues the same string")
    counts = ", ".join(f"{Label(code).label_name} {n}" for code, n in enumerate(np.bincount(codes)) if n)
    return one_line(f"== {number} {', '.join(parts)} == {counts or 'empty'}")


def _body(text: str, codes: np.ndarray, labels: Collection[Label] | None, colours: bool) -> Iterator[str]:
    """The text's lines. Each colour ends with its line, because pagers would continue it in the next line."""
    line: list[str] = []
    for label, stretch in _stretches(text, codes, labels):
        first, *rest = visible(stretch).split("\n")
        line.append(_coloured(first, label) if colours else first)
        for part in rest:
            yield "".join(line)
            line = [_coloured(part, label) if colours else part]
    if any(line):
        yield "".join(line)


def _stretches(text: str, codes: np.ndarray, labels: Collection[Label] | None) -> Iterator[tuple[Label | None, str]]:
    """Yield each stretch of text with one label. A mark replaces hidden text, but blanks between shown text stay."""
    shown = codes if labels is None else np.where(np.isin(codes, list(labels)), codes, _HIDDEN)
    ends = [*(np.flatnonzero(np.diff(shown)) + 1).tolist(), len(text)] if text else []
    start = 0
    for end in ends:
        stretch = text[start:end]
        if shown[start] != _HIDDEN:
            yield Label(int(shown[start])), stretch
        elif stretch.isspace() and start > 0 and end < len(text):
            yield None, stretch
        else:
            yield None, _ELIDED + "\n" * ("\n" in stretch and end < len(text))
        start = end


def _coloured(text: str, label: Label | None) -> str:
    return styled(text, COLOURS[label]) if text and label is not None else text


def _bold(text: str, colours: bool) -> str:
    return styled(text, BOLD) if colours else text
