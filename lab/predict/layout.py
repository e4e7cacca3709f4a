"""The parts of a file of readings: what a checkpoint says before fine-tuning, and what it solves after it.

lab/readings/README.md describes them. `reading_of` makes the value of the part `reading/DATA` from the results of
`lm_eval`, and `outcome_of` that of the part `outcome/SEED`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lab.scoring import TASK
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.documents import COLUMNS, document_totals, totals_line

SCOPE_COLUMNS = {"action": COLUMNS, "all": ("scope.tokens", "scope.nll", "scope.bytes")}
"""The sums of each row that a reading keeps, by scope."""
MOST_ROWS = 200
"""If there are more trajectories, several of them are added into each row, so that readings stay small."""
SAMPLES = 4
"""Sampled attempts of each task, next to the greedy one."""
GROUPS = {"instance": 400, "template": 200}
"""The tasks, in order: functions that training never saw, then functions of templates that training never saw."""


def reading_of(results: Mapping[str, Any]) -> dict[str, Any]:
    """The value of the part `reading/DATA`.

    Args:
        results: what `simple_evaluate` returned, or the content of a results file, of one run of the task with
            `temperatures=true`.
    """
    config, values = results["configs"][TASK], results["results"][TASK]
    documents = config["documents"]
    order = sorted(range(len(documents["ids"])), key=lambda i: (documents["sha256"][i], documents["ids"][i]))
    named = [f"{documents['ids'][i]} {documents['sha256'][i]}" for i in order]
    calibration = config["summary"]["action"].get("calibration") or {}
    return {
        "signature": {key: value for key, value in config["signature"].items() if key != "model"},
        "documents_sha256": digest(named),
        "n_documents": len(order),
        "epsilon": documents["epsilon"]["action"],
        "columns": {scope: list(columns) for scope, columns in SCOPE_COLUMNS.items()},
        "totals": {
            scope: _rows(rows[order], columns)
            for scope, columns in SCOPE_COLUMNS.items()
            for rows in [document_totals(documents)[scope]]
        },
        "calibrated_he_snr": _number(values.get("calibrated_he_snr,action")),
        "calibrated_he_snr_stderr": _number(values.get("calibrated_he_snr_stderr,action")),
        "temperatures": calibration.get("temperatures"),
    }


def digest(lines: Sequence[str]) -> str:
    """The SHA-256 of lines of text."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _rows(totals: np.ndarray, columns: Sequence[str]) -> list[str]:
    """One text per row. Trajectory i is added to row i mod `MOST_ROWS`.

    Args:
        totals: (D, C) in order.
        columns: the sums that are kept.
    """
    added = [totals[first::MOST_ROWS].sum(axis=0) for first in range(min(MOST_ROWS, len(totals)))]
    lines = [dict(zip(COLUMNS, totals_line(one).split(" "), strict=True)) for one in added]
    return [" ".join(line[column] for column in columns) for line in lines]


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def totals_of(reading: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """For each scope (rows, C) sums, as `measures.totals` has them; NaN for a sum that is not kept."""
    return {
        scope: document_totals({"columns": reading["columns"][scope], "totals": {scope: lines}})[scope]
        for scope, lines in reading["totals"].items()
    }


def outcome_of(
    tasks_sha256: str,
    greedy: Sequence[bool],
    sampled: Sequence[int],
    settings: Mapping[str, Any],
    held_out_loss: float,
) -> dict[str, Any]:
    """The value of the part `outcome/SEED`.

    Args:
        tasks_sha256: digest of all tasks, which are in the order of `GROUPS`, and of the fine-tuning examples.
        greedy: for each task whether the greedy attempt solved it.
        sampled: for each task, how many of the `SAMPLES` attempts at temperature 0.8 solved it.
        settings: of fine-tuning and of sampling.
        held_out_loss: mean loss of the correct actions of held-out tasks, nats per token. If it is not finite, because
            the model diverged, the value is null.
    """
    found = {
        "settings": dict(settings),
        "tasks_sha256": tasks_sha256,
        "groups": GROUPS,
        "greedy": "".join(str(int(one)) for one in greedy),
        "sampled": "".join(str(int(one)) for one in sampled),
        "held_out_loss": held_out_loss if math.isfinite(held_out_loss) else None,
    }
    check_outcome(found, "the outcome")
    return found


def check_outcome(outcome: Mapping[str, Any], place: str) -> None:
    """Check the numbers of tasks, and every digit.

    Raises:
        InputError: one is wrong.
    """
    n_tasks = sum(GROUPS.values())
    for key, allowed in (("greedy", "01"), ("sampled", "".join(map(str, range(SAMPLES + 1))))):
        if len(outcome[key]) != n_tasks or not set(outcome[key]) <= set(allowed):
            raise InputError(
                f"{place}, {key}: expected {n_tasks} digits, each of {', '.join(allowed)}, found {len(outcome[key])} "
                f"digits, {''.join(sorted(set(outcome[key])))!r:.20}; make it again"
            )


def _digits(text: str) -> np.ndarray:
    return np.array(list(text), np.int64)


def _greedy(outcome: Mapping[str, Any]) -> np.ndarray:
    return _digits(outcome["greedy"])


def _sampled(outcome: Mapping[str, Any]) -> np.ndarray:
    return _digits(outcome["sampled"])


MAIN_COUNT = "pass@1"
COUNTS: Mapping[str, Callable[[Mapping[str, Any]], tuple[np.ndarray, int]]] = {
    MAIN_COUNT: lambda outcome: (_greedy(outcome), 1),
    "pass@1, functions": lambda outcome: (_greedy(outcome)[: GROUPS["instance"]], 1),
    "pass@1, templates": lambda outcome: (_greedy(outcome)[GROUPS["instance"] :], 1),
    "pass@1, sampled": lambda outcome: (_sampled(outcome), SAMPLES),
    "pass@4": lambda outcome: ((_sampled(outcome) > 0).astype(np.int64), 1),
}
"""How passed trials are counted: from an outcome to passed trials of each task (T,), and trials per task. The
preregistered tests use the first one: the greedy attempts of all tasks."""
