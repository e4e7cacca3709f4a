"""Model arguments that a user got wrong, said in one line."""

from __future__ import annotations

import difflib
import inspect
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lm_eval_hesnr.errors import InputError


@contextmanager
def named_arguments(name: str, *models: type) -> Iterator[None]:
    """Turn an unknown argument, which some layer far below complains about, into the caller's mistake.

    Args:
        name: of the model, as `--model` takes it.
        models: the classes whose constructors know arguments.

    Raises:
        InputError: in the place of a TypeError about an unexpected keyword argument.
    """
    try:
        yield
    except TypeError as error:
        found = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        if found is None:
            raise
        raise unknown_argument(name, found[1], known_arguments(*models)) from error


def known_arguments(*models: type) -> set[str]:
    """The names that the constructors of these classes take."""
    return {key for model in models for key in inspect.signature(model).parameters} - {"self", "kwargs"}


def unknown_argument(name: str, key: str, known: set[str]) -> InputError:
    """The error about `key`, with the known name that was probably meant."""
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]}=?" if near else "leave it out"
    return InputError(f"{name}: --model_args has no {key}=; {hint}")


def as_number(key: str, value: Any, least: int, unit: str = "", *, whole: bool = True) -> Any:
    """The number that a model argument holds: an int, or a float where it need not be whole.

    Raises:
        InputError: it is none, infinite, or smaller than `least`.
    """
    try:
        number = float(str(value))  # of True as well: no number
    except ValueError:
        number = math.nan
    if least <= number < math.inf and (number.is_integer() or not whole):
        return int(number) if whole else number
    of = f" of {unit}" if unit else ""
    raise InputError(f"{key}={value}: expected a number{of}, {least} or more")


def as_number_or_none(key: str, value: Any, least: int, unit: str = "", *, whole: bool = True) -> Any:
    """As `as_number`, of an argument that need not be given."""
    return None if value is None else as_number(key, value, least, unit, whole=whole)


def refuse_several_processes(name: str, instead: str) -> None:
    """Each process of a launcher would score everything: these models are dealt no trajectories.

    Raises:
        InputError: a launcher has started several.
    """
    n_processes = os.environ.get("WORLD_SIZE", "")
    if n_processes not in ("", "0", "1"):
        raise InputError(f"{name}: WORLD_SIZE={n_processes}, each process would score everything; run one, {instead}")
