"""Checks that the logprobs and ranks of an answer are possible, and that they agree with each other."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lm_eval_hesnr.errors import AnswerError
from lm_eval_hesnr.scoring.table_columns import LARGEST_INTEGER

_ROUNDING = 1e-4
"""A logprob may exceed its largest possible value by this much, nats."""

_ROUNDING_OF_SUM = 0.01
"""The sum of the top probabilities may exceed 1 by this much. A server that rounds logprobs to bfloat16 changes each by
up to 0.2 %, so the sum can change by 0.2 % of the entropy of up to 4.6 nats (k = 100)."""

_ROUNDING_OF_RANKS = 0.05
"""A rank times the probability may exceed 1 by this much. At a rank of 150 000, bfloat16 changes it by up to 3 %."""

_LARGEST_REST = 0.02
"""The top probabilities may leave this much that the tokens after them cannot have, because of rounding."""


class Columns(NamedTuple):
    """The parts of an answer about R requested tokens as arrays of float64."""

    target: np.ndarray
    """(R,)"""
    rank: np.ndarray
    """(R,); 0 if the answer has no rank."""
    own: np.ndarray
    """(R,); NaN if the token is not among the top tokens."""
    is_outside: np.ndarray
    """(R,) bool: the token itself is not one of the k most likely ones."""
    top: np.ndarray
    """(R, k), largest first."""
    top_ids: np.ndarray
    """(R, k) int64: the tokens of `top`."""
    top_ranks: np.ndarray
    """(R, k) int64: the engine's own ranks of `top`; 0 if the answer has no rank, and for the token itself."""


def check_possible(columns: Columns, positions: np.ndarray) -> None:
    """Refuse values that no model can have. They would give plausible statistics.

    Args:
        columns: of R tokens.
        positions: (R,) of the tokens in the prompt, for messages.

    Raises:
        AnswerError: a value is impossible, or contradicts another one.
    """
    mass = np.exp(np.minimum(columns.top, 0)).sum(axis=1)
    _check_upper_bounds(columns, mass, positions)
    _check_token_among_top(columns, positions)
    _check_rest(columns, mass, positions)
    _check_ranks(columns.rank[:, None], columns.target[:, None], columns, positions, "its rank is")
    _check_ranks(columns.top_ranks, columns.top, columns, positions, "the rank of a top token is")


def _check_upper_bounds(columns: Columns, mass: np.ndarray, positions: np.ndarray) -> None:
    """Refuse values that are impossible for logprobs, such as logits. They would give plausible statistics."""
    target, largest = columns.target, columns.top.max(axis=1)
    for name, values, most, slack in (
        ("its logprob", target, np.zeros_like(target), _ROUNDING),
        ("the largest logprob", largest, np.zeros_like(target), _ROUNDING),
        ("the sum of the top probabilities", mass, np.ones_like(target), _ROUNDING_OF_SUM),
        ("its logprob", target, largest, _ROUNDING),
    ):
        for i in np.flatnonzero(~(values <= most + slack)):  # also refuses NaN
            raise AnswerError(
                f"token {positions[i]} of the prompt: {name} is {values[i]:.6g}, expected at most {most[i]:.6g}: the "
                "server does not return logprobs"
            )


def _check_rest(columns: Columns, mass: np.ndarray, positions: np.ndarray) -> None:
    """Refuse probabilities after the top ones that are more than the rest, or that cannot be the rest."""
    smallest = columns.top[:, -1]
    with_own = mass + columns.is_outside * np.exp(np.minimum(columns.target, 0))
    for i in np.flatnonzero(with_own > 1 + _ROUNDING_OF_SUM):
        raise AnswerError(
            f"token {positions[i]} of the prompt: the sum of its probability and the top ones is {with_own[i]:.6g}, "
            "expected at most 1: the server does not return logprobs"
        )
    for i in np.flatnonzero(mass + LARGEST_INTEGER * np.exp(np.minimum(smallest, 0)) < 1 - _LARGEST_REST):
        raise AnswerError(
            f"token {positions[i]} of the prompt: the sum of the top probabilities is {mass[i]:.6g}, but the smallest "
            f"top logprob is {smallest[i]:.6g}: the server does not return the most likely tokens"
        )


def _check_token_among_top(columns: Columns, positions: np.ndarray) -> None:
    """Refuse a token whose logprob disagrees with the top tokens."""
    target, own, smallest = columns.target, columns.own, columns.top[:, -1]
    with np.errstate(invalid="ignore"):  # minus infinity on both sides counts as equal
        differs = np.abs(own - target) > _ROUNDING
    for i in np.flatnonzero(differs):
        raise AnswerError(
            f"token {positions[i]} of the prompt: its logprob is {target[i]:.6g}, but {own[i]:.6g} among the top tokens"
        )
    for i in np.flatnonzero(np.isnan(own) & (target > smallest + _ROUNDING)):
        raise AnswerError(
            f"token {positions[i]} of the prompt: its logprob is {target[i]:.6g}, above {smallest[i]:.6g}, the "
            "smallest of the top tokens, but it is not among them"
        )


def _check_ranks(ranks: np.ndarray, logprobs: np.ndarray, columns: Columns, positions: np.ndarray, name: str) -> None:
    """Refuse a rank that disagrees with the top tokens. Tokens of equal logprob may have their ranks in any order.

    Args:
        ranks: (R, n), 0 if there is no rank.
        logprobs: (R, n) of the same tokens.
        columns: of R tokens.
        positions: (R,) of the tokens in the prompt, for messages.
        name: the beginning of the messages.
    """
    k = columns.top.shape[1]
    for j in range(ranks.shape[1]):  # one column after the other needs less memory than all at once
        rank, logprob = ranks[:, j], logprobs[:, j]
        least = 1 + (columns.top > logprob[:, None] + _ROUNDING).sum(axis=1)
        most = (columns.top >= logprob[:, None] - _ROUNDING).sum(axis=1)
        # tokens beyond the top k may have the same logprob, but not more of them than probability 1 allows
        with np.errstate(over="ignore"):
            possible = np.minimum((1 + _ROUNDING_OF_RANKS) * np.exp(-np.minimum(logprob, 0)), LARGEST_INTEGER)
        most = np.where(most == k, np.maximum(possible.astype(np.int64), k), most)
        for i in np.flatnonzero((rank > 0) & ((rank < least) | (rank > most))):
            expected = f"{least[i]} or more" if most[i] == LARGEST_INTEGER else f"{least[i]} to {most[i]}"
            raise AnswerError(
                f"token {positions[i]} of the prompt: {name} {rank[i]:.0f}, but its logprob among the top tokens "
                f"means {expected}"
            )
