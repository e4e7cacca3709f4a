"""Refuses rows of a token table whose numbers are possible one by one, and not together."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import special  # type: ignore[import-untyped]

from lm_eval_hesnr.scoring.token_scores import characters_of_tokens

_TOGETHER = 0.02
"""Two statistics may disagree by this fraction. A logprob of -5 in bfloat16 changes a probability by 1 %."""
_ROUNDING = 0.01
"""An entropy may differ by this much more, nats."""
_LONGEST_CHARACTER = 4
"""Bytes of a character in UTF-8."""


def check_together(arrays: Mapping[str, Any], k: int) -> None:
    """Check that the numbers of each row are possible together. A check whose columns are missing is left out.

    Args:
        arrays: fields of `TokenScores`, each in its range.
        k: size of the candidate set.

    Raises:
        ValueError: they are not. The message names a column, the row, what was found and what is expected.
    """
    if {"char_start", "char_end"} <= arrays.keys():
        _check_characters(arrays["char_start"], arrays["char_end"], arrays.get("n_bytes"))
    rows = np.flatnonzero(arrays["scored"])
    p = np.exp(arrays["logprob"][rows].astype(np.float64))
    if {"rank", "top_mass"} <= arrays.keys():
        _check_probabilities(rows, p, arrays["rank"][rows], arrays["top_mass"][rows], k)
    if {"rank", "entropy"} <= arrays.keys():
        top_mass = arrays["top_mass"][rows] if "top_mass" in arrays else np.full(len(rows), np.nan)
        # the second: fewer than k + 1 tokens can have so large a probability, whatever the rank is
        known = (arrays["rank"][rows] <= k) | (p * (k + 1) > 1 + _TOGETHER)
        _check_entropy(rows[known], p[known], arrays["entropy"][rows][known], top_mass[known], k)


def _check_characters(start: np.ndarray, end: np.ndarray, n_bytes: np.ndarray | None) -> None:
    for row in np.flatnonzero(end < start)[:1]:
        raise ValueError(f"column char_end, row {row}: found {end[row]}, expected at least char_start = {start[row]}")
    if n_bytes is None:
        return
    first, last = characters_of_tokens(start, end)
    length = (last - first).astype(np.int64)
    is_bad = (n_bytes >= 0) & ((n_bytes < length) | (n_bytes > length * _LONGEST_CHARACTER))
    for row in np.flatnonzero(is_bad)[:1]:
        raise ValueError(
            f"column n_bytes, row {row}: found {n_bytes[row]}, expected {length[row]} to "
            f"{length[row] * _LONGEST_CHARACTER}, because the token has {length[row]} characters"
        )


def _check_probabilities(rows: np.ndarray, p: np.ndarray, rank: np.ndarray, top_mass: np.ndarray, k: int) -> None:
    """Servers and float16 round them."""
    for is_bad, expected in (
        (p * rank > 1 + _TOGETHER, "at most 1 / rank, because rank - 1 tokens are more likely"),
        ((rank <= k) & (p > top_mass * (1 + _TOGETHER)), "at most top_mass, because rank is at most k"),
        ((rank == 1) & (p * k * (1 + _TOGETHER) < top_mass), "at least top_mass / k, because rank is 1"),
    ):
        for i in np.flatnonzero(is_bad)[:1]:
            raise ValueError(
                f"column logprob, row {rows[i]}: found a probability of {p[i]:.4g} with rank {rank[i]:.0f} and "
                f"top_mass {top_mass[i]:.4g}, expected {expected}"
            )


def _check_entropy(rows: np.ndarray, p: np.ndarray, entropy: np.ndarray, top_mass: np.ndarray, k: int) -> None:
    """Check the entropy of candidate sets in which the share of one candidate is known. Others are left out.

    The entropy is smallest if one other candidate has the rest, and largest if all others share it equally (Fano's
    inequality).

    Args:
        rows: (R,) of the tokens in the table, for messages.
        p: (R,) probability of the tokens, which are candidates.
        entropy: (R,)
        top_mass: (R,) probability of all candidates; NaN if it is not known.
        k: size of the candidate set.
    """
    least_share = p / np.where(np.isnan(top_mass), 1, top_mass) / (1 + _TOGETHER)
    most_share = np.where(np.isnan(top_mass), 1, np.minimum(p / top_mass * (1 + _TOGETHER), 1))
    least = np.minimum(_entropy_of_two(least_share), _entropy_of_two(most_share)) * (1 - _TOGETHER) - _ROUNDING
    flattest = np.clip(1 / k, least_share, most_share)
    most = (_entropy_of_two(flattest) + (1 - flattest) * math.log(k - 1)) * (1 + _TOGETHER) + _ROUNDING
    for i in np.flatnonzero((entropy < least) | (entropy > most))[:1]:
        of_mass = "" if np.isnan(top_mass[i]) else f" of a top_mass of {top_mass[i]:.6g}"
        raise ValueError(
            f"column entropy, row {rows[i]}: found {entropy[i]:.4g} for a token with a probability of "
            f"{p[i]:.6g}{of_mass}, expected {max(least[i], 0):.4g} to {most[i]:.4g}"
        )


def _entropy_of_two(share: np.ndarray) -> np.ndarray:
    """Entropy of (share, 1 - share), nats."""
    return special.entr(share) + special.entr(1 - share)
