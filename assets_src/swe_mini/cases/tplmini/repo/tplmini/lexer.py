"""A template cut into tokens."""

from typing import NamedTuple

from tplmini.errors import TemplateError

CLOSERS = {"{{": "}}", "{%": "%}", "{#": "#}"}


class Token(NamedTuple):
    """`kind` is "text", "{{" or "{%"; `body` is the text, or what stands between the marks, stripped."""

    kind: str
    body: str
    line: int


def tokens(source):
    """The tokens of a template, comments left out."""
    position = 0
    while position < len(source):
        start = min((at for at in (source.find(mark, position) for mark in CLOSERS) if at >= 0), default=len(source))
        if start > position:
            yield Token("text", source[position:start], _line(source, position))
        if start == len(source):
            return
        kind = source[start : start + 2]
        end = source.find(CLOSERS[kind], start + 2)
        if end < 0:
            raise TemplateError(_line(source, start), f"{kind} is never closed")
        if kind != "{#":
            yield Token(kind, source[start + 2 : end].strip(), _line(source, start))
        position = end + 2


def _line(source, position):
    return source.count("\n", 0, position) + 1
