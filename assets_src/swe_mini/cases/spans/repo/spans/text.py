"""Ranges as people write them."""

import re

from spans.span import Span

_PATTERN = re.compile(r"\s*(-?\d+)\s*-\s*(-?\d+)\s*")


def parse_spans(text):
    """The spans in text such as "1-4, 8-10". An empty text has none.

    Raises ValueError for anything else, with the part that could not be read.
    """
    spans = []
    for part in text.split(",") if text.strip() else []:
        match = _PATTERN.fullmatch(part)
        if match is None:
            raise ValueError(f"not a range: {part.strip()!r}")
        spans.append(Span(int(match[1]), int(match[2])))
    return spans
