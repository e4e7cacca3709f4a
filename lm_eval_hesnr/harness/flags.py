"""Options of the harness that mean nothing for our tasks, or would lose their results."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from numbers import Real
from typing import Any

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.harness.names import refuse_misspelt
from lm_eval_hesnr.messages.characters import is_unicode

REFUSED = {
    "predict_only": "swe_hesnr has no predictions, and no measure would be computed; leave it out, or use "
    "token_table=DIR in --metadata to save every token's scores",
    "use_cache": "the harness's cache keeps one number per trajectory, from which no measure can be computed; leave it "
    "out, or use score_store=DIR in --model_args, which keeps every token's scores",
    "check_integrity": "the harness has no tests of swe_hesnr; leave it out",
}
"""Argument of `simple_evaluate` to the reason why a run with one of our tasks refuses it."""

WITHOUT_EFFECT = {
    "gen_kwargs": "no text is generated",
    "batch_size": "trajectories are read one by one",
    "max_batch_size": "trajectories are read one by one",
    "random_seed": "nothing is random",
    "numpy_random_seed": "nothing is random",
    "torch_random_seed": "nothing is random",
    "fewshot_random_seed": "there are no examples before a trajectory",
    "bootstrap_iters": "the standard errors have their own number of resamplings",
}
"""Argument of `simple_evaluate` to the reason why it changes nothing in our tasks."""

SET_BY_HARNESS = ("device", "batch_size", "max_batch_size")
"""Arguments of `simple_evaluate` that the harness hands to the model."""

_DEFAULT_OF_THE_COMMAND_LINE = {"batch_size": (1, "1")}


def _removes_standard_errors(name: str, value: Any) -> bool:
    """Whether an argument has an effect after all: without resamplings, the harness asks for no standard error."""
    return name == "bootstrap_iters" and value <= 0


def refuse_flags(given: Mapping[str, Any]) -> None:
    """Refuse arguments of `simple_evaluate` with which no run of our tasks can end well.

    Raises:
        InputError: an argument is in `REFUSED`, or has a value with which the harness fails after the weights are
            loaded, or which it takes for another one.
    """
    for name, reason in REFUSED.items():
        if given.get(name):
            raise InputError(f"--{name}: {reason}")
    limit = given.get("limit")
    if limit is not None and (not _is_number(limit) or not 0 < limit < math.inf):
        raise InputError(f"--limit {limit!r:.60}: expected a number above 0")
    instruction = given.get("system_instruction")
    if instruction is not None and not is_unicode(instruction):
        raise InputError(f"--system_instruction {instruction!r:.60}: expected text in UTF-8; leave it out")
    template = given.get("apply_chat_template")
    if isinstance(template, str) and template.strip().lower() in ("false", "no", "off", "none", "null", "0"):
        raise InputError(
            f"--apply_chat_template {template}: the harness would use it as the name of a template; leave the flag out "
            "to use no template"
        )


def refuse_doubled(model_args: Mapping[str, Any], given: Mapping[str, Any], defaults: Mapping[str, Any]) -> None:
    """Refuse model arguments that the harness hands to the model a second time, as options of the run.

    Args:
        model_args: the arguments of a model that the harness makes.
        given: the arguments of `simple_evaluate`.
        defaults: their defaults.

    Raises:
        InputError: one of them is given in both places. The command line has a batch size always.
    """
    for name in SET_BY_HARNESS:
        if name in model_args and given.get(name, defaults.get(name)) is not None:
            value = f"{model_args[name]!s:.60}"
            raise InputError(
                f"--model_args {name}={value}: the harness sets {name} itself; leave it out, and give --{name} {value}"
            )


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def without_effect(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """The given arguments that change nothing in our tasks, each with the reason; empty if there are none."""
    reasons: dict[str, list[str]] = {}
    for name, reason in WITHOUT_EFFECT.items():
        neutral = (None, defaults.get(name), *_DEFAULT_OF_THE_COMMAND_LINE.get(name, ()))
        value = given.get(name)
        if value not in neutral and value != {} and not _removes_standard_errors(name, value):
            reasons.setdefault(reason, []).append("--seed" if name.endswith("_seed") else f"--{name}")
    return ", ".join(f"{' and '.join(dict.fromkeys(names))} ({reason})" for reason, names in reasons.items())


def refuse_samples(samples: Any, n_documents: Mapping[str, int], known: Iterable[str], in_run: Collection[str]) -> None:
    """Refuse numbers of `--samples` that name no trajectory, or that the harness would write to the wrong ones.

    Args:
        samples: task name to the numbers of its documents, as the user gave it.
        n_documents: the name of each of our tasks to the number of its trajectories.
        known: the names of all tasks.
        in_run: the names of the single tasks of this run. The harness ignores all other names.

    Raises:
        InputError: a name or a number is wrong.
    """
    if not isinstance(samples, Mapping):
        raise InputError(f"--samples: expected a JSON object of task names and lists of numbers, found {samples!r:.60}")
    refuse_misspelt(samples, known, list(n_documents), "--samples")
    if others := [name for name in samples if name not in in_run]:
        raise InputError(
            f"--samples {others[0]}: is not a single task of this run; the tasks are {', '.join(sorted(in_run))}"
        )
    for name in n_documents.keys() & samples.keys():
        numbers, n = samples[name], n_documents[name]
        is_list = isinstance(numbers, list) and all(type(number) is int for number in numbers)
        if not is_list or not numbers or numbers != sorted(set(numbers)) or not 0 <= numbers[0] <= numbers[-1] < n:
            # the harness writes the results of an unsorted list under the wrong numbers
            raise InputError(
                f"--samples {name}: expected different whole numbers from 0 to {n - 1} in ascending order, found "
                f"{numbers!r:.60}"
            )
