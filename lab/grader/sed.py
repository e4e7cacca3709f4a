r"""Applies `sed -i` commands to a text, without `sed`: the commands `s`, `a`, `i`, `c` and `d` of GNU sed.

An address is a row, `$`, a range of rows or a pattern. `s` has the flags `g` and `I`. Everything else is not an edit,
also what could start a program or write a file, another file than m.py, and what the shell replaces or redirects.
"""

from __future__ import annotations

import re
import shlex

from lab.grader.no_edit import NoEditError
from lab.grader.sed_patterns import filled
from lab.grader.sed_script import Command, commands_of

MOST_COMMANDS = 4
FILE = "m.py"
_WORDS = re.compile(
    r"""(?: '[^']*' | "(?: [^"\\$`] | \\[^$`\n] )*" | \\[^\n] | [^'"\\$`<>|;&(){}\n] )*""",
    re.VERBOSE,
)
"""Words of a shell command without signs of the shell outside quotes, and without `$` and backticks in double ones."""


def apply_sed(source: str, action: str) -> str:
    """The text of the file after `sed -i SCRIPT m.py`. What follows `&&` in the action is not run.

    Raises:
        NoEditError: the action is another command, or has parts that are not known here.
    """
    commands = [command for script, extended in _scripts(action) for command in commands_of(script, extended)]
    if not 1 <= len(commands) <= MOST_COMMANDS:
        raise NoEditError("no command, or too many")
    rows = source.splitlines()
    after: list[str] = []
    for i, row in enumerate(rows, 1):
        after += _edited_row(row, i, len(rows), commands)
    return "\n".join(after) + "\n"


def _scripts(action: str) -> list[tuple[str, bool]]:
    """The scripts of a command line, and whether each has extended patterns."""
    action = action.strip(" \n")
    match = _WORDS.match(action)
    end = match.end() if match else 0
    if action[end:] and not action[end:].startswith("&&"):
        raise NoEditError(f"text that is not a command: {action[end:]}")
    words = shlex.split(action[:end])
    if len(words) < 4 or words[0] != "sed" or words[-1] != FILE:
        raise NoEditError("not sed -i SCRIPT m.py")
    scripts, extended, in_place, rest = [], False, False, iter(words[1:-1])
    for word in rest:
        if word in ("-E", "-r"):
            extended = True
        elif word == "-i":
            in_place = True
        elif word == "-e":
            scripts.append(next(rest, ""))
        elif word.startswith("-") or scripts:
            raise NoEditError(f"option {word}")
        else:
            scripts.append(word)
    if not in_place:
        raise NoEditError("without -i")
    return [(script, extended) for script in scripts]


def _edited_row(row: str, i: int, n_rows: int, commands: list[Command]) -> list[str]:
    before, after = [], []
    for command in commands:
        if not _applies(command, row, i, n_rows):
            continue
        if command.name == "s" and command.pattern is not None:
            row = _substituted(row, command)
        elif command.name == "i":
            before.append(command.text)
        elif command.name == "a":
            after.append(command.text)
        else:
            return [*before, *([command.text] if command.name == "c" else []), *after]
    return [*before, row, *after]


def _substituted(row: str, command: Command) -> str:
    assert command.pattern is not None
    return command.pattern.sub(lambda match: filled(command.text, match), row, count=0 if command.everywhere else 1)


def _applies(command: Command, row: str, i: int, n_rows: int) -> bool:
    if command.address is None:
        return True
    if isinstance(command.address, re.Pattern):
        return command.address.search(row) is not None
    first, last = (n_rows if text == "$" else int(text) for text in command.address)
    return first <= i <= max(first, last)
