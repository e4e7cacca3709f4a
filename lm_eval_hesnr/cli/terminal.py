"""All printing of the `hesnr` command: lines, error lines, the pager, and the colours of labels.

Text of trajectories, file names and tables is not trusted. The functions here print an escape for each character that
could control the terminal. The only escape codes that they print are those of `COLOURS` and of bold text.
"""

# ruff: noqa: T201 (only this module prints)

from __future__ import annotations

import argparse
import os
import pydoc
import re
import shutil
import sys
from collections.abc import Iterable, Sequence
from typing import Any, NoReturn

from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.messages.characters import one_line, short_line
from lm_eval_hesnr.messages.near import did_you_mean

COLOURS = {
    Label.CODE: "32",
    Label.MARKUP: "34",
    Label.COMMENT: "33",
    Label.WHITESPACE: "100",  # a background colour, because blanks do not show a text colour
    Label.DECORATION: "35",
    Label.THOUGHT: "36",
    Label.OBSERVATION: "90",
    Label.SYSTEM: "95",
    Label.TASK: "94",
    Label.OTHER: "31",
}
"""SGR codes of the sixteen colours that every terminal has. Headings are bold and have no colour."""

BOLD, _PLAIN = "1", "0"

_SGR = re.compile(rf"(\x1b\[(?:{'|'.join([*COLOURS.values(), BOLD, _PLAIN])})m)")


def styled(text: str, code: str) -> str:
    """The text between an SGR code and the code that ends all styles."""
    return f"\x1b[{code}m{text}\x1b[{_PLAIN}m"


def print_line(text: str) -> None:
    """Print one line to stdout."""
    print(one_line(text))


def print_note(text: str) -> None:
    """Print one line to stderr. A very long one loses its middle."""
    print(short_line(text), file=sys.stderr)


def print_error(reason: str) -> None:
    """Print one line `error: ...` to stderr."""
    print_note(f"error: {reason}")


def print_lines(lines: Iterable[str], *, paged: bool = False, has_styles: bool = False) -> None:
    """Print to stdout. If `paged`, a text longer than the terminal goes through the user's pager.

    Args:
        lines: the text, one line each.
        paged: use the pager.
        has_styles: the lines contain styles of `styled`, which are kept.
    """
    safe: Iterable[str] = map(_with_styles if has_styles else one_line, lines)
    if paged:
        whole = list(safe)
        if len(whole) >= shutil.get_terminal_size().lines:
            os.environ.setdefault("LESS", "-R")  # without it, less shows escape codes instead of colours
            pydoc.pager("\n".join(whole) + "\n")
            return
        safe = whole
    for line in safe:
        print(line)


def print_text(text: str) -> None:
    """Write a file's content to stdout, in UTF-8, even if the terminal has another encoding."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8"))


class Parser(argparse.ArgumentParser):
    """Accepts only whole names of options. An error shows the usage of the subcommand, and the name that was meant.

    Error messages may contain any argument of the user.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False, **options})
        self._given: Sequence[str] = ()

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse the arguments. Unknown ones are an error here, so that the usage is that of the subcommand."""
        self._given = sys.argv[1:] if args is None else args
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self.error(f"unrecognized arguments: {' '.join(unknown)}")
        return found, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Name the choice that was meant, as Python 3.14 does with `suggest_on_error`."""
        try:
            super()._check_value(action, value)
        except argparse.ArgumentError as error:
            hint = did_you_mean(str(value), map(str, action.choices or ())).rstrip()
            raise argparse.ArgumentError(action, "; ".join(filter(None, [error.message, hint]))) from None

    def error(self, message: str) -> NoReturn:
        """Print the usage and the message, and exit with status 2."""
        known = self._option_string_actions
        written = [one.partition("=")[0] for one in self._given if one.startswith("--")]
        hints = [did_you_mean(one, known).rstrip() for one in written if one not in known and self._subparsers is None]
        super().error(one_line("; ".join([message, *filter(None, hints)])))


def _with_styles(line: str) -> str:
    """The line with escapes for everything but our styles, which `re.split` returns at the odd places."""
    return "".join(part if i % 2 else one_line(part) for i, part in enumerate(_SGR.split(line)))
