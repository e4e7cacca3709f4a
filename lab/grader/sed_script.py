"""The commands of a sed script: `s`, `a`, `i`, `c` and `d`, each with its address."""

from __future__ import annotations

import re
from dataclasses import dataclass

from lab.grader.no_edit import NoEditError
from lab.grader.sed_patterns import python_pattern

_ADDRESS = re.compile(r"\s*(?:(?P<first>\d{1,3}|\$)(?:,(?P<last>\d{1,3}|\$))?)?\s*", re.ASCII)
_FLAGS = re.compile(r"[gI]*")


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a script."""

    name: str
    address: tuple[str, str] | re.Pattern[str] | None
    """Two rows, a pattern, or None for all rows."""
    text: str = ""
    pattern: re.Pattern[str] | None = None
    everywhere: bool = False


def commands_of(script: str, extended: bool) -> list[Command]:
    """The commands of a script, in their order.

    Raises:
        NoEditError: it has commands, flags or addresses that are not known here.
    """
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
            found.append(Command(name, address, text, _compiled(pattern, extended, "I" in flag_text), "g" in flag_text))
        elif name == "d":
            found.append(Command(name, address))
        elif name and name in "aic":
            found.append(Command(name, address, _text_of(script)))
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
