"""Decodes escaped text and remembers which character of the value each written character stands for."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from lm_eval_hesnr.trajectories.checked import encodable

_JSON_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL
)
_SHELL_ESCAPE = {
    '"': re.compile(r'\\(["\\$`\n])'),
    "<<": re.compile(r"\\([\\$`\n])"),
    "`": re.compile(r"\\([\\$`])"),
}
_JAVASCRIPT_ESCAPE = re.compile(
    r"\\(?:u\{(?P<braces>[0-9a-fA-F]{1,8})\}|u(?P<four>[0-9a-fA-F]{4})|x(?P<two>[0-9a-fA-F]{2})|(?P<letter>\r\n|.))",
    re.DOTALL,
)
_JAVASCRIPT_LETTERS = dict(zip("ntrbfv0", "\n\t\r\b\f\v\0", strict=True)) | {"\n": "", "\r\n": ""}


class Decoded(NamedTuple):
    """A decoded value, aligned with the text it was decoded from."""

    value: str
    owner: np.ndarray
    """(written characters,) int64: index in `value` of the character that each one stands for; -1 for none."""

    def copy_labels(self, value_labels: np.ndarray, written_labels: np.ndarray) -> None:
        """Copy the label of each character of the value to the written characters that stand for it."""
        if len(value_labels) == len(written_labels):  # no escapes; the common case
            written_labels[:] = value_labels
        else:
            has_owner = self.owner >= 0
            written_labels[has_owner] = value_labels[self.owner[has_owner]]


def as_written(text: str) -> Decoded:
    """Text without escapes: every character stands for itself."""
    return Decoded(text, np.arange(len(text)))


def json_string(raw: str) -> Decoded:
    """Decode the inside of a valid JSON string literal."""
    if "\\" not in raw:
        return as_written(raw)
    value: str = encodable(json.loads(f'"{raw}"', strict=False))
    begins = np.ones(len(raw), np.int64)
    for match in _JSON_ESCAPE.finditer(raw):
        begins[match.start() + 1 : match.end()] = 0
    return Decoded(value, np.cumsum(begins) - 1)


def shell_string(raw: str, quote: str) -> Decoded:
    """Decode the inside of a shell word or heredoc. Expansions such as `$x` are kept as written.

    Args:
        raw: the text between the quotes, or the body of the heredoc.
        quote: `"`, a backtick, or `<<` for a heredoc with an unquoted delimiter. With any other value, a backslash has
            no special meaning.
    """
    escape = _SHELL_ESCAPE.get(quote)
    if escape is None or "\\" not in raw:
        return as_written(raw)
    return _decoded(raw, escape, lambda match: match.group(1).replace("\n", ""))  # the shell drops an escaped line end


def javascript_string(raw: str) -> Decoded:
    """Decode the inside of a JavaScript string. Expressions in a template, such as `${x}`, are kept as written."""
    return _decoded(raw, _JAVASCRIPT_ESCAPE, _javascript_character) if "\\" in raw else as_written(raw)


def _javascript_character(escape: re.Match[str]) -> str:
    code = escape["braces"] or escape["four"] or escape["two"]
    if code:
        point = int(code, 16)
        return encodable(chr(point)) if point <= sys.maxunicode else "?"
    return _JAVASCRIPT_LETTERS.get(escape["letter"], escape["letter"])


def _decoded(raw: str, escape: re.Pattern[str], value_of: Callable[[re.Match[str]], str]) -> Decoded:
    """Replace every escape by its value, which has at most one character."""
    owner: list[np.ndarray] = []
    pieces: list[str] = []
    n = 0  # characters of the value so far
    position = 0
    for match in escape.finditer(raw):
        before, value = raw[position : match.start()], value_of(match)
        n += len(before)
        owner += [np.arange(n - len(before), n), np.full(len(match.group()), n if value else -1)]
        pieces += [before, value]
        n += len(value)
        position = match.end()
    pieces.append(raw[position:])
    owner.append(np.arange(n, n + len(pieces[-1])))
    return Decoded("".join(pieces), np.concatenate(owner))


def join_parts(parts: list[tuple[int, Decoded]], start: int, end: int, separator: str = "") -> Decoded:
    """Join the parts of one value, such as `'a'"b"`. Characters between the parts stand for nothing.

    Args:
        parts: position of each part, and the decoded part.
        start: position where the whole value begins.
        end: position where it ends.
        separator: text of the value between two parts. No written character stands for it.
    """
    owner = np.full(end - start, -1)
    n = -len(separator)
    for begin, part in parts:
        n += len(separator)
        owner[begin - start : begin - start + len(part.owner)] = np.where(part.owner >= 0, part.owner + n, -1)
        n += len(part.value)
    return Decoded(separator.join(part.value for _, part in parts), owner)
