"""The editor tool of the two SWE-agent styles, `str_replace_editor`. It reaches only the files of one sandbox."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from assets_src.swe_mini.sandbox import Outcome
from lm_eval_hesnr.trajectories.writers.convert import NUMBERS

_AROUND = 3  # lines shown on either side of a change


class EditError(ValueError):
    """The editor's answer to a call that it refuses. Nothing was changed."""


def edit(arguments: Mapping[str, Any], repo: Path, shown: str) -> Outcome:
    """Do what one call requests, and return the editor's answer.

    Args:
        arguments: those of `str_replace_editor` in `TOOLS`. Numbers may be given as JSON text.
        repo: folder of the repository in the sandbox.
        shown: name of this folder for the agent, such as /repo/NAME.
    """
    try:
        given = {name: _number(name, value) if name in NUMBERS else value for name, value in arguments.items()}
        command = given.get("command")
        if command not in _COMMANDS:
            raise EditError(f"unknown command {command!r}; there are {', '.join(_COMMANDS)}")
        path = _inside(_required(given, "path"), repo, shown)
        return Outcome(returncode=0, output=_COMMANDS[command](path, given))
    except EditError as error:
        return Outcome(returncode=1, output=f"ERROR: {error}\n")


def _view(path: Path, given: Mapping[str, Any]) -> str:
    name = given["path"]
    if path.is_dir():
        found = sorted(each.relative_to(path) for each in [*path.glob("*"), *path.glob("*/*")])
        listed = [str(each) for each in found if not any(part.startswith(".") for part in each.parts)]
        return "".join(f"{line}\n" for line in [f"{name}, two levels deep, without hidden files:", *listed])
    lines = _lines(_read(path, name))
    wanted = given.get("view_range")
    if wanted is None:
        return _numbered(f"{name}:", lines, 1, len(lines))
    if not isinstance(wanted, list) or len(wanted) != 2 or not all(isinstance(number, int) for number in wanted):
        raise EditError(f"view_range should be two line numbers such as [1, 40], found {wanted!r}")
    first, last = wanted[0], len(lines) if wanted[1] == -1 else wanted[1]
    if not 1 <= first <= len(lines) or last < first:
        raise EditError(f"view_range {wanted} does not fit: {name} has {len(lines)} lines")
    last = min(last, len(lines))
    return _numbered(f"{name}, lines {first} to {last} of {len(lines)}:", lines, first, last)


def _create(path: Path, given: Mapping[str, Any]) -> str:
    if path.exists():
        raise EditError(f"{given['path']} exists already; create writes only new files. Use str_replace to change it.")
    text = _required(given, "file_text", empty=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return f"Created {given['path']}, {len(_lines(text))} lines.\n"


def _str_replace(path: Path, given: Mapping[str, Any]) -> str:
    old, new = _required(given, "old_str"), given.get("new_str") or ""
    text = _read(path, given["path"])
    places = _places(text, old)
    if not places:
        raise EditError(f"no replacement made: old_str does not occur, letter by letter, in {given['path']}.")
    if len(places) > 1:
        numbers = ", ".join(str(text.count("\n", 0, place) + 1) for place in places)
        raise EditError(f"no replacement made: old_str occurs {len(places)} times, on lines {numbers}; make it unique.")
    path.write_text(text[: places[0]] + new + text[places[0] + len(old) :], encoding="utf-8")
    first = text.count("\n", 0, places[0]) + 1
    return _changed(path, given["path"], first, first + new.count("\n"))


def _insert(path: Path, given: Mapping[str, Any]) -> str:
    after, new = given.get("insert_line"), _required(given, "new_str")
    lines = _lines(_read(path, given["path"]))
    if not isinstance(after, int) or not 0 <= after <= len(lines):
        raise EditError(f"insert_line should be from 0 to {len(lines)}, the lines of the file, found {after!r}")
    lines[after:after] = _lines(new)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return _changed(path, given["path"], after + 1, after + len(_lines(new)))


_COMMANDS = {"view": _view, "create": _create, "str_replace": _str_replace, "insert": _insert}


def _changed(path: Path, name: str, first: int, last: int) -> str:
    """The changed lines, with a few lines around them."""
    lines = _lines(_read(path, name))
    first, last = max(1, first - _AROUND), min(len(lines), last + _AROUND)
    return _numbered(f"Changed {name}; lines {first} to {last} are now:", lines, first, last)


def _numbered(heading: str, lines: list[str], first: int, last: int) -> str:
    shown = [f"{number:>6}\t{line}" for number, line in enumerate(lines[first - 1 : last], start=first)]
    return "".join(f"{line}\n" for line in [heading, *shown])


def _lines(text: str) -> list[str]:
    """The lines of a file. Only a line feed ends a line."""
    return text.removesuffix("\n").split("\n") if text else []


def _places(text: str, part: str) -> list[int]:
    """Positions of `part` in the text, without overlap."""
    found, place = [], text.find(part)
    while place >= 0:
        found.append(place)
        place = text.find(part, place + len(part))
    return found


def _read(path: Path, name: str) -> str:
    if not path.exists():
        raise EditError(f"there is no {name}.")
    if path.is_dir():
        raise EditError(f"{name} is a folder.")
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise EditError(f"{name} is no text in UTF-8.") from None


def _inside(name: str, repo: Path, shown: str) -> Path:
    """The real path of a path that the agent names. Links to outside of the repository are refused."""
    if name != shown and not name.startswith(f"{shown}/"):
        raise EditError(f"{name!r} is not an absolute path in {shown}, and the editor reaches nothing else.")
    path = repo / name.removeprefix(shown).lstrip("/")
    if not path.resolve().is_relative_to(repo.resolve()):
        raise EditError(f"{name} leads out of {shown}, and the editor reaches nothing else.")
    return path


def _required(given: Mapping[str, Any], name: str, *, empty: bool = False) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not (value or empty):
        raise EditError(f"{given.get('command')} needs {name}.")
    return value


def _number(name: str, value: Any) -> Any:
    try:
        return json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise EditError(f"{name} should be a number or a list of numbers, found {value!r}") from None
