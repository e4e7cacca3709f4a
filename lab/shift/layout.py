"""The parts of a file of readings (lab/readings/README.md), and what is in each column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lab.before_after import rows_of
from lab.shift.plan import DECIDING, POOLS
from lab.shift.windows import COLUMNS

HISTOGRAM = np.arange(40, 233) / 100
"""Ends of the bins of the histogram of each trajectory, nats: from 0.40 to 2.32."""
HISTOGRAM_AT = DECIDING
"""The temperatures of the histograms. At 0.8, counts below ln 2 are not complete."""
NEAR = (3, 4, 5)
"""For these n, tokens near ln n are counted by their rank, and by p(n-th candidate) / p(first candidate)."""
POOL_ORDERS = POOLS
"""For each choice it is counted near which of these ln n its entropy is."""
COLUMNS_OF_CHOICES = tuple(f"{column}, {size}" for size in POOLS for column in (
    "choices", "entropy", *(f"near{n}" for n in POOL_ORDERS)))  # fmt: skip
"""For each size of the pool: the choices of a text, the sum of their entropies, and those within 0.06 of each ln n."""
_CHOICES_AT_OTHERS = tuple(column for column in COLUMNS_OF_CHOICES if not column.endswith(", 2"))
_KNOWN_AT_OTHERS = tuple(column for column in COLUMNS if column == "tokens" or column[-1] in "34")


def columns_at(temperature: float) -> list[str]:
    """The counts that are kept: all at temperature 1. At others, entropies below ln 2 are not known exactly."""
    return list(COLUMNS if temperature == 1 else _KNOWN_AT_OTHERS)


def choice_columns_at(temperature: float) -> list[str]:
    """The sums about choices that are kept, as in `columns_at`: choices among two have entropies up to ln 2."""
    return list(COLUMNS_OF_CHOICES if temperature == 1 else _CHOICES_AT_OTHERS)


def line(numbers: np.ndarray) -> str:
    """Numbers as one text."""
    return " ".join(f"{number:.7g}" for number in numbers)


def windows_of(reading: Mapping[str, Any], temperature: float) -> np.ndarray:
    """(D, len(COLUMNS)) counts of each trajectory; NaN for those that are not kept."""
    return _by_name(reading["windows"][f"{temperature:g}"], COLUMNS)


def choices_of(reading: Mapping[str, Any], temperature: float) -> np.ndarray:
    """(texts, len(COLUMNS_OF_CHOICES)) sums over the choices of each text; NaN for those that are not kept."""
    return _by_name(reading["sums"][f"{temperature:g}"], COLUMNS_OF_CHOICES)


def _by_name(found: Mapping[str, Any], columns: Sequence[str]) -> np.ndarray:
    kept = rows_of(found["rows"])
    rows = np.full((len(kept), len(columns)), np.nan)
    rows[:, [columns.index(column) for column in found["columns"]]] = kept
    return rows


def of_pool(rows: np.ndarray, size: int, column: str) -> np.ndarray:
    """(...,): a column of `COLUMNS_OF_CHOICES` about pools of this size."""
    return np.asarray(rows[..., COLUMNS_OF_CHOICES.index(f"{column}, {size}")])
