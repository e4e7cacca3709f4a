"""The figures of a correlation, as plain data: one scatter plot per predictor, with both error bars."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import stats  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics.bootstrap import LEVEL
from lm_eval_hesnr.metrics.correlation.noise_of_axes import points_stderr
from lm_eval_hesnr.results.correlate.correlation import Correlation, Row
from lm_eval_hesnr.results.correlate.legends import interval_head
from lm_eval_hesnr.results.correlate.points import NULL

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999")
"""Okabe and Ito's colours, which readers with colour blindness can tell apart."""
WIDTH, HEIGHT = 360, 300
"""Of a figure, in pixels."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 12, 40
_NORMAL = float(stats.norm.ppf((1 + LEVEL) / 2))
_RATES = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.999)


def figures(found: Correlation) -> list[dict[str, Any]]:
    """One figure per predictor that has statistics, in the order of the rows. Positions are in pixels."""
    points = found.points
    half_y = _NORMAL * np.asarray(points_stderr(points.drawn_y))
    y_of, y_range = _axis(points.y, half_y, HEIGHT - _BOTTOM, _TOP)
    ticks = [
        {"at": y_of(value), "label": f"{100 * rate:g} %"}
        for rate in _RATES
        if y_range[0] <= (value := math.log(rate / (1 - rate))) <= y_range[1]
    ]
    return [
        _figure(found, row, y_of, half_y, ticks) for row in found.rows if row.pearson is not None and not row.same_as
    ]


def families(found: Correlation) -> dict[str, str]:
    """Training run to its colour."""
    names = sorted(set(found.points.families))
    return {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(names)}


def _figure(
    found: Correlation, row: Row, y_of: Callable[[float], float], half_y: np.ndarray, y_ticks: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    one, points = row.predictor, found.points
    stderr = points_stderr(one.drawn)
    half_x = np.zeros(len(one.x)) if stderr is None or not np.isfinite(stderr).all() else _NORMAL * stderr
    x_of, x_range = _axis(one.x, half_x, _LEFT, WIDTH - _RIGHT)
    colours = families(found)
    return {
        "label": one.label,
        "r": None if row.pearson is None else row.pearson.value,
        "interval": None if row.pearson is None else row.pearson.interval,
        "interval_head": interval_head(found),
        "width": WIDTH,
        "height": HEIGHT,
        "frame": {"left": _LEFT, "right": WIDTH - _RIGHT, "top": _TOP, "bottom": HEIGHT - _BOTTOM},
        "x_ticks": [
            {"at": x_of(value), "label": f"{_natural(one.label, value):.4g}"}
            for value in np.linspace(*x_range, 6)[1:-1:1]
        ],
        "y_ticks": list(y_ticks),
        "points": [
            {
                "name": points.names[i],
                "family": points.families[i],
                "colour": colours[points.families[i]],
                "x": x_of(one.x[i]),
                "y": y_of(points.y[i]),
                "left": x_of(one.x[i] - half_x[i]),
                "right": x_of(one.x[i] + half_x[i]),
                "low": y_of(points.y[i] - half_y[i]),
                "high": y_of(points.y[i] + half_y[i]),
            }
            for i in range(len(points.names))
        ],
    }


def _axis(
    values: np.ndarray, half: np.ndarray, begin: float, end: float
) -> tuple[Callable[[float], float], tuple[float, float]]:
    """From a value to its pixel, and the range of the axis, with room for all error bars."""
    low, high = float((values - half).min()), float((values + half).max())
    room = 0.04 * (high - low)
    low, high = low - room, high + room

    def _pixel(value: float) -> float:
        return round(float(begin + (value - low) / (high - low) * (end - begin)), 1)

    return _pixel, (low, high)


def _natural(label: str, x: float) -> float:
    """The value that is printed for a position on the x axis, where higher is better."""
    name = label.partition(",")[0]
    if name in ("ppl", "he_ppl"):
        return math.exp(-x)
    if label == NULL:
        return math.exp(x)
    return -x if name == "bits_per_byte" else x
