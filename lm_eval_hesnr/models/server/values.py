"""Values of an answer, with checks of type and range. Nothing is converted: "7e3", true and 7.0 are not ranks."""

from __future__ import annotations

import reprlib
from typing import Any

from lm_eval_hesnr.errors import AnswerError
from lm_eval_hesnr.scoring.table_columns import LARGEST_INTEGER

_LONGEST_EXACT = 2**53
"""Floats represent all whole numbers up to this one exactly."""


def as_logprob(value: Any, position: int) -> float:
    """The logprob as a float, which may be infinite or NaN: other checks refuse these with the reason.

    Args:
        value: from the answer. Some servers write a whole number without a decimal point.
        position: of the token in the prompt, for the message.

    Raises:
        AnswerError: it is not a number.
    """
    if type(value) is float:
        return value
    if type(value) is int and abs(value) <= _LONGEST_EXACT:
        return float(value)
    raise _unexpected(f"token {position} of the prompt: a logprob", value, "a number")


def as_rank(value: Any, position: int) -> int | None:
    """The rank; None if the answer has no rank.

    Raises:
        AnswerError: it is not a whole number from 1 to `LARGEST_INTEGER`.
    """
    if value is None or (type(value) is int and 1 <= value <= LARGEST_INTEGER):
        return value
    raise _unexpected(f"token {position} of the prompt: its rank", value, f"a whole number from 1 to {LARGEST_INTEGER}")


def as_id(value: Any) -> int:
    """The token id.

    Raises:
        AnswerError: it is not a whole number from 0 to `LARGEST_INTEGER`.
    """
    return as_count(value, "a token id")


def as_count(value: Any, name: str) -> int:
    """The number of tokens, or another number with the same range.

    Raises:
        AnswerError: it is not a whole number from 0 to `LARGEST_INTEGER`. The message contains `name`.
    """
    if type(value) is int and 0 <= value <= LARGEST_INTEGER:
        return value
    raise _unexpected(name, value, f"a whole number from 0 to {LARGEST_INTEGER}")


def as_id_text(text: str) -> int:
    """The token id in a key of an object. Two texts cannot be the same id: `042` and `+42` are refused.

    Raises:
        AnswerError: it is not a token id in decimal digits.
    """
    if text.isascii() and text.isdecimal() and len(text) <= 10 and (text[0] != "0" or text == "0"):
        return as_id(int(text))
    raise _unexpected("a token id", text, "decimal digits")


def as_list(value: Any, name: str) -> list[Any]:
    """The list.

    Raises:
        AnswerError: it is not a list.
    """
    if type(value) is list:
        return value
    raise _unexpected(name, value, "a list")


def as_object(value: Any, name: str) -> dict[str, Any]:
    """The JSON object.

    Raises:
        AnswerError: it is not an object.
    """
    if type(value) is dict:
        return value
    raise _unexpected(name, value, "an object")


def _unexpected(name: str, value: Any, expected: str) -> AnswerError:
    return AnswerError(
        f"the answer does not have the documented shape: {name} is {reprlib.repr(value)}, expected {expected}"
    )
