"""Where comments stand in code, and what code of other languages lies in it, by tree-sitter.

Not comments, and so kept as code: a shebang, pragmas that a tool reads (`# noqa`, `# type:`, `// eslint-disable`,
`//go:build`, MySQL's `/*! ... */`) and Python's docstrings, which are strings. What the grammar calls a comment is one,
so Javadoc, Rust's `///` and licence banners `/*! ... */` are. A comment inside an error node is not certain to be one
and stays code.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

import numpy as np
from tree_sitter import Node, QueryCursor

from lm_eval_hesnr.labelling import shell_scripts
from lm_eval_hesnr.labelling.escapes import Decoded, joined, plain, shell_string
from lm_eval_hesnr.labelling.languages import GRAMMARS, parser, pragma, query
from lm_eval_hesnr.labelling.parser_limits import is_parsable

_MAX_PIECE = 20_000
"""Characters of the longest text that is tried as a piece cut out of a file when it does not parse by itself."""


class Span(NamedTuple):
    """Half-open range of characters."""

    start: int
    end: int


class Inner(NamedTuple):
    """Code of one language that lies in code of another, from the character `start` on."""

    start: int
    decoded: Decoded
    language: str


class Syntax(NamedTuple):
    """What the syntax tree of a text says about its characters."""

    comments: list[Span]
    """In order, without the line's end; pragmas left out."""
    operators: list[Span]
    """Where a sign that looks like a drawn rule is none."""
    inner: list[Inner]


_NOTHING = Syntax([], [], [])


def syntax(code: str, language: str) -> Syntax:
    """Read `code`, a whole file or shell action or a piece of one, in a language of `GRAMMARS`."""
    if language == "php" and "<?" not in code:
        language = "php_only"
    grammar = GRAMMARS[language]
    operators = bool(grammar.operators) and any(sign in code for sign in ("===", "---"))
    if not operators and not any(mark in code for mark in grammar.marks):
        return _NOTHING
    if not is_parsable(code, language):
        return _NOTHING
    found, uncertain = _read(code, language, "", "")
    if uncertain and len(code) <= _MAX_PIECE:
        for before, after in grammar.surroundings:
            again, still = _read(code, language, before, after)
            if not still:
                return again
    return found


def _read(code: str, language: str, before: str, after: str) -> tuple[Syntax, bool]:
    """What stands outside error nodes in the code, between `before` and `after`; whether a comment stands in one."""
    grammar = GRAMMARS[language]
    source = f"{before}{code}{after}".encode("utf-8", "replace")  # a lone surrogate becomes one byte, one character
    root = parser(language).parse(source).root_node
    captures = QueryCursor(query(language, f"(ERROR) @error {grammar.comments} {grammar.operators}")).captures(root)
    place = _Place(code, len(before), _outermost(captures.pop("error", [])))
    comments = [place.span(node) for node in captures.get("comment", []) if place.is_certain(node)]
    operators = [place.span(node) for node in captures.get("operator", [])]  # what is kept as code need not be certain
    uncertain = len(comments) < len(captures.get("comment", []))
    inner = [
        Inner(span.start, plain(code[span.start : span.end]), name)
        for name, nodes in captures.items()
        if name in GRAMMARS
        for node in nodes
        if place.is_certain(node)
        for span in [place.span(node)]
    ]
    if language == "bash":
        inner += _scripts(code, root, place)
    is_pragma = pragma(language).match
    remarks = sorted(span for span in comments if not is_pragma(code, span.start, span.end))
    return Syntax(remarks, operators, inner), uncertain


def _scripts(code: str, root: Node, place: _Place) -> list[Inner]:
    """The scripts that a shell action carries, with the shell's quoting taken off."""
    found = []
    for script in shell_scripts.scripts(root):
        if not place.is_sure(script.pieces[0][0]):
            continue
        parts = []
        for first, last, quote in script.pieces:
            start, end = place.char(first), place.char(last)
            parts.append((start, shell_string(code[start:end], quote)))
        start = parts[0][0]
        decoded = parts[0][1] if len(parts) == 1 else joined(parts, start, place.char(script.pieces[-1][1]))
        found.append(Inner(start, decoded, script.language))
    return found


class _Place:
    """From byte positions of a parsed text to characters of the code in it, and whether they are certain."""

    def __init__(self, code: str, shift: int, errors: list[Span]) -> None:
        self._shift, self._errors = shift, errors
        self._starts = [span.start for span in errors]
        self._chars = None if code.isascii() else _char_of_byte(code)
        self._last = len(code) if self._chars is None else len(self._chars) - 1

    def char(self, byte: int) -> int:
        byte = min(max(byte - self._shift, 0), self._last)
        return byte if self._chars is None else int(self._chars[byte])

    def span(self, node: Node) -> Span:
        return Span(self.char(node.start_byte), self.char(node.end_byte))

    def is_sure(self, byte: int) -> bool:
        i = bisect_right(self._starts, byte) - 1
        return i < 0 or byte >= self._errors[i].end

    def is_certain(self, node: Node) -> bool:
        return self.is_sure(node.start_byte)


def _outermost(errors: list[Node]) -> list[Span]:
    """The byte ranges of error nodes that lie in no other, in order."""
    spans: list[Span] = []
    for span in sorted(Span(node.start_byte, node.end_byte) for node in errors):
        if not spans or span.start >= spans[-1].end:
            spans.append(span)
        elif span.end > spans[-1].end:
            spans[-1] = Span(spans[-1].start, span.end)
    return spans


def _char_of_byte(text: str) -> np.ndarray:
    """(bytes + 1,) which character each UTF-8 byte belongs to; the last entry is the text's length."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    width = 1 + (points >= 0x80).astype(np.int64) + (points >= 0x800) + (points >= 0x10000)
    width[(points >= 0xD800) & (points < 0xE000)] = 1  # replaced by "?" before parsing
    return np.append(np.repeat(np.arange(len(text)), width), len(text))
