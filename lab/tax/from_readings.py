"""The models of the experiment, from its readings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import comb  # type: ignore[import-untyped]

from lab.before_after import SET_COLUMNS, rows_of
from lab.readings import Readings
from lab.tax.crossed import Measured, of_groups, of_units
from lab.tax.plan import (
    BEFORE,
    CONTROL_RATE,
    CROSS_ENTROPY,
    DATA,
    SAMPLES,
    TASKS,
    K,
    control_part,
    form,
    part,
)
from lab.tax.study import CALIBRATED, MEASURES, PASS, PASS_K, PASS_SAMPLED, Model, Study, of
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.metrics.decomposition import PARTS
from lm_eval_hesnr.metrics.measures import measure
from lm_eval_hesnr.results.documents import document_totals


def study_of(readings: Readings, *, fast: bool) -> Study:
    """The study, or its fast form.

    Raises:
        InputError: a reading is missing, or two of them cannot be compared.
    """
    losses, rates, seeds, temperatures = form(fast=fast)
    found = _Reader(readings)
    start = _model("start", [found.value(BEFORE, "before")])
    tuned = {
        loss: [_model(f"{rate:g}", [found.value(loss, part(rate, seed)) for seed in seeds]) for rate in rates]
        for loss in losses
    }
    controls = {
        one: _model(f"T = {one:g}", [found.value(CROSS_ENTROPY, control_part(one, seed)) for seed in seeds])
        for one in temperatures
    }
    return Study(start, tuned, controls, tuned[CROSS_ENTROPY][rates.index(CONTROL_RATE)])


class _Reader:
    """Reads parts, and checks that all of them are of the same checkpoint, tasks, trajectories and settings."""

    def __init__(self, readings: Readings) -> None:
        self.readings = readings
        self.first: dict[str, Any] = {}

    def value(self, name: str, part_name: str) -> Mapping[str, Any]:
        """The value of a part."""
        place = self.readings.folder / f"{name}.json"
        found: Mapping[str, Any] = self.readings.needed(name, part_name)
        self._check_same(found, (self.readings.about(name) or {}).get("model_sha256"), f"{place}, {part_name}")
        for key, largest in (("greedy", 1), ("sampled", SAMPLES)):
            if len(found[key]) != TASKS or not set(found[key]) <= set("0123456789"[: largest + 1]):
                raise InputError(f"{place}, {part_name}, {key}: expected {TASKS} digits from 0 to {largest}")
        return found

    def _check_same(self, found: Mapping[str, Any], model_sha256: str | None, place: str) -> None:
        same = {"model_sha256": model_sha256, "tasks_sha256": found["tasks_sha256"]}
        same |= {key: one for key, one in found["settings"].items() if key != "lr"}
        same |= {of("documents_sha256", data): found[data]["documents_sha256"] for data in DATA}
        for key, one in same.items():
            if self.first.setdefault(key, one) != one:
                raise InputError(
                    f"{place}: {key}: expected {self.first[key]!r} as in the other readings, found {one!r}; make "
                    "it again"
                )


def _model(title: str, values: Sequence[Mapping[str, Any]]) -> Model:
    greedy, sampled = (np.array([list(value[key]) for value in values], np.int64) for key in ("greedy", "sampled"))
    measured = {
        PASS: of_units(greedy.astype(np.float64)),
        PASS_K: of_units(pass_at(K, SAMPLES, sampled)),
        PASS_SAMPLED: of_units(sampled / SAMPLES),
    }
    numbers: dict[str, float] = {}
    for data in DATA:
        of_data = [value[data] for value in values]
        measured |= {of(name, data): one for name, one in _measures(of_data).items()}
        numbers |= {of(name, data): one for name, one in _numbers(of_data).items()}
    return Model(title, measured, numbers)


def pass_at(k: int, n: int, passed: np.ndarray) -> np.ndarray:
    """The unbiased share of k of n attempts of which at least one passed: 1 - C(n - c, k) / C(n, k).

    Chen et al., Evaluating Large Language Models Trained on Code (2021), arXiv 2107.03374.
    """
    return np.asarray(1 - comb(n - passed, k) / comb(n, k))


def _measures(readings: Sequence[Mapping[str, Any]]) -> dict[str, Measured]:
    rows = _rows(readings)
    whole = rows.sum(axis=1, keepdims=True)
    found = {name: of_groups(measure(name, whole)[:, 0], measure(name, whole - rows)) for name in MEASURES}
    return found | {
        CALIBRATED: of_groups(_array(readings, "calibrated_he_snr"), _array(readings, "calibrated_without"))
    }


def _numbers(readings: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Means over the seeds; NaN if one is missing."""
    found = {key: _array(readings, key) for key in ("calibrated_loss", "temperatures", "kl")}
    found["loss"] = np.log(measure("ppl", _rows(readings).sum(axis=1)))
    of_set = np.stack([_on_set(one) for one in readings])  # (S, len(SET_COLUMNS))
    tokens = of_set[:, SET_COLUMNS.index("tokens")]
    found |= {f"set_{key}": of_set[:, SET_COLUMNS.index(key)] / tokens for key in ("nll", "rank_1", "snr")}
    found["set_tokens"] = tokens
    of_parts = np.stack([rows_of(one["parts"]).sum(axis=0) for one in readings])  # (S, len(decomposition.COLUMNS))
    found |= {f"part_{name}": part(of_parts) for name, part in PARTS.items()}
    return {key: float(values.mean()) for key, values in found.items()}


def _on_set(reading: Mapping[str, Any]) -> np.ndarray:
    """(len(SET_COLUMNS),) sums over the decisions of the start."""
    rows = rows_of(reading["set"])
    return np.asarray(rows[:, [reading["set_columns"].index(name) for name in SET_COLUMNS]].sum(axis=0))


def _rows(readings: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """(S, G, C) sums of each group."""
    of_each = [{"columns": one["columns"], "totals": {"action": one["totals"]}} for one in readings]
    return np.stack([document_totals(one)["action"] for one in of_each])


def _array(readings: Sequence[Mapping[str, Any]], key: str) -> np.ndarray:
    """(S, ...) with NaN for a value that is missing."""
    return np.array([one[key] for one in readings], np.float64)
