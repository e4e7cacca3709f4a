"""Comments in code, and embedded code of other languages, found with tree-sitter.

These are not comments and stay code: a shebang, pragmas that a tool reads (`# noqa`, `# type:`, `// eslint-disable`,
`//go:build`, MySQL's `/*! ... */`), and Python docstrings, which are strings. Everything else that the grammar calls a
comment is one, also Javadoc, Rust's `///` and licence banners `/*! ... */`. A comment inside an error node may not be
a comment, so it stays code.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

import numpy as np
from tree_sitter import Node, QueryCursor

from lm_eval_hesnr.labelling import shell_scripts
from lm_eval_hesnr.labelling.escapes import Decoded, as_written, join_parts, shell_string
from lm_eval_hesnr.labelling.languages import GRAMMARS, parser, pragma, query
from lm_eval_hesnr.labelling.parser_limits import is_parsable

_MAX_FRAGMENT = 20_000
"""Characters. A longer text with errors is not parsed again as a fragment of a file."""


class Span(NamedTuple):
    """Half-open range of positions."""

    start: int
    end: int


class Embedded(NamedTuple):
    """Code of one language embedded in code of another. It begins at the character `start`."""

    start: int
    decoded: Decoded
    language: str


class Syntax(NamedTuple):
    """The parts of a syntax tree that decide labels."""

    comments: list[Span]
    """In order, without line ends and without pragmas."""
    operators: list[Span]
    """Signs that look like decoration but are operators."""
    embedded: list[Embedded]


_EMPTY = Syntax([], [], [])


def syntax(code: str, language: str) -> Syntax:
    """Parse a file, a shell action, or a fragment of one.

    Args:
        code: the text.
        language: a key of `GRAMMARS`.
    """
    if language == "php" and "<?" not in code:
        language = "php_only"
    grammar = GRAMMARS[language]
    may_have_operators = bool(grammar.operators) and any(sign in code for sign in ("===", "---"))
    may_have_comments = any(mark in code for mark in grammar.marks)
    if not (may_have_operators or may_have_comments) or not is_parsable(code, language):
        return _EMPTY
    found, uncertain = _parse(code, language, "", "")
    if uncertain and len(code) <= _MAX_FRAGMENT:
        for before, after in grammar.surroundings:
            found_inside, still_uncertain = _parse(code, language, before, after)
            if not still_uncertain:
                return found_inside
    return found


def _parse(code: str, language: str, before: str, after: str) -> tuple[Syntax, bool]:
    """Parse the code between `before` and `after`.

    Returns what was found outside error nodes, and whether there is also a comment inside an error node.
    """
    grammar = GRAMMARS[language]
    source = f"{before}{code}{after}".encode("utf-8", "replace")  # a lone surrogate becomes one byte
    root = parser(language).parse(source).root_node
    captures = QueryCursor(query(language, f"(ERROR) @error {grammar.comments} {grammar.operators}")).captures(root)
    positions = _Positions(code, len(before), _outermost(captures.pop("error", [])))
    comments = [positions.span(node) for node in captures.get("comment", []) if positions.is_certain(node)]
    operators = [positions.span(node) for node in captures.get("operator", [])]  # code even inside an error node
    uncertain = len(comments) < len(captures.get("comment", []))
    embedded = [
        Embedded(span.start, as_written(code[span.start : span.end]), name)
        for name, nodes in captures.items()
        if name in GRAMMARS
        for node in nodes
        if positions.is_certain(node)
        for span in [positions.span(node)]
    ]
    if language == "bash":
        embedded += _embedded_scripts(code, root, positions)
    is_pragma = pragma(language).match
    comments = sorted(span for span in comments if not is_pragma(code, span.start, span.end))
    return Syntax(comments, operators, embedded), uncertain


def _embedded_scripts(code: str, root: Node, positions: _Positions) -> list[Embedded]:
    """The scripts in a shell action, with the shell's quoting decoded."""
    found = []
    for script in shell_scripts.scripts(root):
        if not positions.is_certain_byte(script.pieces[0][0]):
            continue
        parts = []
        for first, last, quote in script.pieces:
            start, end = positions.char(first), positions.char(last)
            parts.append((start, shell_string(code[start:end], quote)))
        start = parts[0][0]
        decoded = parts[0][1] if len(parts) == 1 else join_parts(parts, start, positions.char(script.pieces[-1][1]))
        found.append(Embedded(start, decoded, script.language))
    return found


class _Positions:
    """Converts byte positions of the parsed text to character positions of the code, and knows where errors are."""

    def __init__(self, code: str, shift: int, errors: list[Span]) -> None:
        self._shift, self._errors = shift, errors
        self._starts = [span.start for span in errors]
        self._chars = None if code.isascii() else _char_of_byte(code)
        self._last = len(code) if self._chars is None else len(self._chars) - 1

    def char(self, byte: int) -> int:
        """The character of the code that a byte belongs to."""
        byte = min(max(byte - self._shift, 0), self._last)
        return byte if self._chars is None else int(self._chars[byte])

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


def _outermost(errors: list[Node]) -> list[Span]:
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
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    width = 1 + (points >= 0x80).astype(np.int64) + (points >= 0x800) + (points >= 0x10000)
    width[(points >= 0xD800) & (points < 0xE000)] = 1  # replaced by "?" before parsing
    return np.append(np.repeat(np.arange(len(text)), width), len(text))
