"""The canonical form of a function: two functions that differ only in names and layout have the same."""

from __future__ import annotations

import hashlib
import tokenize

from lab.micro_swe.tokens import own, tokens_of

_LAYOUT = {tokenize.NEWLINE: "\n", tokenize.INDENT: ">", tokenize.DEDENT: "<"}
_DROPPED = (tokenize.NL, tokenize.COMMENT, tokenize.ENDMARKER)


def canonical(source: str) -> str:
    """The tokens of a function, with its own names replaced by v0, v1 and so on, in the order of the text.

    Raises:
        tokenize.TokenError, SyntaxError: the text has no tokens of Python.
    """
    tokens = tokens_of(source)
    own_positions = set(own(tokens))
    numbers: dict[str, str] = {}
    parts = []
    for i, token in enumerate(tokens):
        if i in own_positions:
            parts.append(numbers.setdefault(token.string, f"v{len(numbers)}"))
        elif token.type not in _DROPPED:
            parts.append(_LAYOUT.get(token.type, token.string))
    return " ".join(parts)


def digest(source: str) -> str:
    """16 hexadecimal digits of the SHA-256 of the canonical form."""
    return hashlib.sha256(canonical(source).encode()).hexdigest()[:16]
