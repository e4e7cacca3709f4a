"""Every regular expression that readers apply to a file's text takes linear time, for texts made from itself."""

import ast
import importlib
import pkgutil
import random
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from lm_eval_hesnr import trajectories

try:
    from re import _parser as parser  # type: ignore[attr-defined]
except ImportError:  # Python 3.10
    import sre_parse as parser

LENGTH = 4000
LONG = 0.01
"""Seconds that no linear expression takes for `LENGTH` characters. A slower one is measured again at other lengths."""
SHORT_TEXTS = {
    "readers.cline._STOPPED": 300,
    "tools._NUMBER": 201,
    "tools._PREFIX": 200,
}
"""Expressions that only see a text of so many characters: the end of a reply, a name of a tool."""
SEARCHES = ("search", "finditer", "findall", "sub", "split")


class Expression(NamedTuple):
    """A compiled expression of a module, and how the module applies it: `search`, `match` or `fullmatch`."""

    name: str
    pattern: re.Pattern[Any]
    methods: frozenset[str]


def expressions() -> Iterator[Expression]:
    """Every expression at the top of a module that reads trajectories."""
    prefix = f"{trajectories.__name__}."
    for module in pkgutil.walk_packages(trajectories.__path__, prefix):
        loaded = importlib.import_module(module.name)
        tree = ast.parse(Path(str(loaded.__file__)).read_text(encoding="utf-8"))
        calls = [
            node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        ]
        for name, value in vars(loaded).items():
            if isinstance(value, re.Pattern):
                used = {node.attr for node in calls if isinstance(node.value, ast.Name) and node.value.id == name}
                methods = {"search" if one in SEARCHES else one for one in used} or {"search"}
                yield Expression(f"{module.name.removeprefix(prefix)}.{name}", value, frozenset(methods))


EXPRESSIONS = {one.name: one for one in expressions()}


def example(parsed: Any, chance: random.Random) -> str:
    """A text that an expression may match. Each repeat is made once or twice, and each choice by chance."""
    text = ""
    for kind, value in parsed:
        name = str(kind)
        if name == "LITERAL":
            text += chr(value)
        elif name == "NOT_LITERAL":
            text += "b" if value == ord("a") else "a"
        elif name == "ANY":
            text += "a"
        elif name == "IN":
            text += chance.choice(members(value))
        elif name == "BRANCH":
            text += example(chance.choice(value[1]), chance)
        elif name == "SUBPATTERN":
            text += example(value[-1], chance)
        elif "REPEAT" in name:
            for _ in range(max(value[0], min(value[1], chance.choice((1, 1, 2))))):
                text += example(value[2], chance)
        elif name == "ASSERT":
            text += example(value[1], chance)
    return text


def members(listed: Any) -> str:
    """Some characters of a class such as `[^a-z.]`."""
    found = [character for character in "aA1_ -.\n/:=<>\"'()[]{},`#" if is_member(character, listed)]
    assert found, listed
    return "".join(found)


def is_member(character: str, listed: Any) -> bool:
    negated = str(listed[0][0]) == "NEGATE"
    categories = {"DIGIT": str.isdigit, "SPACE": str.isspace, "WORD": lambda c: c.isalnum() or c == "_"}
    found = False
    for kind, value in listed[1:] if negated else listed:
        if str(kind) == "LITERAL":
            found |= ord(character) == value
        elif str(kind) == "RANGE":
            found |= value[0] <= ord(character) <= value[1]
        else:
            name = str(value).removeprefix("CATEGORY_").removeprefix("UNI_")
            is_in: Callable[[str], bool] = categories[name.removeprefix("NOT_")]
            found |= is_in(character) is not name.startswith("NOT_")
    return found is not negated


def texts(pattern: re.Pattern[Any], length: int) -> Iterator[str]:
    """Beginnings of examples, repeated as a whole and in their last character, with and without another end."""
    chance = random.Random(0)
    parsed = parser.parse(pattern.pattern, pattern.flags)
    beginnings = {text[:end] for text in (example(parsed, chance) for _ in range(5)) for end in range(1, len(text) + 1)}
    for beginning in sorted(beginnings):
        for text in (beginning * (length // len(beginning)), beginning + beginning[-1] * length):
            yield text
            yield text + "\n\x00!"


def seconds(expression: Expression, text: str) -> float:
    begin = time.thread_time()
    for method in expression.methods:
        if method == "search":
            for _ in expression.pattern.finditer(text):
                pass
        else:
            getattr(expression.pattern, method)(text)
    return time.thread_time() - begin


def is_quadratic(expression: Expression, make: Callable[[int], str]) -> bool:
    """Whether a text that is 8 times as long takes more than 24 times the time. Quadratic work takes 64 times."""
    short, long = (min(seconds(expression, make(n)) for _ in range(2)) for n in (LENGTH // 4, 2 * LENGTH))
    return long > LONG and long > 24 * short


def slow_text(expression: Expression, length: int) -> str:
    """The beginning of a text for which the time is not linear; empty if there is no such text."""
    for i, text in enumerate(texts(expression.pattern, length)):
        if seconds(expression, text) > LONG:

            def make(n: int, i: int = i) -> str:
                return list(texts(expression.pattern, n))[i]

            if is_quadratic(expression, make):
                return text[:80]
    return ""


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_the_time_is_linear(name):
    assert slow_text(EXPRESSIONS[name], SHORT_TEXTS.get(name, LENGTH)) == ""


def test_every_exception_is_an_expression():
    assert EXPRESSIONS.keys() >= SHORT_TEXTS.keys()


@pytest.mark.parametrize(
    ("pattern", "method"),
    [
        (r"\S*[./]\S*[^\s.]|\w*file", "fullmatch"),  # Aider's file names were found so
        (r"\[(\w+)[^\n]{0,2000}?\] Result:", "match"),  # and the results of Cline
        (r"\s*x", "search"),
    ],
)
def test_an_expression_that_is_not_linear_is_found(pattern, method):
    assert slow_text(Expression("x", re.compile(pattern), frozenset({method})), LENGTH)
