"""Attacks with one very long line, or one repeated text, in a run of each format.

Every text of a small run that may be long is stretched, so that a search in it that is not linear takes minutes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.attack.cases import hesnr_all
from benchmarks.attack.limits import Limits
from benchmarks.attack.mutations import sources
from benchmarks.attack.table import Room, attack

LENGTH, SMALL_LENGTH = 400_000, 60_000
"""Characters of all stretched texts of a file together."""
SMALL_SOURCES = 8
"""How many runs the small form stretches, besides the sketches."""
LIMITS = Limits(seconds=20, megabytes=1500)
UNITS = (
    "a", "1", "_", ".", " ", "\t", "-", "=", "/", "[", "(", "{", "<", ">", "`", '"', "'", "\\", ",", ":", "#", "\u3000",
    "\n", " \n", "a.", "a ", "> a\n", "#### a\n", "```\n", "```bash\nls\n```\n", "<a>", "</a>", "<think>",
    "<tool_call>", "<function=a>", "<function=a></function>", "<parameter=a>", "<parameter=a=", "<read_file>",
    "<command>", "<execute>", "<keystrokes>ls</keystrokes>", "<file>", "Action:", "Act: bash", "Tool [a", "[a] Result:",
    'search_code("', "search_code(", "Result of ", "EXECUTION RESULT of [",
    "a.py\n<<<<<<< SEARCH\n=======\n>>>>>>> REPLACE\n",
    "<<<<<<< SEARCH\n", "*** Begin Patch\n", "> Running ls  \n", "Applied edit to a.py\n",
)  # fmt: skip
OPENINGS = ("", "[", "<", "Tool [", "```")
"""What stands before a long word."""
WORDS = ("a", "1", ".", " ")
SMALL_UNITS = ("a", ".", " ", "[", "<", "`", "\n", "```bash\nls\n```\n")

AIDER = (
    "# aider chat started at 2026-01-01 10:00:00\n\n> Aider v0.80  \n> Main model: m with {form} edit format  \n\n"
    "#### Fix it.  \n\n{text}\n```python\nx = 1\n```\n\n> Applied edit to a.py  \n"
)
_ROVER = "You are a software developer maintaining a large project.\nPlease work on it."
SKETCHES: dict[str, Any] = {
    "cline/api_conversation_history.json": [
        {"role": "user", "content": [{"type": "text", "text": "<task>Fix it.</task>"}]},
        {"role": "assistant", "content": "I look.\n<execute_command>\n<command>ls -l</command>\n</execute_command>"},
        {"role": "user", "content": [
            {"type": "text", "text": "[execute_command for 'ls -l'] Result:\ntotal 0"},
            {"type": "text", "text": "<environment_details> none </environment_details>"}]},
        {"role": "assistant", "content": "It is done."},
    ],
    "rover/conversation_round_1.json": [
        {"role": "system", "content": _ROVER},
        {"role": "user", "content": "<issue>It fails.</issue>"},
        {"role": "assistant", "content": 'I look: search_code("x = 1")'},
        {"role": "user", "content": 'Result of search_code("x = 1"):\nNothing was found.'},
        {"role": "assistant", "content": "<file>a.py</file>\n<original>x = 1</original>\n<patched>x = 2</patched>"},
    ],
}  # fmt: skip
"""Formats of which there are few real files."""


def long_texts(length: int, *, small: bool) -> Iterator[tuple[str, str]]:
    """Names, and texts of about this length."""
    for opening in ("", "[") if small else OPENINGS:
        for unit in SMALL_UNITS[:3] if opening and small else WORDS if opening else SMALL_UNITS if small else UNITS:
            yield f"{opening!r} and {unit!r} repeated", opening + unit * (length // len(unit))


def stretched(value: Any, text: str) -> Iterator[Any]:
    """The JSON value with its texts followed by the long text and repeated, and with the long text in their place.

    Only texts with a blank are stretched, and of those with the same keys above them only the second, or else the
    first. The long text is divided between them.
    """
    found: dict[tuple[str, ...], list[tuple[Any, Any]]] = {}
    _collect(value, (), found)
    places = [every[min(1, len(every) - 1)] for every in found.values()]
    own = text[: max(1, len(text) // max(1, len(places)))]
    for alone in (False, True):
        before = [holder[key] for holder, key in places]
        for (holder, key), old in zip(places, before, strict=True):
            holder[key] = own if alone else f"{old}\n{own}\n{old}"
        yield value
        for (holder, key), old in zip(places, before, strict=True):
            holder[key] = old


def _collect(value: Any, keys: tuple[str, ...], found: dict[tuple[str, ...], list[tuple[Any, Any]]]) -> None:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inside in items:
        above = (*keys, str(key)) if isinstance(value, dict) else keys
        if isinstance(inside, str) and " " in inside.strip():
            found.setdefault(above, []).append((value, key))
        else:
            _collect(inside, above, found)


def _runs(room: Room) -> Iterator[tuple[str, Any]]:
    """The name and the decoded value of the smallest run of each form, and the sketches. JSON Lines are a list."""
    forms: set[frozenset[str]] = set()
    for path in sorted(sources(room), key=lambda path: path.stat().st_size):
        text = path.read_text(encoding="utf-8", errors="replace")
        try:
            value = [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else json.loads(text)
        except ValueError:
            continue
        form = _form(value)
        if form not in forms and len(forms) < (SMALL_SOURCES if room.small else len(forms) + 1):
            forms.add(form)
            yield f"{path.parent.name}/{path.name}", value
    yield from SKETCHES.items()


def _form(value: Any) -> frozenset[str]:
    """The keys of an object, or of the first objects of a list, by which formats differ."""
    every = value[:2] if isinstance(value, list) else [value]
    return frozenset(key for one in every if isinstance(one, dict) for key in one)


def _write(path: Path, value: Any) -> None:
    lines = [json.dumps(one) for one in value] if path.suffix == ".jsonl" else [json.dumps(value)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines), encoding="utf-8")


def _commands(room: Room) -> Iterator[tuple[str, list[str]]]:
    """Write each file, and yield the command that curates it."""
    out = str(room.folder / "out.jsonl")
    texts = list(long_texts(SMALL_LENGTH if room.small else LENGTH, small=room.small))
    for name, value in _runs(room):
        path = room.folder / "in" / name
        for what, text in texts:
            for form, one in zip(("inside", "alone"), stretched(value, text), strict=True):
                _write(path, one)
                yield f"{name}: {what}, {form}", ["curate", str(path), "-o", out, "--force"]
        path.unlink()
    path = room.folder / "in" / ".aider.chat.history.md"
    for edit_format in ("diff", "whole", "udiff", "patch"):
        for what, text in texts:
            path.write_text(AIDER.format(form=edit_format, text=text), encoding="utf-8")
            yield f"Aider, {edit_format}: {what}", ["curate", str(path), "-o", out, "--force"]


@attack("long lines", small=True, seconds=7200)
def one_long_line_in_a_run_of_each_format(room: Room) -> None:
    """No repeated text in a run of any format costs more CPU time than its length explains."""
    worst, n = (0.0, ""), 0
    for name, answer in hesnr_all(room, _commands(room), limits=LIMITS):
        worst, n = max(worst, (answer.seconds, name)), n + 1
    room.notes.append(f"{n} files; slowest {worst[0]:.1f} s: {worst[1]}")
