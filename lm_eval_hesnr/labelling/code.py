"""Labels of one value of an action: a shell command, the text of a file, or a patch."""

from __future__ import annotations

import re

import numpy as np

from lm_eval_hesnr.labelling.argument_language import CODE_MODE, EDIT_BLOCKS, PROSE
from lm_eval_hesnr.labelling.budget import Budget
from lm_eval_hesnr.labelling.code_mode import values_in_program
from lm_eval_hesnr.labelling.comments import syntax
from lm_eval_hesnr.labelling.edit_blocks import edit_block_sides
from lm_eval_hesnr.labelling.patches import hunk_sides, is_patch
from lm_eval_hesnr.labels import Label

_MAX_EMBEDDING = 4
"""How many levels of code inside code are labelled, such as a heredoc in a heredoc. Deeper code is one value."""

_WHITESPACE = re.compile(r"\s+")
_DECORATION = re.compile(
    r"""(?:(?<=[\s'"`#;%])|(?<=\\[nrt])|(?<![\s\S]))([-=#*~_+])\1{2,}(?=[\s'"`\\#;%]|\Z)""",
)
"""Three or more of one sign. At each end is an end of the text, whitespace, a quote or a comment sign.

Rows of quotes or dots do not count, because `\"\"\"` and `...` are code. Neither does a row that touches a word or
another sign: `a===b`, `|---|`, `/^---/`.
"""
_DIFF_MARKS = {
    "<<<<<<<": re.compile(r"^(={7})$", re.MULTILINE),
    "\n+++ ": re.compile(r"^(---) \S[^\n]*\n(\+\+\+) \S", re.MULTILINE),
    "\n---\n>": re.compile(r"^(---)$(?=\n>)", re.MULTILINE),
}
"""Marks of merge conflicts and diffs that look like decoration. The key occurs in every text with such a mark."""


def label_code(code: str, language: str | None, budget: Budget, depth: int = 0) -> np.ndarray:
    """(characters,) uint8: code, whitespace, decoration or comment. Patches also have markup; prose is all thought.

    Args:
        code: the decoded value.
        language: as `language_of` returns it.
        budget: what may still be spent on parsing.
        depth: number of scripts that this one is embedded in.
    """
    if language == PROSE:
        return np.full(len(code), Label.THOUGHT, np.uint8)
    if language == "patch":
        if depth < _MAX_EMBEDDING and is_patch(code):
            return _label_patch(code, budget, depth)
        language = None
    if language and language.startswith(EDIT_BLOCKS):
        return _label_edit_blocks(code, language.removeprefix(EDIT_BLOCKS) or None, budget, depth)
    if language == CODE_MODE:
        return _label_code_mode(code, budget, depth)
    labels = np.full(len(code), Label.CODE, np.uint8)
    for match in _WHITESPACE.finditer(code):
        labels[match.start() : match.end()] = Label.WHITESPACE
    _label_decoration(code, labels)
    if language:
        _label_by_syntax(code, language, labels, budget, depth)
    return labels


def _label_decoration(code: str, labels: np.ndarray) -> None:
    """Label drawn rules as decoration, but not the marks of diffs and merge conflicts, which look the same."""
    for match in _DECORATION.finditer(code):
        labels[match.start() : match.end()] = Label.DECORATION
    for sign, mark in _DIFF_MARKS.items():
        for match in mark.finditer(code) if sign in code else ():
            for group in range(1, mark.groups + 1):
                labels[match.start(group) : match.end(group)] = Label.CODE


def _label_by_syntax(code: str, language: str, labels: np.ndarray, budget: Budget, depth: int) -> None:
    """Correct the labels with the syntax tree: for operators, which are not decoration, comments, embedded code."""
    found = syntax(code, language, budget)
    for start, end in found.operators:
        operator_labels = labels[start:end]
        operator_labels[operator_labels == Label.DECORATION] = Label.CODE
    for start, end in found.comments:
        labels[start:end] = Label.COMMENT
    for start, decoded, inner_language in found.embedded if depth < _MAX_EMBEDDING else ():
        inner_labels = label_code(decoded.value, inner_language, budget, depth + 1)
        decoded.copy_labels(inner_labels, labels[start : start + len(decoded.owner)])


def _label_patch(patch: str, budget: Budget, depth: int) -> np.ndarray:
    """Label added and removed lines in the language of their file. Signs, context lines and headers are markup.

    Each side of a hunk is labelled as one text, together with its context lines. Otherwise a line inside a docstring
    could be read as a comment.
    """
    labels = np.full(len(patch), Label.MARKUP, np.uint8)
    for side in hunk_sides(patch):
        side_labels = label_code("".join(line.text for line in side.lines), side.language, budget, depth + 1)
        position = 0
        for line in side.lines:
            if line.changed:
                labels[line.start : line.start + len(line.text)] = side_labels[position : position + len(line.text)]
            position += len(line.text)
    return labels


def _label_edit_blocks(blocks: str, language: str | None, budget: Budget, depth: int) -> np.ndarray:
    """Label the two sides of SEARCH/REPLACE blocks in the language of their file. Everything else is markup."""
    labels = np.full(len(blocks), Label.MARKUP, np.uint8)
    for start, end in edit_block_sides(blocks):
        labels[start:end] = label_code(blocks[start:end], language, budget, depth)
    return labels


def _label_code_mode(program: str, budget: Budget, depth: int) -> np.ndarray:
    """Label the values of the calls in a program, and its comments. Everything else is markup.

    A program without such a value is the action itself, in JavaScript.
    """
    values = values_in_program(program, budget) if depth < _MAX_EMBEDDING else []
    if not values:
        return label_code(program, "javascript", budget, depth)
    labels = np.full(len(program), Label.MARKUP, np.uint8)
    for start, end in syntax(program, "javascript", budget).comments:
        labels[start:end] = Label.COMMENT
    for start, decoded, language in values:
        value_labels = label_code(decoded.value, language, budget, depth + 1)
        decoded.copy_labels(value_labels, labels[start : start + len(decoded.owner)])
    return labels
