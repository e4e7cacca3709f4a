"""Labels of one value of an action: a shell command, a file's text, a patch, in its own language."""

from __future__ import annotations

import re

import numpy as np

from lm_eval_hesnr.labelling.argument_language import PROSE
from lm_eval_hesnr.labelling.comments import syntax
from lm_eval_hesnr.labelling.patches import is_patch, sides
from lm_eval_hesnr.labels import Label

_MAX_DEPTH = 4
"""How deep code may lie in code: a heredoc of a heredoc of ... is left as it is beyond."""

_WHITESPACE = re.compile(r"\s+")
_RULE = re.compile(
    r"""(?:(?<=[\s'"`#;%])|(?<=\\[nrt])|(?<![\s\S]))([-=#*~_+])\1{2,}(?=[\s'"`\\#;%]|\Z)""",
)
"""Three or more of one sign, by themselves: at an end, or beside a blank, a quote or a comment's mark.

Quotes and dots are left out, as `\"\"\"` and `...` are code, and so is what touches a word or another sign: `a===b`,
`|---|`, `/^---/`.
"""
_NO_RULE = {
    "<<<<<<<": re.compile(r"^(={7})$", re.MULTILINE),
    "\n+++ ": re.compile(r"^(---) \S[^\n]*\n(\+\+\+) \S", re.MULTILINE),
    "\n---\n>": re.compile(r"^(---)$(?=\n>)", re.MULTILINE),
}
"""Marks of merge conflicts and diffs that look like rules, by what stands in such a text."""


def label_code(code: str, language: str | None, depth: int = 0) -> np.ndarray:
    """(characters,) uint8: code, whitespace, decoration, comment, in patches markup, and of prose thought.

    Args:
        code: the decoded value.
        language: a key of `languages.GRAMMARS`, `patch`, `PROSE`, or None where no comment can be told.
        depth: how many scripts this one lies in.
    """
    if language == PROSE:
        return np.full(len(code), Label.THOUGHT, np.uint8)
    if language == "patch":
        if depth < _MAX_DEPTH and is_patch(code):
            return _label_patch(code, depth)
        language = None
    labels = np.full(len(code), Label.CODE, np.uint8)
    for match in _WHITESPACE.finditer(code):
        labels[match.start() : match.end()] = Label.WHITESPACE
    _label_rules(code, labels)
    if language:
        found = syntax(code, language)
        for start, end in found.operators:
            piece = labels[start:end]
            piece[piece == Label.DECORATION] = Label.CODE
        for start, end in found.comments:
            labels[start:end] = Label.COMMENT
        for inner in found.inner if depth < _MAX_DEPTH else ():
            onto = labels[inner.start : inner.start + len(inner.decoded.owner)]
            inner.decoded.carry(label_code(inner.decoded.value, inner.language, depth + 1), onto)
    return labels


def _label_rules(code: str, labels: np.ndarray) -> None:
    """Drawn rules are decoration; the marks of diffs and merge conflicts, which look the same, are not."""
    for match in _RULE.finditer(code):
        labels[match.start() : match.end()] = Label.DECORATION
    for sign, mark in _NO_RULE.items():
        for match in mark.finditer(code) if sign in code else ():
            for group in range(1, mark.groups + 1):
                labels[match.start(group) : match.end(group)] = Label.CODE


def _label_patch(patch: str, depth: int) -> np.ndarray:
    """Added and removed lines in their file's language; signs, context lines and headers are markup.

    The two sides of a hunk are read one after the other with their context, so that a line in the middle of a
    docstring is not taken for a comment.
    """
    labels = np.full(len(patch), Label.MARKUP, np.uint8)
    for side in sides(patch):
        inner = label_code("".join(line.text for line in side.lines), side.language, depth + 1)
        position = 0
        for line in side.lines:
            if line.changed:
                labels[line.start : line.start + len(line.text)] = inner[position : position + len(line.text)]
            position += len(line.text)
    return labels
