"""Decodes JSON files, and checks their values. The message of a failed check names the key, and what was found."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from lm_eval_hesnr.trajectories.decoding import MAX_VALUES, NO_MEMORY, has_too_many_values

_LARGEST = 1e100
"""Larger whole numbers could not become floats. No count of tokens is as large."""
_LONGEST_SHOWN = 60
"""Characters of a wrong value in a message."""


def decoded_json(content: bytes) -> Any:
    """The value of a JSON file. A small file can contain very many values, which need much more memory.

    Raises:
        ValueError: it is not JSON, or has too many values.
        RecursionError: it is nested too deeply.
    """
    if has_too_many_values(content):
        raise ValueError(f"more than {MAX_VALUES:,} commas, colons and brackets")
    try:
        return json.loads(content)
    except MemoryError as error:
        raise ValueError(NO_MEMORY) from error


def expect(holds: bool, key: str, expected: str, found: Any) -> None:
    """Check a condition.

    Raises:
        ValueError: it is false. The message has the key, what is expected, and the value that was found.
    """
    if not holds:
        raise ValueError(f"{key}: expected {expected}, found {_shown(found)}")


def each(value: Any, key: str, holds: Callable[[Any], bool] | None = None, expected: str = "") -> dict[Any, Any]:
    """The value, after the check that it is an object, and that `holds` is true for each value in it.

    Raises:
        ValueError: it is something else.
    """
    expect(isinstance(value, dict), key, "an object", value)
    for name, inner in value.items() if holds else ():
        expect(holds is None or holds(inner), f"{key}, {name}", expected, inner)
    return dict(value)


def each_in_list(
    value: Any, key: str, holds: Callable[[Any], bool], expected: str, length: int | None = None
) -> list[Any]:
    """The value, after the check that it is a list, of this length if one is given, and that `holds` for each item.

    Raises:
        ValueError: it is something else.
    """
    is_list = isinstance(value, list) and (length is None or len(value) == length)
    expect(is_list, key, "a list" if length is None else f"a list of {length}", value)
    for i, inner in enumerate(value):
        expect(holds(inner), f"{key}, {i}", expected, inner)
    return list(value)


def is_number(value: Any) -> bool:
    """Whether the value is a float or a whole number, and not a bool."""
    return type(value) is float or (type(value) is int and abs(value) <= _LARGEST)


def is_number_or_null(value: Any) -> bool:
    """Whether the value is a number or None."""
    return value is None or is_number(value)


def is_count(value: Any) -> bool:
    """Whether the value is a finite number of at least 0."""
    return is_number(value) and 0 <= value < math.inf


def is_count_or_null(value: Any) -> bool:
    """Whether the value is None, or a finite number of at least 0."""
    return value is None or is_count(value)


def is_interval(value: Any) -> bool:
    """Whether the value is None or a list of two finite numbers in ascending order."""
    is_pair = isinstance(value, list) and len(value) == 2 and all(map(is_number, value))
    return value is None or (is_pair and -math.inf < value[0] <= value[1] < math.inf)


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else f"a list of {len(value)}"
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
