"""The runs in a results JSON of the harness, with a check of every value that `diagnose` computes with or prints."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import read_regular
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER
from lm_eval_hesnr.results.findings import Run

_LARGEST_FILE = 2**28
"""Bytes. A results file with 500 trajectories has less than 1 MB."""
_LARGEST = 1e100
"""Larger whole numbers could not become floats. No count of tokens is as large."""
_LONGEST_SHOWN = 60
"""Characters of a wrong value in a message."""


def read_results(path: Path) -> list[Run]:
    """The runs in one results file, one for each of our tasks.

    Raises:
        InputError: it is not a results file.
    """
    try:
        content = read_regular(path, at_most=_LARGEST_FILE)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; give the results_*.json below --output_path") from error
    try:
        return runs_of(json.loads(content), str(path))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not text; give results_*.json (`hesnr measure` reads token tables)") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: is not a results file ({error}); give results_*.json as lm_eval wrote it") from error


def runs_of(data: Any, name: str) -> list[Run]:
    """One `Run` for each of our tasks in a decoded results JSON.

    Args:
        data: the decoded JSON.
        name: the name of the runs, for findings.

    Raises:
        ValueError: the JSON does not contain any of our tasks, or a value of a task is missing or wrong. The message
            names its key.
    """
    configs = data.get("configs") if isinstance(data, dict) else None
    every = configs.items() if isinstance(configs, dict) else ()
    ours = {task: config for task, config in every if isinstance(config, dict) and "signature" in config}
    if not ours:
        raise ValueError("it has no swe_hesnr results; expected the results_*.json that lm_eval --output_path writes")
    results = _each(data.get("results"), "results")
    runs = []
    for task, config in ours.items():
        _check_config(config, f"configs, {task}")
        _check_results(results.get(task), config["summary"], f"results, {task}")
        runs.append(Run(name, task, results[task], config))
    return runs


def _check_config(config: Mapping[str, Any], key: str) -> None:
    _each(config.get("signature"), f"{key}, signature")
    summaries = _each(config.get("summary"), f"{key}, summary")
    for scope, summary in summaries.items():
        _check_summary(summary, f"{key}, summary, {scope}")
    counts = _each(config.get("trajectories", {}), f"{key}, trajectories")
    for name in ("short_context_tokens", "scored_tokens"):
        _expect(_is_number(counts.get(name, 0)), f"{key}, trajectories, {name}", "a number", counts.get(name))
    _each(config.get("generated_by") or {}, f"{key}, generated_by")
    for scope, labels in _each(config.get("decisions_by_label") or {}, f"{key}, decisions_by_label").items():
        _each(labels or {}, f"{key}, decisions_by_label, {scope}", _is_number, "a number")


def _check_summary(summary: Any, key: str) -> None:
    found = _each(summary, key)
    documents = found.get("documents")
    _expect(type(documents) is int and _is_number(documents), f"{key}, documents", "a whole number", documents)
    _each(found.get("intervals"), f"{key}, intervals", _is_interval, "two numbers, or null")
    for name in ("epsilon", "near_epsilon"):
        _expect(_is_number_or_null(found.get(name)), f"{key}, {name}", "a number, or null", found.get(name))
    widths = f"{key}, he_snr_interval_width_by_documents"
    for size in _each(found.get("he_snr_interval_width_by_documents") or {}, widths, _is_number, "a number"):
        _expect(re.fullmatch("[0-9]{1,15}", str(size)) is not None, widths, "numbers of trajectories as keys", size)
    if worst := found.get("largest_influence"):
        share = _each(worst, f"{key}, largest_influence").get("share")
        _expect(_is_number_or_null(share), f"{key}, largest_influence, share", "a number, or null", share)
        name = worst.get("id", worst.get("document"))
        _expect(isinstance(name, (str, int)), f"{key}, largest_influence", "the id or document of a trajectory", name)


def _check_results(results: Any, scopes: Mapping[str, Any], key: str) -> None:
    values = _each(results, key)
    for name in (f"{measure},{scope}" for scope in scopes for measure in HIGHER_IS_BETTER):
        value = values.get(name)
        is_known = _is_number_or_null(value) or isinstance(value, str)
        _expect(is_known, f"{key}, {name}", "a number, null or N/A", value)


def _each(value: Any, key: str, holds: Callable[[Any], bool] | None = None, expected: str = "") -> dict[Any, Any]:
    """The value, after the check that it is an object, and that `holds` is true for each value in it."""
    _expect(isinstance(value, dict), key, "an object", value)
    for name, inner in value.items() if holds else ():
        _expect(holds is None or holds(inner), f"{key}, {name}", expected, inner)
    return dict(value)


def _expect(holds: bool, key: str, expected: str, found: Any) -> None:
    if not holds:
        raise ValueError(f"{key}: expected {expected}, found {_shown(found)}")


def _shown(value: Any) -> str:
    if isinstance(value, (dict, list)):
        return "an object" if isinstance(value, dict) else f"a list of {len(value)}"
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."


def _is_number(value: Any) -> bool:
    return type(value) is float or (type(value) is int and abs(value) <= _LARGEST)


def _is_number_or_null(value: Any) -> bool:
    return value is None or _is_number(value)


def _is_interval(value: Any) -> bool:
    return value is None or (isinstance(value, list) and len(value) == 2 and all(map(_is_number, value)))
