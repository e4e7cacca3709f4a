"""The text of a value. Tests compare such texts: equal texts mean equal values of equal types."""

from __future__ import annotations

import json

MOST_ITEMS = 2000
MOST_CHARS = 20_000
MOST_BITS = 200
MOST_LEVELS = 20


class UnshownError(ValueError):
    """A value is too large, or of a type that no test compares."""


def shown(value: object) -> str:
    """The value as Python writes it, but with the items of dictionaries and sets in the order of their texts.

    Raises:
        UnshownError: it has too many items or levels, or another type than None, bool, int, float, str, list, tuple,
            dict or set.
    """
    return _shown(value, [MOST_ITEMS], MOST_LEVELS)


def fresh(arguments: str) -> list[object]:
    """New values from a JSON list."""
    values = json.loads(arguments)
    assert isinstance(values, list)
    return values


def _shown(value: object, left: list[int], levels: int) -> str:
    left[0] -= 1
    if left[0] < 0 or levels < 0:
        raise UnshownError
    kind = type(value)
    if value is None or kind is bool or kind is float:
        return repr(value)
    if isinstance(value, int) and value.bit_length() <= MOST_BITS:
        return repr(value)
    if isinstance(value, str) and len(value) <= MOST_CHARS:
        left[0] -= len(value) // 10
        return repr(value)
    if isinstance(value, (list, tuple, set, dict)) and len(value) <= MOST_ITEMS:
        return _container(value, left, levels - 1)
    raise UnshownError


def _container(value: list[object] | tuple[object, ...] | set[object] | dict[object, object], left: list[int],
               levels: int) -> str:  # fmt: skip
    if isinstance(value, dict):
        items = sorted(f"{_shown(key, left, levels)}: {_shown(item, left, levels)}" for key, item in value.items())
        return "{" + ", ".join(items) + "}"
    texts = [_shown(item, left, levels) for item in value]
    if isinstance(value, list):
        return "[" + ", ".join(texts) + "]"
    if isinstance(value, set):
        return "{" + ", ".join(sorted(texts)) + "}" if texts else "set()"
    return "(" + ", ".join(texts) + ("," if len(texts) == 1 else "") + ")"
