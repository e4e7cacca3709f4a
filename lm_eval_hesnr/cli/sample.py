"""`hesnr sample`: list the embedded trajectories, or write one in an agent's format."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lm_eval_hesnr.cli.terminal import print_line, print_lines, print_note, print_text
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import check_output, replace_file, user_path, writing
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


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    command = commands.add_parser("sample", help="list the embedded trajectories, or write one in an agent's format")
    command.add_argument("name", nargs="?", metavar="NAME", help="the trajectory to write (default: list them all)")
    command.add_argument(
        "--form", choices=FORMAT_NAMES, help="file format (default: curated, one JSON line that all commands read)"
    )
    command.add_argument("-o", "--out", metavar="FILE", help="output file (default: stdout)")
    command.add_argument("--force", action="store_true", help="replace FILE if it exists")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> bool:
    """List the trajectories, or write one."""
    out = user_path(arguments.out) if arguments.out else None
    if arguments.name is None:
        if arguments.form or out:
            raise InputError("--form and -o need the NAME of a run; `hesnr sample` lists the names")
        print_lines(table(samples()))
        return True
    form = arguments.form or FORMAT_NAMES[0]
    trajectory = sample(arguments.name)
    written = in_format(trajectory, form)
    usual_name = f"{name_of(trajectory)}{ending_of(form)}"
    if out is None:
        _refuse_terminal(written.text, usual_name)
        print_text(written.text)
    else:
        _check(out, usual_name, force=arguments.force)
        with writing(out):
            replace_file(out, written.text)
        n_segments = len(written.trajectory.segments)
        print_line(f"{out}: {name_of(trajectory)} as {form}, {n_segments} segments")
        if not out.name.endswith(ending_of(form)):
            print_note(f"note: {form} files usually end in {ending_of(form)}; in a folder, this file may be skipped")
    for note in (changed_in(trajectory, form), lost_in(trajectory, form)):
        if note:
            print_note(note)
    return True


def _refuse_terminal(text: str, usual_name: str) -> None:
    """Raise InputError if stdout is a terminal: a run has thousands of lines, or one very long line."""
    if sys.stdout.isatty():
        raise InputError(
            f"the file has {len(text):,} characters, too many for a terminal; write it with -o {usual_name}, or to a "
            "pipe; hesnr show displays a run"
        )


def _check(out: Path, usual_name: str, *, force: bool) -> None:
    """Raise InputError if the file should not be written."""
    if out.is_dir():
        raise InputError(f"{out}: is a folder; name a file in it, such as {out / usual_name}")
    if not out.parent.is_dir():
        raise InputError(f"{out}: the folder {out.parent} does not exist; create it, or name another")
    check_output(out, force=force)
