"""Comments in code, and embedded code of other languages, found with tree-sitter.

These are not comments and stay code: a shebang, pragmas that a tool reads (`# noqa`, `# type:`, `// eslint-disable`,
`//go:build`, MySQL's `/*! ... */`), and Python docstrings, which are strings. Everything else that the grammar calls a
comment is one, also Javadoc, Rust's `///` and licence banners `/*! ... */`. A comment inside an error node may not be
a comment, so it stays code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from lm_eval_hesnr.labelling import shell_scripts
from lm_eval_hesnr.labelling.budget import Budget
from lm_eval_hesnr.labelling.escapes import Decoded, as_written, join_parts, shell_string
from lm_eval_hesnr.labelling.languages import GRAMMARS, pragma
from lm_eval_hesnr.labelling.parser_limits import is_parsable
from lm_eval_hesnr.labelling.parsing import Tree, captures, parse
from lm_eval_hesnr.labelling.positions import Positions, Span, outermost
from lm_eval_hesnr.labelling.shell_mask import Masked, mask_php, mask_shell

_IN_MAKE_VALUE = re.compile(r"(?<!\\)#")
_MAX_FRAGMENT = 20_000
"""Characters. A longer text with errors is not parsed again as a fragment of a file."""


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


def syntax(code: str, language: str, budget: Budget) -> Syntax:
    """Parse a file, a shell action, or a fragment of one. Empty if the text is beyond a limit.

    Args:
        code: the text.
        language: a key of `GRAMMARS`.
        budget: what may still be spent; it counts the texts that are not parsed.
    """
    if language == "php" and "<?" not in code:
        language = "php_only"
    grammar = GRAMMARS[language]
    may_have_operators = bool(grammar.operators) and any(sign in code for sign in ("===", "---"))
    may_have_comments = any(mark in code for mark in grammar.marks)
    if not (may_have_operators or may_have_comments):
        return _EMPTY
    if not is_parsable(code, language):
        budget.n_unparsed += 1
        return _EMPTY
    masked = mask_shell(code) if language == "bash" else Masked(mask_php(code) if "php" in language else code, [], [])
    found, uncertain = _parse(code, masked, language, ("", ""), budget)
    if uncertain and len(code) <= _MAX_FRAGMENT:
        for around in grammar.surroundings:
            found_inside, still_uncertain = _parse(code, masked, language, around, budget)
            if not still_uncertain:
                return found_inside
    return found


def _parse(code: str, masked: Masked, language: str, around: tuple[str, str], budget: Budget) -> tuple[Syntax, bool]:
    """Parse the code between the two texts `around`; `masked` is the code as the parser gets it.

    Returns what was found outside error nodes, and whether there is also a comment inside an error node.
    """
    before, after = around
    grammar = GRAMMARS[language]
    source = f"{before}{masked.text}{after}".encode()
    tree = parse(source, language, budget)
    found = captures(tree, language, f"(ERROR) @error {grammar.comments} {grammar.operators}", budget) if tree else None
    if tree is None or found is None:
        return _EMPTY, False
    positions = Positions(masked.text, len(before), outermost(found.pop("error", [])))
    comments = [positions.span(node) for node in found.get("comment", []) if positions.is_certain(node)]
    comments += _assigned_comments(code, [positions.span(node) for node in found.get("assigned", [])])
    operators = [positions.span(node) for node in found.get("operator", [])]  # code even inside an error node
    uncertain = any(not positions.is_certain(node) for node in found.get("comment", []))
    embedded = [
        Embedded(span.start, as_written(code[span.start : span.end]), name)
        for name, nodes in found.items()
        if name in GRAMMARS
        for node in nodes
        if positions.is_certain(node)
        for span in [positions.span(node)]
    ]
    if language == "bash":
        embedded += [*_in_backticks(code, masked), *_heredocs(code, tree, masked, positions)]
        embedded += _embedded_scripts(code, tree, positions, budget)
        embedded = list(_outside_scripts(embedded))
    is_pragma = pragma(language).match
    comments = sorted(span for span in comments if not is_pragma(code, span.start, span.end))
    return Syntax(comments, operators, embedded), uncertain


def _assigned_comments(code: str, values: list[Span]) -> Iterator[Span]:
    """The comments that the grammar of Make reads as part of an assigned value."""
    for start, end in values:
        comment = _IN_MAKE_VALUE.search(code, start, end)
        if comment and code.count("(", start, comment.start()) <= code.count(")", start, comment.start()):
            yield Span(comment.start(), end)  # in $(shell ...) the sign may belong to the shell


def _in_backticks(code: str, masked: Masked) -> Iterator[Embedded]:
    """The command substitutions in backticks, which may contain comments or scripts."""
    for start, end in masked.in_backticks:
        if any(mark in code[start:end] for mark in GRAMMARS["bash"].marks):
            yield Embedded(start, shell_string(code[start:end], "`"), "bash")


def _heredocs(code: str, tree: Tree, masked: Masked, positions: Positions) -> Iterator[Embedded]:
    """The heredocs whose language is known."""
    for redirection, start, end, quoted in masked.heredocs:
        byte = positions.byte(redirection)
        language = shell_scripts.heredoc_language(tree, byte) if positions.is_certain_byte(byte) else None
        if language:
            yield Embedded(start, shell_string(code[start:end], "" if quoted else "<<"), language)


def _embedded_scripts(code: str, tree: Tree, positions: Positions, budget: Budget) -> list[Embedded]:
    """The scripts after a flag in a shell action, with the shell's quoting decoded."""
    found = []
    for script in shell_scripts.scripts(tree, budget):
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


def _outside_scripts(embedded: list[Embedded]) -> Iterator[Embedded]:
    """The embedded code without the code inside a shell script: that is found again when the script is labelled."""
    end = 0
    for one in sorted(embedded, key=lambda one: (one.start, -len(one.decoded.owner))):
        if one.start >= end:
            yield one
            if one.language == "bash":
                end = one.start + len(one.decoded.owner)
