"""Byte positions of a parsed text, converted to character positions."""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

import numpy as np
from tree_sitter import Node


class Span(NamedTuple):
    """Half-open range of positions."""

    start: int
    end: int


class Positions:
    """Converts byte positions of the parsed text to character positions of the code. It also stores the errors."""

    def __init__(self, code: str, shift: int, errors: list[Span]) -> None:
        self._shift, self._errors = shift, errors
        self._starts = [span.start for span in errors]
        self._chars = None if code.isascii() else _char_of_byte(code)
        self._last = len(code) if self._chars is None else len(self._chars) - 1

    def char(self, byte: int) -> int:
        """The character of the code that a byte belongs to."""
        byte = min(max(byte - self._shift, 0), self._last)
        return byte if self._chars is None else int(self._chars[byte])

    def byte(self, char: int) -> int:
        """The first byte of the parsed text that belongs to a character of the code."""
        return self._shift + (char if self._chars is None else int(np.searchsorted(self._chars, char)))

    def span(self, node: Node) -> Span:
        """The characters of a node."""
        return Span(self.char(node.start_byte), self.char(node.end_byte))

    def is_certain_byte(self, byte: int) -> bool:
        """Whether a byte is outside all error nodes."""
        i = bisect_right(self._starts, byte) - 1
        return i < 0 or byte >= self._errors[i].end

    def is_certain(self, node: Node) -> bool:
        """Whether a node begins outside all error nodes."""
        return self.is_certain_byte(node.start_byte)


def outermost(errors: list[Node]) -> list[Span]:
    """The byte ranges of the outermost error nodes, in order."""
    spans: list[Span] = []
    for span in sorted(Span(node.start_byte, node.end_byte) for node in errors):
        if not spans or span.start >= spans[-1].end:
            spans.append(span)
        elif span.end > spans[-1].end:
            spans[-1] = Span(spans[-1].start, span.end)
    return spans


def _char_of_byte(text: str) -> np.ndarray:
    """(bytes + 1,) int64: the character that each UTF-8 byte belongs to. The last entry is the length of the text."""
    points = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    width = 1 + (points >= 0x80).astype(np.int64) + (points >= 0x800) + (points >= 0x10000)
    return np.append(np.repeat(np.arange(len(text)), width), len(text))
