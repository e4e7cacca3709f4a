"""Tokens to nodes, nodes to text."""

import html

from tplmini.errors import TemplateError
from tplmini.expression import Expression
from tplmini.filters import text
from tplmini.lexer import tokens


class Template:
    """A template, understood; render it as often as you like."""

    def __init__(self, source):
        self.nodes, end = _parse(tokens(source))
        if end is not None:
            raise TemplateError(end.line, f"unexpected {end.body}")

    def render(self, **values):
        """The text with the values filled in."""
        return "".join(_render(self.nodes, values))


# -- parsing -------------------------------------------------------------------


def _parse(stream):
    """(nodes, end): everything up to a token that belongs to an outer tag; `end` is None at the end of the text."""
    nodes = []
    for token in stream:
        if token.kind == "text":
            nodes.append(("text", token.body))
        elif token.kind == "{{":
            nodes.append(("print", Expression(token.body)))
        elif token.body.startswith("for "):
            nodes.append(_parse_for(token, stream))
        elif token.body.startswith("if "):
            nodes.append(_parse_if(token, stream))
        else:
            return nodes, token
    return nodes, None


def _parse_for(token, stream):
    _, name, word, *rest = [*token.body.split(None, 3), "", ""]
    if word != "in" or not rest[0]:
        raise TemplateError(token.line, "a loop is written {% for NAME in VALUE %}")
    body, end = _parse(stream)
    _expect(end, token, "endfor")
    return "for", name, Expression(rest[0]), body


def _parse_if(token, stream):
    yes, end = _parse(stream)
    no = []
    if end is not None and end.body == "else":
        no, end = _parse(stream)
    _expect(end, token, "endif")
    return "if", Expression(token.body[3:]), yes, no


def _expect(end, opener, word):
    if end is None or end.body != word:
        raise TemplateError(opener.line, f"{{% {opener.body} %}} has no {word}")


# -- rendering -----------------------------------------------------------------


def _render(nodes, values):
    for kind, *parts in nodes:
        if kind == "text":
            yield parts[0]
        elif kind == "print":
            yield html.escape(text(parts[0].value(values)))
        elif kind == "for":
            name, expression, body = parts
            for item in expression.value(values) or ():
                yield from _render(body, {**values, name: item})
        else:
            condition, yes, no = parts
            yield from _render(yes if condition.value(values) else no, values)
