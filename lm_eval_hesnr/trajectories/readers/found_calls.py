"""Calls inside a text: where they are, and how to split the text there.

The model's text is never edited. The segments of a text, joined together, are exactly that text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from lm_eval_hesnr.trajectories.readers.segments import call, thought
from lm_eval_hesnr.trajectories.schema import Call, Segment

_FUNCTION = re.compile(r"<function=([^<>\n]+)>")  # a name has no "<", which keeps the time linear
_REST_OF_LINE = re.compile(r"[^\S\n]*\n")
_PARAMETER = re.compile(r"<parameter=(?:(\w+)=(?=[^<]*</parameter>)|([^<>\n]+)>)", re.ASCII)
"""The first form is malformed: `<parameter=NAME=value</parameter>`. OpenHands reads it like the second form."""


class Found(NamedTuple):
    """Calls at [start, end) of a text; the span includes the marks around them."""

    start: int
    end: int
    calls: tuple[Call, ...]


CallFinder = Callable[[str, "bool | None"], list[Found]]
"""Function of one syntax: (text, executed) -> the calls in the text, in order."""


def split_at_calls(text: str, found: Iterable[Found]) -> Iterator[Segment]:
    """Yield a text of the model as thought and action segments, in order and with every character."""
    position = 0
    for start, end, calls in found:
        yield from thought(text[position:start], continues=position > 0)
        yield Segment("action", text[start:end], generated=True, calls=calls, continues=start > 0)
        position = end
    yield from thought(text[position:], continues=position > 0)


def shell_command(start: int, end: int, command: str, executed: bool | None) -> Found:
    """A shell command at [start, end); spaces and line ends around the command are removed."""
    return Found(start, end, (Call("bash", {"command": command.strip()}, executed),))


def fenced(text: str, opening: str) -> list[tuple[int, int, str]]:
    """Return the fenced blocks that start with `opening`, such as "```bash": (start of the marks, their end, content).

    Only spaces may follow `opening` on its line. `str.find` keeps the time linear, also for hostile text.
    """
    found = []
    start = text.find(opening)
    while start >= 0:
        body = start + len(opening)
        blanks = _REST_OF_LINE.match(text, body)
        if blanks is None:  # ```bashrc
            start = text.find(opening, body)
            continue
        line_end = blanks.end() - 1
        stop = text.find("\n```", line_end)  # an empty block closes on the next line
        if stop < 0:
            break
        end = stop + len("\n```")
        found.append((start, end, text[line_end + 1 : max(stop, line_end + 1)]))
        start = text.find(opening, end)
    return found


def tagged(text: str, tag: str) -> list[tuple[int, int, str]]:
    """Return the `<tag>...</tag>` blocks: (start of the opening tag, end of the closing tag, content)."""
    opening, closing = f"<{tag}>", f"</{tag}>"
    found = []
    start = text.find(opening)
    while start >= 0:
        body = start + len(opening)
        stop = text.find(closing, body)
        if stop < 0:
            break
        found.append((start, stop + len(closing), text[body:stop]))
        start = text.find(opening, stop + len(closing))
    return found


def xml_functions(text: str, executed: bool | None) -> list[Found]:
    """Return the `<function=NAME><parameter=KEY>value</parameter>...</function>` calls; values have no escapes.

    A call without `</function>` ends with the text: the tag is a stop word, and servers remove it.
    """
    found: list[Found] = []
    opening = _FUNCTION.search(text)
    while opening:
        stop = text.find("</function>", opening.end())
        body_end, end = (len(text), len(text)) if stop < 0 else (stop, stop + len("</function>"))
        arguments = _parameters(text[opening.end() : body_end])
        found.append(Found(opening.start(), end, (call(opening.group(1).strip(), arguments, executed),)))
        opening = _FUNCTION.search(text, end)
    return found


def _parameters(body: str) -> dict[str, Any]:
    arguments: dict[str, Any] = {}
    opening = _PARAMETER.search(body)
    while opening:
        stop = body.find("</parameter>", opening.end())
        stop = len(body) if stop < 0 else stop
        arguments[(opening.group(1) or opening.group(2)).strip()] = body[opening.end() : stop]
        opening = _PARAMETER.search(body, stop)
    return arguments
