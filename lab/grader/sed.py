r"""Applies `sed -i` commands to a text, without `sed`: the commands `s`, `a`, `i`, `c` and `d` of GNU sed.

An address is a row, `$`, a range of rows or a pattern. `s` has the flags `g` and `I`. Everything else is not an edit,
also what could start a program or write a file.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from lab.grader.no_edit import NoEditError
from lab.grader.sed_patterns import filled, python_pattern

MOST_COMMANDS = 4
_ADDRESS = re.compile(r"\s*(?:(?P<first>\d{1,3}|\$)(?:,(?P<last>\d{1,3}|\$))?)?\s*", re.ASCII)
_FLAGS = re.compile(r"[gI]*")


@dataclass(frozen=True, slots=True)
class _Command:
    """One command of a script."""

    name: str
    address: tuple[str, str] | re.Pattern[str] | None
    """Two rows, a pattern, or None for all rows."""
    text: str = ""
    pattern: re.Pattern[str] | None = None
    everywhere: bool = False


def apply_sed(source: str, action: str) -> str:
    """The text of the file after `sed -i SCRIPT FILE`. What follows `&&` in the action is not run.

    Raises:
        NoEditError: the action is another command, or has parts that are not known here.
    """
    commands = [command for script, extended in _scripts(action) for command in _commands(script, extended)]
    if not 1 <= len(commands) <= MOST_COMMANDS:
        raise NoEditError("no command, or too many")
    rows = source.splitlines()
    after: list[str] = []
    for i, row in enumerate(rows, 1):
        after += _edited_row(row, i, len(rows), commands)
    return "\n".join(after) + "\n"


def _scripts(action: str) -> list[tuple[str, bool]]:
    """The scripts of a command line, and whether each has extended patterns."""
    try:
        words = shlex.split(action.strip())
    except ValueError as error:
        raise NoEditError(str(error)) from error
    if words[:1] == ["cd"] and words[2:3] == ["&&"]:
        words = words[3:]
    if "&&" in words:
        words = words[: words.index("&&")]
    if len(words) < 4 or words[0] != "sed" or words[-1].startswith("-"):
        raise NoEditError("not sed -i SCRIPT FILE")
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


def _commands(script: str, extended: bool) -> list[_Command]:
    found = []
    while script.strip("; \n"):
        script = script.lstrip("; \n")
        address, script = _address(script, extended)
        name, script = script[:1], script[1:]
        if name == "s":
            pattern, text, script = _three_parts(script, extended)
            flags = _FLAGS.match(script)
            flag_text = flags.group() if flags else ""
            script = script[len(flag_text) :]
            found.append(
                _Command(name, address, text, _compiled(pattern, extended, "I" in flag_text), "g" in flag_text)
            )
        elif name == "d":
            found.append(_Command(name, address))
        elif name and name in "aic":
            found.append(_Command(name, address, _text_of(script)))
            return found
        else:
            raise NoEditError(f"command {name!r}")
        if script.strip() and script.lstrip(" ")[0] not in ";\n":
            raise NoEditError(f"text after a command: {script}")
    return found


def _address(script: str, extended: bool) -> tuple[tuple[str, str] | re.Pattern[str] | None, str]:
    if script.startswith("/"):
        pattern, rest = _until(script[1:], "/")
        return _compiled(pattern, extended, False), rest.lstrip(" ")
    match = _ADDRESS.match(script)
    if not match or match["first"] is None:
        return None, script
    return (match["first"], match["last"] or match["first"]), script[match.end() :]


def _three_parts(script: str, extended: bool) -> tuple[str, str, str]:
    """The pattern, the replacement and the rest of `/pattern/replacement/rest`."""
    if not script or script[0] in "\\\n" or script[0].isalnum():
        raise NoEditError("s without a delimiter")
    pattern, rest = _until(script[1:], script[0])
    text, rest = _until(rest, script[0])
    return pattern, text, rest


def _until(text: str, delimiter: str) -> tuple[str, str]:
    """The text before the next delimiter that has no backslash, and the text after it."""
    part, i = "", 0
    while i < len(text) and text[i] != delimiter:
        step = 2 if text[i] == "\\" else 1
        part += text[i + 1] if text[i : i + 2] == f"\\{delimiter}" else text[i : i + step]
        i += step
    if i >= len(text):
        raise NoEditError(f"no {delimiter} at the end")
    return part, text[i + 1 :]


def _text_of(script: str) -> str:
    """The text of `a`, `i` or `c`: after a backslash it begins at once, or else at its first other character."""
    text = script[1:] if script.startswith("\\") else script.lstrip(" ")
    if "\\" in text or not text:
        raise NoEditError("no text, or a backslash in it")
    return text.removeprefix("\n")


def _compiled(pattern: str, extended: bool, any_case: bool) -> re.Pattern[str]:
    try:
        return re.compile(python_pattern(pattern, extended), re.IGNORECASE if any_case else 0)
    except (re.error, RecursionError, OverflowError) as error:
        raise NoEditError(str(error)) from error


def _edited_row(row: str, i: int, n_rows: int, commands: list[_Command]) -> list[str]:
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


def _substituted(row: str, command: _Command) -> str:
    assert command.pattern is not None
    return command.pattern.sub(lambda match: filled(command.text, match), row, count=0 if command.everywhere else 1)


def _applies(command: _Command, row: str, i: int, n_rows: int) -> bool:
    if command.address is None:
        return True
    if isinstance(command.address, re.Pattern):
        return command.address.search(row) is not None
    first, last = (n_rows if text == "$" else int(text) for text in command.address)
    return first <= i <= max(first, last)
