"""Values written with escapes: what they say, and which character of the value each written character belongs to."""

from __future__ import annotations

import json
import re
from typing import NamedTuple

import numpy as np

_JSON_ESCAPE = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\.", re.DOTALL
)
_SHELL_ESCAPE = {'"': re.compile(r'\\(["\\$`\n])'), "<<": re.compile(r"\\([\\$`\n])")}


class Decoded(NamedTuple):
    """A value, and where each of its characters is written."""

    value: str
    owner: np.ndarray
    """(written characters,) int64: the index in `value` of what each of them spells, -1 where nothing."""

    def carry(self, labels: np.ndarray, onto: np.ndarray) -> None:
        """Give each written character in `onto` the label of the value's character it spells."""
        if len(labels) == len(onto):  # no escapes; the common case
            onto[:] = labels
        else:
            spells = self.owner >= 0
            onto[spells] = labels[self.owner[spells]]


def plain(text: str) -> Decoded:
    """Text that says what it is."""
    return Decoded(text, np.arange(len(text)))


def json_string(raw: str) -> Decoded:
    """The inside of a JSON string literal that is known to be valid."""
    if "\\" not in raw:
        return plain(raw)
    value: str = json.loads(f'"{raw}"', strict=False)
    begins = np.ones(len(raw), np.int64)
    for match in _JSON_ESCAPE.finditer(raw):
        begins[match.start() + 1 : match.end()] = 0
    return Decoded(value, np.cumsum(begins) - 1)


def shell_string(raw: str, quote: str) -> Decoded:
    """The inside of a shell word or heredoc; expansions such as `$x` are left as they are written.

    Args:
        raw: what stands between the quotes, or the heredoc's body.
        quote: `"`, `<<` for a heredoc with a bare delimiter, or anything else where a backslash is a backslash.
    """
    escape = _SHELL_ESCAPE.get(quote)
    if escape is None or "\\" not in raw:
        return plain(raw)
    owner, value, position = [np.empty(0, np.int64)], "", 0
    pieces: list[str] = []
    n = 0  # characters of the value so far
    for match in escape.finditer(raw):
        before = raw[position : match.start()]
        said = match.group(1).replace("\n", "")  # a continued line: the shell drops both
        owner += [np.arange(n, n + len(before)), np.full(2, n + len(before) if said else -1)]
        pieces += [before, said]
        n += len(before) + len(said)
        position = match.end()
    pieces.append(raw[position:])
    owner.append(np.arange(n, n + len(pieces[-1])))
    value = "".join(pieces)
    return Decoded(value, np.concatenate(owner))


def joined(parts: list[tuple[int, Decoded]], start: int, end: int) -> Decoded:
    """Several written pieces of one value, such as `'a'"b"`, as one; what stands between them spells nothing.

    Args:
        parts: where each piece begins, and the piece.
        start: where the whole begins.
        end: where it ends.
    """
    owner = np.full(end - start, -1)
    n = 0
    for begin, part in parts:
        owner[begin - start : begin - start + len(part.owner)] = np.where(part.owner >= 0, part.owner + n, -1)
        n += len(part.value)
    return Decoded("".join(part.value for _, part in parts), owner)
