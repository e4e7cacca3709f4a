"""What the page draws from the summary of one scope in a results file. Its values are not trusted: each is checked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from lm_eval_hesnr.results.json_checks import is_interval, is_number

BIN = 0.05
"""Width of a bin of the page's histogram, nats. The results file has finer bins."""
_MOST_NUMBERS = 10_000
_NUMBERS = re.compile(r"[0-9.e+-]{1,30}( [0-9.e+-]{1,30})*")


def threshold_points(summary: Mapping[str, Any]) -> list[dict[str, float | None]]:
    """he_snr at other thresholds: `epsilon` and `he_snr` of each; empty if the file does not have them."""
    given = summary.get("sweep")
    points = []
    for one in given[:_MOST_NUMBERS] if isinstance(given, list) else ():
        if isinstance(one, dict) and is_number(one.get("epsilon")):
            points.append({"epsilon": float(one["epsilon"]), "he_snr": finite(one.get("he_snr"))})
    return points


def histogram(summary: Mapping[str, Any]) -> list[int] | None:
    """The number of tokens in each bin of `BIN` nats, from 0 on; None if the file does not have them."""
    given = summary.get("histogram")
    found = given if isinstance(given, dict) else {}
    edges, tokens = (_numbers(found.get(key)) for key in ("edges", "tokens"))
    if edges is None or tokens is None or len(edges) != len(tokens) or not (edges >= 0).all() or edges.max() > 20:
        return None
    if not (tokens >= 0).all() or tokens.sum() > 2**53 or not tokens.sum():
        return None
    places = np.maximum(np.ceil(edges / BIN - 1e-6).astype(int) - 1, 0)  # an edge is the upper end of its bin
    return [round(count) for count in np.bincount(places, weights=tokens)]


def shift(summary: Mapping[str, Any]) -> tuple[float, tuple[float, float] | None] | None:
    """The shift from ln 4 to ln 3 with its interval; None if the file does not have it."""
    shape = summary.get("shape")
    if not isinstance(shape, dict):
        return None
    value, interval = finite(shape.get("ln3_ln4_shift")), shape.get("ln3_ln4_shift_interval")
    if value is None:
        return None
    return value, (interval[0], interval[1]) if interval and is_interval(interval) else None


def finite(value: Any) -> float | None:
    """The value if it is a finite number, else None."""
    return float(value) if is_number(value) and math.isfinite(value) else None


def _numbers(text: Any) -> np.ndarray | None:
    if not isinstance(text, str) or len(text) > 30 * _MOST_NUMBERS or not _NUMBERS.fullmatch(text):
        return None
    try:
        found = np.array([float(word) for word in text.split(" ")])
    except ValueError:
        return None
    return found if np.isfinite(found).all() else None
