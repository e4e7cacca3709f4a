"""Bugs of level 1: one token of one row is another."""

from __future__ import annotations

import keyword
import random
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

from lab.micro_swe.bug import Bug, Change
from lab.micro_swe.tokens import own, tokens_of

_GROUPS = {
    "operator": ["+ - *", "// % /", "< <= > >=", "== !=", "+= -= *=", "* +"],
    "word": ["and or", "True False", "break continue", "if while", "elif if"],
    "call": [
        "min max sum len", "any all", "append extend", "upper lower title", "strip lstrip rstrip", "isdigit isalpha",
        "startswith endswith", "find rfind count", "keys values items", "sorted reversed list", "pop remove",
        "insert append", "add discard", "isupper islower", "list tuple", "str int",
    ],
}  # fmt: skip
"""Groups of tokens that may take each other's place. `set` is not there: the order of a set of texts is not fixed."""


class _Replacement(NamedTuple):
    """Another token, or none, at the place of one."""

    row: int
    start: int
    end: int
    old: str
    new: str
    category: str


def one_token_bugs(source: str, rng: random.Random) -> Iterator[Bug]:
    """Every bug of one token below the first row, in random order. Each category has the same chance to come first."""
    by_category: dict[str, list[_Replacement]] = {}
    for replacement in _replacements(source):
        by_category.setdefault(replacement.category, []).append(replacement)
    for found in by_category.values():
        rng.shuffle(found)
    while by_category:
        category = rng.choice(sorted(by_category))
        yield _bug(source, by_category[category].pop())
        if not by_category[category]:
            del by_category[category]


def _replacements(source: str) -> Iterator[_Replacement]:
    tokens = tokens_of(source)
    own_positions = set(own(tokens))
    function = tokens[1].string
    names = sorted({tokens[i].string for i in own_positions} - {function})
    for i, token in enumerate(tokens):
        (row, start), (_, end) = token.start, token.end
        if row == 1:
            continue
        for new, category in _others(tokens, i, names if i in own_positions and token.string != function else []):
            if not new and source.splitlines()[row - 1][end : end + 1] == " ":
                end += 1
            yield _Replacement(row, start, end, token.string, new, category)


def _others(tokens: list[tokenize.TokenInfo], i: int, names: list[str]) -> Iterator[tuple[str, str]]:
    """The tokens that may stand in the place of token `i`, each with its category. An empty one drops it."""
    text, kind = tokens[i].string, tokens[i].type
    for category, groups in _GROUPS.items():
        for group in map(str.split, groups):
            if text in group:
                yield from ((other, category) for other in group if other != text)
    if kind == tokenize.NUMBER and text.isdigit():
        yield from ((str(number), "number") for number in (int(text) + 1, int(text) - 1) if number >= 0)
    if kind == tokenize.NAME and not keyword.iskeyword(text):
        yield from ((name, "name") for name in names if name != text)
    if text == "not" or (text == "-" and _is_sign(tokens[i - 1])):
        yield "", "dropped"
    if text == "in" and tokens[i - 1].string != "not" and not _of_loop(tokens, i):
        yield "not in", "word"


def _is_sign(before: tokenize.TokenInfo) -> bool:
    return (before.type == tokenize.OP and before.string not in (")", "]", "}")) or keyword.iskeyword(before.string)


def _of_loop(tokens: list[tokenize.TokenInfo], i: int) -> bool:
    """Whether the `in` at `i` belongs to a `for`."""
    for token in reversed(tokens[:i]):
        if token.string == "for":
            return True
        if token.string in ("if", "and", "or", "return", "while", "=") or token.type == tokenize.NEWLINE:
            return False
    return False


def _bug(source: str, change: _Replacement) -> Bug:
    rows = source.splitlines()
    right = rows[change.row - 1]
    rows[change.row - 1] = right[: change.start] + change.new + right[change.end :]
    kind = f"{change.category}: {change.old} became {change.new or 'nothing'}"
    return Bug("\n".join(rows) + "\n", (Change(change.row, right),), kind)
