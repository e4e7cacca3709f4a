"""Checks of model arguments: each mistake becomes one line that says what to do."""

from __future__ import annotations

import inspect
import logging
import math
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lm_eval_hesnr.assets import EMBEDDED_MODEL
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.messages.near import nearest

eval_logger = logging.getLogger("lm_eval.hesnr")


def embedded_model(options: dict[str, Any]) -> str:
    """The embedded tiny model's folder. Logs a warning, and sets `dtype` to float32 if the user does not give it."""
    eval_logger.warning(
        "no pretrained= in --model_args: using the embedded tiny model, whose numbers say nothing about yours"
    )
    if options.get("dtype") in (None, "auto"):
        options["dtype"] = "float32"
    return str(EMBEDDED_MODEL)


@contextmanager
def named_arguments(name: str, *models: type) -> Iterator[None]:
    """Turn a TypeError about an unknown argument, raised deep inside a constructor, into an `InputError`.

    Args:
        name: the model's name for `--model`.
        models: the classes whose constructors take the arguments.

    Raises:
        InputError: a constructor raised a TypeError about an unexpected keyword argument.
    """
    try:
        yield
    except TypeError as error:
        found = re.search(r"unexpected keyword argument '(\w+)'", str(error))
        if found is None:
            raise
        raise unknown_argument(name, found[1], known_arguments(*models)) from error


def known_arguments(*models: type) -> set[str]:
    """The argument names of these classes' constructors."""
    return {key for model in models for key in inspect.signature(model).parameters} - {"self", "kwargs"}


def unknown_argument(name: str, key: str, known: set[str]) -> InputError:
    """The error for an unknown argument `key`, with the known name that is most similar."""
    near = nearest(key, known)
    hint = f"did you mean {near}=?" if near else "leave it out"
    return InputError(f"{name}: --model_args has no {key}=; {hint}")


def as_number(key: str, value: Any, least: int, unit: str = "", *, whole: bool = True) -> Any:
    """The value of a model argument as a number: an int if it must be `whole`, else a float.

    Raises:
        InputError: it is not a number, is infinite, or is smaller than `least`.
    """
    try:
        number = float(str(value))  # through str, so that True is not a number
    except ValueError:
        number = math.nan
    if least <= number < math.inf and (number.is_integer() or not whole):
        return int(number) if whole else number
    of = f" of {unit}" if unit else ""
    raise InputError(f"{key}={value}: expected a number{of}, {least} or more")


def as_number_or_none(key: str, value: Any, least: int, unit: str = "", *, whole: bool = True) -> Any:
    """As `as_number`; None if the argument is not given."""
    return None if value is None else as_number(key, value, least, unit, whole=whole)


def refuse_several_processes(name: str, instead: str) -> None:
    """Refuse to run in several processes. This model does not split the trajectories: each process would score all.

    Args:
        name: the model's name for `--model`.
        instead: the end of the message, which says what to do instead.

    Raises:
        InputError: a launcher has started several processes.
    """
    n_processes = os.environ.get("WORLD_SIZE", "")
    if n_processes not in ("", "0", "1"):
        raise InputError(
            f"{name}: WORLD_SIZE={n_processes}, and each process would score everything; run one process, {instead}"
        )
