"""Limits on the text given to a parser. Trajectories may be hostile, and the parsers are C code that trusts its input.

A text beyond a limit is not parsed, and its comments stay code. No text in the tested real files comes near a limit.
"""

from __future__ import annotations

import re

import numpy as np

_MAX_LENGTH = 50_000
"""Characters. `budget` limits the time, and `parsing` the memory, of a text of this length."""
_MAX_NESTING = 1_000
"""Brackets inside brackets. Deep nesting costs time, and in generics such as `A<A<A<` also memory."""
_MAX_YAML_LEVELS = 200
"""tree-sitter-yaml stores the open blocks in 1024 bytes. From the 256th level on, it writes past their end."""

_WORD = np.array([point for point in range(128) if chr(point).isalnum() or chr(point) == "_"], np.uint8)
_YAML_INDICATOR = re.compile(r"[-?:]\s")
_YAML_INDENT = re.compile(r"[ \t?:-]*")


def is_parsable(text: str, language: str) -> bool:
    """Whether the text can be parsed in bounded time and memory."""
    if len(text) > _MAX_LENGTH or (language == "yaml" and _yaml_levels(text) > _MAX_YAML_LEVELS):
        return False
    return len(text) <= _MAX_NESTING or _nesting(text, tags=language == "html") <= _MAX_NESTING


def _nesting(text: str, tags: bool) -> int:
    """Nesting depth of brackets, counted inside strings too. If `tags` is False, `a<` counts as an opening bracket."""
    points = np.frombuffer(text.encode("latin-1", "replace"), np.uint8)
    steps = np.isin(points, [*b"([{"]).astype(np.int32) - np.isin(points, [*b")]}"])
    if not tags:
        generic = np.flatnonzero(points[1:] == ord("<")) + 1
        steps[generic[np.isin(points[generic - 1], _WORD)]] += 1
        steps[points == ord(">")] -= 1
    depth = np.cumsum(steps)
    return int((depth - np.minimum.accumulate(np.minimum(depth, 0))).max(initial=0))


def _yaml_levels(text: str) -> int:
    """Upper bound on the number of nested blocks: the widest indentation or the most block signs in one line."""
    lines = text.split("\n")
    return max(
        max(len(indent.group()) for line in lines if (indent := _YAML_INDENT.match(line))),
        max(len(_YAML_INDICATOR.findall(line)) for line in lines),
    )
