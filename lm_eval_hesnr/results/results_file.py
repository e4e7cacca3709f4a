"""The runs in a results JSON of the harness, with a check of every value that `diagnose` computes with or prints."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.files import read_regular
from lm_eval_hesnr.results.documents import check_documents
from lm_eval_hesnr.results.json_checks import (
    decoded_json,
    each,
    expect,
    is_count,
    is_count_or_null,
    is_interval,
    is_number_or_null,
)
from lm_eval_hesnr.results.possible import check_measures
from lm_eval_hesnr.results.run import Run

_LARGEST_FILE = 2**28
"""Bytes. A results file with 500 trajectories has about 200 kB."""


class ResultsFile(NamedTuple):
    """A results file."""

    runs: list[Run]
    """One for each of our tasks."""
    data: dict[str, Any]
    """The decoded JSON. Only the values that `runs` contain are checked."""
    sha256: str
    """64 hexadecimal digits."""


def read_results(path: Path) -> list[Run]:
    """The runs in one results file, one for each of our tasks.

    Raises:
        InputError: it is not a results file.
    """
    return read_results_file(path).runs


def read_results_file(path: Path) -> ResultsFile:
    """A results file.

    Raises:
        InputError: it is not a results file.
    """
    try:
        content = read_regular(path, at_most=_LARGEST_FILE)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}; give the results_*.json below --output_path") from error
    try:
        data = decoded_json(content)
        return ResultsFile(runs_of(data, str(path)), data, hashlib.sha256(content).hexdigest())
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
    results = each(data.get("results"), "results")
    runs = []
    for task, config in ours.items():
        _check_config(config, f"configs, {task}")
        _check_results(results.get(task), config["summary"], f"results, {task}")
        check_measures(results[task], config, f"results, {task}")
        runs.append(Run(name, task, results[task], config))
    return runs


def _check_config(config: Mapping[str, Any], key: str) -> None:
    each(config.get("signature"), f"{key}, signature")
    summaries = each(config.get("summary"), f"{key}, summary")
    for scope, summary in summaries.items():
        _check_summary(summary, f"{key}, summary, {scope}")
    counts = each(config.get("trajectories", {}), f"{key}, trajectories")
    for name in ("short_context_tokens", "scored_tokens"):
        expect(is_count(counts.get(name, 0)), f"{key}, trajectories, {name}", "a number from 0 on", counts.get(name))
    each(config.get("generated_by") or {}, f"{key}, generated_by")
    for scope, labels in each(config.get("decisions_by_label") or {}, f"{key}, decisions_by_label").items():
        each(labels or {}, f"{key}, decisions_by_label, {scope}", is_count, "a number from 0 on")
    if "documents" in config:  # older versions did not write it
        check_documents(config["documents"], f"{key}, documents")


def _check_summary(summary: Any, key: str) -> None:
    found = each(summary, key)
    documents = found.get("documents")
    is_whole = type(documents) is int and is_count(documents)
    expect(is_whole, f"{key}, documents", "a whole number from 0 on", documents)
    each(found.get("intervals"), f"{key}, intervals", is_interval, "two numbers in ascending order, or null")
    for name in ("epsilon", "near_epsilon"):
        expect(is_count_or_null(found.get(name)), f"{key}, {name}", "a number from 0 on, or null", found.get(name))
    widths = f"{key}, he_snr_interval_width_by_documents"
    for size in each(found.get("he_snr_interval_width_by_documents") or {}, widths, is_count, "a number from 0 on"):
        expect(re.fullmatch("[0-9]{1,15}", str(size)) is not None, widths, "numbers of trajectories as keys", size)
    if calibration := found.get("calibration"):
        reason = each(calibration, f"{key}, calibration").get("reason")
        expect(reason is None or isinstance(reason, str), f"{key}, calibration, reason", "a text, or null", reason)
    if worst := found.get("largest_influence"):
        share = each(worst, f"{key}, largest_influence").get("share")
        is_known = "share" in worst and is_count_or_null(share)
        expect(is_known, f"{key}, largest_influence, share", "a number from 0 on, or null", share)
        name = worst.get("id", worst.get("document"))
        expect(isinstance(name, (str, int)), f"{key}, largest_influence", "the id or document of a trajectory", name)


def _check_results(results: Any, scopes: Mapping[str, Any], key: str) -> None:
    for name, value in each(results, key).items():
        if str(name).partition(",")[2] in scopes:
            is_known = is_number_or_null(value) or isinstance(value, str)
            expect(is_known, f"{key}, {name}", "a number, null or N/A", value)
