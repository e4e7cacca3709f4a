"""Refuses numbers in a results file that no run can have: a share above 1, a perplexity below 1, a negative count."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lm_eval_hesnr.metrics.bounds import DIRECTIONS, UNITS, bounds
from lm_eval_hesnr.metrics.profile import SUMS
from lm_eval_hesnr.results.json_checks import expect, is_number

_ROUNDING = 1e-4
"""A number may exceed its bound by this fraction: statistics are rounded to float32, and sums to 8 digits."""
_TOGETHER = 0.03
"""The same for two numbers of different origin: a server's probabilities may disagree by 2 %."""
_LARGEST_K = 10**6
_NOT_COUNTS = ("nll", "nll_top_k")
"""Sums that may be infinite, and negative by rounding."""


def check_measures(results: Mapping[str, Any], config: Mapping[str, Any], key: str) -> None:
    """Check that the values and standard errors of one task are possible, each with the epsilon of its scope.

    Args:
        results: `<measure>,<scope>` to value. Values that are not numbers, and NaN, are not checked.
        config: with the signature and the summaries, of which the types are checked.
        key: the name of `results`, for messages.

    Raises:
        ValueError: a value is impossible. The message names its key.
    """
    k = config["signature"].get("k")
    for name, value in results.items():
        measure, _, scope = str(name).partition(",")
        if not is_number(value) or math.isnan(value) or scope not in config["summary"]:
            continue
        if measure.endswith("_stderr"):
            expect(0 <= value < math.inf, f"{key}, {name}", "a standard error of at least 0", value)
        elif measure in DIRECTIONS:
            low, high = _bounds(measure, k, config["summary"][scope].get("epsilon"))
            expected = f"at least {low:g}" if high == math.inf else f"from {low:g} to {high:g}"
            slack = _ROUNDING * (1 if high == math.inf else high)
            is_possible = low - slack <= value <= high + slack and value != math.inf
            expect(is_possible, f"{key}, {name}", f"a number {expected}", value)


def _bounds(measure: str, k: Any, epsilon: float | None) -> tuple[float, float]:
    is_known = type(k) is int and 2 <= k <= _LARGEST_K
    low, high = bounds(measure, k=k if is_known else _LARGEST_K, epsilon=None)
    if UNITS[measure] == "1/nats" and epsilon:  # p / entropy, with entropy > epsilon
        high = (1 + _TOGETHER) / epsilon
    return low, math.inf if high is None else high


def check_totals(rows: np.ndarray, epsilon: float | None, keys: Sequence[str]) -> None:
    """Check that the totals of each document are possible together. Those that are not known are not checked.

    Args:
        rows: (D, 2 * len(SUMS)), as `document_totals` has them.
        epsilon: the threshold of the totals, nats; None if there is none.
        keys: D names, for messages.

    Raises:
        ValueError: totals are impossible. The message has the name of the document.
    """
    scope, above = (dict(zip(SUMS, part.T, strict=True)) for part in np.split(rows, 2, axis=1))
    for part, sums in (("scope", scope), ("above", above)):
        least = -_ROUNDING * (1 + scope["tokens"])
        for name, column in sums.items():
            may_round = name in _NOT_COUNTS
            _refuse(column < (least if may_round else 0), f"{part}.{name} of at least 0", column, keys)
            _refuse(np.isinf(column) & (not may_round), f"a finite {part}.{name}", column, keys)
        _refuse(sums["rank_1"] > sums["top_k"], f"{part}.rank_1 of at most {part}.top_k", sums["rank_1"], keys)
        _refuse(sums["top_k"] > sums["tokens"], f"{part}.top_k of at most {part}.tokens", sums["top_k"], keys)
        _refuse(
            sums["top_mass"] > sums["tokens"] * (1 + _ROUNDING),
            f"{part}.top_mass of at most {part}.tokens",
            sums["top_mass"],
            keys,
        )
    for name in ("tokens", "top_k", "rank_1", "entropy", "top_mass", "bytes"):
        _refuse(above[name] > scope[name] * (1 + _ROUNDING), f"above.{name} of at most scope.{name}", above[name], keys)
    if epsilon is not None:
        for name, count in (("snr", "top_k"), ("q_snr", "top_k"), ("self_snr", "tokens")):
            bad = above[name] * epsilon > above[count] * (1 + _TOGETHER)
            _refuse(bad, f"above.{name} of at most above.{count} / epsilon", above[name], keys)
        bad = scope["entropy"] < above["tokens"] * epsilon * (1 - _ROUNDING)
        _refuse(bad, "scope.entropy of at least above.tokens * epsilon", scope["entropy"], keys)


def _refuse(bad: np.ndarray, expected: str, found: np.ndarray, keys: Sequence[str]) -> None:
    for i in np.flatnonzero(bad)[:1]:
        raise ValueError(f"{keys[i]}: expected {expected}, found {found[i]:.10g}")
