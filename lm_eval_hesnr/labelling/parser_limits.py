"""What may be handed to a parser: trajectories are hostile text, and the parsers are C code that trusts its input.

A text beyond these limits is not parsed, so its comments stay code. No text in the real files comes near them.
"""

from __future__ import annotations

import re

import numpy as np

_MAX_LENGTH = 50_000
"""Characters. On text made for it, a parser's time grows with the square of the length: about a second at this one."""
_MAX_NESTING = 1_000
"""Brackets in brackets, for the same reason; generics such as `A<A<A<` take memory too."""
_MAX_YAML_LEVELS = 200
"""tree-sitter-yaml keeps one open block a level in 1024 bytes, and writes on behind them from the 256th."""

_WORD = np.array([point for point in range(128) if chr(point).isalnum() or chr(point) == "_"], np.uint8)
_YAML_INDICATOR = re.compile(r"[-?:]\s")
_YAML_INDENT = re.compile(r"[ \t?:-]*")


def is_parsable(text: str, language: str) -> bool:
    """Whether a grammar reads the text in bounded time and memory."""
    if len(text) > _MAX_LENGTH or (language == "yaml" and _yaml_levels(text) > _MAX_YAML_LEVELS):
        return False
    return len(text) <= _MAX_NESTING or _nesting(text, tags=language == "html") <= _MAX_NESTING


def _nesting(text: str, tags: bool) -> int:
    """How deep brackets lie in brackets, with no regard to strings; without tags `a<` counts as one that opens."""
    points = np.frombuffer(text.encode("latin-1", "replace"), np.uint8)
    steps = np.isin(points, [*b"([{"]).astype(np.int32) - np.isin(points, [*b")]}"])
    if not tags:
        generic = np.flatnonzero(points[1:] == ord("<")) + 1
        steps[generic[np.isin(points[generic - 1], _WORD)]] += 1
        steps[points == ord(">")] -= 1
    depth = np.cumsum(steps)
    return int((depth - np.minimum.accumulate(np.minimum(depth, 0))).max(initial=0))


def _yaml_levels(text: str) -> int:
    """At least the number of blocks that can be open at once: columns of indentation and signs that open one."""
    lines = text.split("\n")
    return max(
        max(len(indent.group()) for line in lines if (indent := _YAML_INDENT.match(line))),
        max(len(_YAML_INDICATOR.findall(line)) for line in lines),
    )
