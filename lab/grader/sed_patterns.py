r"""Patterns and replacements of sed, in Python's form.

In a basic pattern, `( ) { } | + ?` are characters, and have their meaning after a backslash. In an extended pattern it
is the other way round, as in Python.
"""

from __future__ import annotations

import re

from lab.grader.no_edit import NoEditError

_TURNED = "(){}|+?"
_DIGITS = "0123456789"
_SAME = frozenset("bBwWsS123456789n")


def python_pattern(pattern: str, extended: bool) -> str:
    """The pattern in Python's form.

    Raises:
        NoEditError: it has a bracket without an end, or an escape that is not known here.
    """
    parts, i = [], 0
    while i < len(pattern):
        sign = pattern[i]
        if sign == "[":
            end = pattern.find("]", i + 2 + (pattern[i + 1 : i + 2] == "^"))
            if end < 0:
                raise NoEditError("a [ without its ]")
            parts.append(_brackets(pattern[i + 1 : end]))
            i = end
        elif sign == "\\":
            i += 1
            parts.append(_escape(pattern[i : i + 1], extended))
        elif _is_plain(pattern, i, extended) or (sign == "*" and _at_start(parts)):
            parts.append("\\" + sign)
        else:
            parts.append(sign if sign in ".*^$" or sign in _TURNED else re.escape(sign))
        i += 1
    return "".join(parts).replace("$", r"\Z") if pattern.endswith("$") and not extended else "".join(parts)


def filled(replacement: str, match: re.Match[str]) -> str:
    """The replacement of one match: `&` is the match, a backslash and a digit is a group."""
    text, i = "", 0
    while i < len(replacement):
        sign = replacement[i]
        if sign == "&":
            text += match.group()
        elif sign == "\\":
            i += 1
            text += _escaped_replacement(replacement[i : i + 1], match)
        else:
            text += sign
        i += 1
    return text


def _is_plain(pattern: str, i: int, extended: bool) -> bool:
    """Whether a sign that is special in Python is only a character here."""
    inside = (pattern[i] == "^" and i > 0) or (pattern[i] == "$" and i + 1 < len(pattern))
    return not extended and (inside or pattern[i] in _TURNED)


def _at_start(parts: list[str]) -> bool:
    return not parts or parts[-1] in ("^", "(", "|")


def _brackets(body: str) -> str:
    """A set of characters. In sed, a backslash in it is a character."""
    inverted = body.startswith("^")
    signs = re.sub(r"([\\\[\]&~|])", r"\\\1", body[inverted:])
    return "[" + "^" * inverted + signs + "]"


def _escape(sign: str, extended: bool) -> str:
    if sign in _TURNED and sign:
        return "\\" + sign if extended else sign
    if sign in _SAME and sign:
        return "\\" + sign
    if sign.isalnum() or not sign:
        raise NoEditError(f"escape {sign!r} in a pattern")
    return re.escape(sign)


def _escaped_replacement(sign: str, match: re.Match[str]) -> str:
    if sign == "0":
        return match.group()
    if sign in _DIGITS and sign:
        if int(sign) > len(match.groups()):
            raise NoEditError(f"no group {sign}")
        return match.group(int(sign)) or ""
    if sign == "n":
        return "\n"
    if sign.isalnum() or not sign:
        raise NoEditError(f"escape {sign!r} in a replacement")
    return sign
