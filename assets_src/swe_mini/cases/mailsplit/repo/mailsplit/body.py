"""The body of a mail in blocks."""

from itertools import groupby
from typing import NamedTuple

from mailsplit.attribution import is_attribution
from mailsplit.quotes import split_quote

SIGNATURE = "-- "


class Block(NamedTuple):
    """Lines in a row that are quoted equally deep. Depth 0 is the sender's own text."""

    depth: int
    lines: tuple[str, ...]


def split_body(body):
    """The blocks of a body, from top to bottom, without quote marks."""
    split = [split_quote(line) for line in body.splitlines()]
    return [Block(depth, tuple(text for _, text in group)) for depth, group in groupby(split, key=lambda pair: pair[0])]


# ------------------------------------------------------------------------------


def reply_text(body):
    """What the sender wrote: no quotes, no attributions, no signature. Paragraphs keep one empty line between them."""
    own = []
    for block in split_body(body):
        if block.depth == 0:
            own.extend(_without_signature(block.lines))
            own.append("")  # where a quote was, a paragraph ends
    kept = [line.rstrip() for line in own if not is_attribution(line)]
    return "\n".join(_single_gaps(kept)).strip()


def _without_signature(lines):
    return lines[: lines.index(SIGNATURE)] if SIGNATURE in lines else lines


def _single_gaps(lines):
    """The lines, with runs of empty ones made one."""
    return [line for line, before in zip(lines, ["", *lines], strict=False) if line or before]
