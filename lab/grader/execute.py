"""Calls a function of a compiled program. Runs only in a child with limits."""

from __future__ import annotations

import builtins
from types import CodeType
from typing import Any, Literal, NamedTuple

from lab.grader.syntax import PLAIN, TICK
from lab.grader.texts import Text, plain
from lab.grader.values import UnshownError, fresh, shown

MOST_STEPS = 2000
"""Turns of loops and calls of functions, in one call of the tested function."""

_NAMES = """
    abs all any bool chr dict divmod enumerate filter float int isinstance len list map max min ord reversed round set
    sorted str sum tuple zip
"""
_SAFE = {name: getattr(builtins, name) for name in _NAMES.split()}


class Outcome(NamedTuple):
    """What a call gave: the text of its value, or the class of its exception."""

    kind: Literal["value", "error", "steps", "size"]
    text: str


class _TooManyStepsError(Exception):
    """The budget is spent. The program cannot catch it: `try` is forbidden."""


def outcome(code: CodeType, function: str, arguments: str) -> Outcome:
    """Call the function of a compiled program. Each call runs in a fresh name space.

    Raises:
        MemoryError: the memory of this process is spent.
    """
    try:
        names = _names()
        exec(code, names)  # checked by `syntax`, and in a process with limits
        return Outcome("value", shown(names[function](*fresh(arguments))))
    except UnshownError:
        return Outcome("size", "")
    except (_TooManyStepsError, RecursionError):
        return Outcome("steps", "")
    except MemoryError:
        raise
    except NameError:  # versions of Python differ in when they raise its subclass UnboundLocalError
        return Outcome("error", "NameError")
    except Exception as error:  # whatever the program raises
        return Outcome("error", type(error).__name__)


def _names() -> dict[str, Any]:
    left = MOST_STEPS

    def tick() -> bool:
        nonlocal left
        left -= 1
        if left < 0:
            raise _TooManyStepsError
        return True

    def short_range(*limits: int) -> range:
        numbers = range(*limits)
        if len(numbers) > MOST_STEPS:
            raise _TooManyStepsError
        return numbers

    return {"__builtins__": {**_SAFE, "range": short_range, "str": Text, TICK: tick, PLAIN: plain}}
