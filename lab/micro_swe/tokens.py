"""The tokens of a function, and which of them are names that the function itself defines."""

from __future__ import annotations

import io
import keyword
import tokenize

_BUILT_IN = """
    abs all any bool chr dict divmod enumerate filter float int isinstance len list map max min ord range reversed round
    set sorted str sum tuple zip
"""
BUILT_IN = frozenset(_BUILT_IN.split())


def tokens_of(source: str) -> list[tokenize.TokenInfo]:
    """All tokens of a function.

    Raises:
        tokenize.TokenError, SyntaxError: the text has no tokens of Python.
    """
    return list(tokenize.generate_tokens(io.StringIO(source).readline))


def own(tokens: list[tokenize.TokenInfo]) -> list[int]:
    """The positions of the names of functions, arguments and variables: no keyword, method, or argument as `key=`."""
    return [i for i, token in enumerate(tokens) if token.type == tokenize.NAME and _is_own(tokens, i)]


def _is_own(tokens: list[tokenize.TokenInfo], i: int) -> bool:
    name, after = tokens[i], tokens[i + 1]
    if keyword.iskeyword(name.string) or name.string in BUILT_IN or (i and tokens[i - 1].string == "."):
        return False
    return not (after.string == "=" and after.start == name.end)
