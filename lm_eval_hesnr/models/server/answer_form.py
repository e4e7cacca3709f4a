"""One form of request and answer, with checks that an answer is complete and possible."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from lm_eval_hesnr.errors import AnswerError
from lm_eval_hesnr.models.server.possible import Columns, check_possible
from lm_eval_hesnr.scoring.statistics import NO_EXTRAS, Extras, Statistics, statistics_of, with_candidates

_VLLM_MINUS_INFINITY = -9999.0
"""vLLM writes this number for minus infinity, which JSON does not have."""

_MANY_PLACES = 8
"""At least this many places are needed as evidence that a server returns k - 1 top tokens and the token itself
(`_columns`)."""


@contextmanager
def _documented_shape() -> Iterator[None]:
    """Turn Python's errors about JSON of an unexpected shape into an `AnswerError`."""
    try:
        yield
    except AnswerError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise AnswerError(f"the answer does not have the documented shape ({type(error).__name__}: {error})") from error


class AnswerForm(NamedTuple):
    """One form of request and answer.

    An answer is refused if it is incomplete, covers tokens that were not sent, or contains impossible logprobs. No
    number is computed from a refused answer.
    """

    name: str
    path: str
    """The path of requests, below the server's root."""
    question: Callable[[str, Sequence[int] | str, int], dict[str, Any]]
    """Builds the JSON of a request from the model's name, a prompt (token ids or text) and k."""
    prompt_ids: Callable[[Any], list[int] | None]
    """Returns the token ids of the prompt from an answer; None if the answer does not contain them."""
    rows: Callable[[Any, Sequence[int], np.ndarray], Iterator[AnswerRow]]
    """Yields the part of an answer about each requested token, from the answer, the prompt and the positions."""
    count: Callable[[Any], int]
    """Returns the number of prompt tokens that an answer covers."""
    n_read: Callable[[Any], int | None]
    """Returns the length of the prompt as the server reports it; None if the answer does not contain it."""

    def read(
        self, answer: Any, prompt: Sequence[int], positions: np.ndarray, k: int, extras: Extras = NO_EXTRAS
    ) -> Statistics:
        """The statistics of the requested tokens.

        Args:
            answer: the server's JSON.
            prompt: the token ids that were sent.
            positions: (R,) positions of the requested tokens in the prompt, each at least 1.
            k: the number of top tokens that was requested.
            extras: the optional statistics to return.

        Raises:
            AnswerError: a part of the answer is missing, belongs to other tokens, or is impossible.
        """
        with _documented_shape():
            self._check_tokens(answer, prompt)
            columns = _columns(self.rows(answer, prompt, positions), positions, k)
        check_possible(columns, positions)
        target = np.where(columns.target <= _VLLM_MINUS_INFINITY, -np.inf, columns.target)
        found = statistics_of(target, columns.top, columns.rank)
        return with_candidates(found, columns.top_ids, columns.top) if extras.candidates else found

    def ids_read(self, answer: Any) -> list[int] | None:
        """The token ids of the prompt that the server read; None if the answer does not contain them.

        Raises:
            AnswerError: the answer does not have this form.
        """
        with _documented_shape():
            return self.prompt_ids(answer)

    def _check_tokens(self, answer: Any, prompt: Sequence[int]) -> None:
        """Check that the answer covers exactly the tokens that were sent."""
        ids = self.prompt_ids(answer)
        if ids is not None and len(ids) == len(prompt) and ids != list(prompt):
            differing = next(i for i, (got, sent) in enumerate(zip(ids, prompt, strict=True)) if got != sent)
            raise AnswerError(f"the server read token {ids[differing]} where {prompt[differing]} was sent")
        n_tokens = self.count(answer)
        if n_tokens != len(prompt) or (ids is not None and len(ids) != len(prompt)):
            n_tokens = n_tokens if ids is None else min(n_tokens, len(ids))
            reason = ": it was truncated" if n_tokens < len(prompt) else ""
            raise AnswerError(f"the answer covers {n_tokens} tokens, but {len(prompt)} were sent{reason}")
        n_read = self.n_read(answer)
        if n_read and n_read != len(prompt):  # some servers write 0 for a number that they do not count
            raise AnswerError(f"the server reports a prompt of {n_read} tokens, but {len(prompt)} were sent")


class AnswerRow(NamedTuple):
    """The part of an answer about one token."""

    target: float
    """The token's logprob."""
    rank: int | None
    """The engine's own rank of the token; None if the answer has no ranks."""
    top: dict[int, float]
    """The most likely tokens with their logprobs. Some servers add the token itself if it is not one of them."""
    own: float | None
    """The token's logprob in `top`; None if the token is not in `top`."""
    ranks: dict[int, int] = {}  # noqa: RUF012
    """The engine's own ranks of the other tokens in `top`, if the answer has ranks."""


def _columns(rows: Iterator[AnswerRow], positions: np.ndarray, k: int) -> Columns:
    """The rows as arrays.

    Some servers return only k - 1 top tokens, and the token itself. Then the token itself is often the last of the k
    values, and never outside them. With k real top tokens, a token that is often the last is sometimes also outside.
    This function refuses answers of the first kind.
    """
    n_positions = len(positions)
    one = np.empty(n_positions)
    shape = (n_positions, k)
    columns = Columns(
        one, one.copy(), one.copy(), np.empty(n_positions, bool), np.empty(shape), np.empty(shape, np.int64),
        np.zeros(shape, np.int64),
    )  # fmt: skip
    n_last = 0
    for i, row in enumerate(rows):
        ids, values = _sorted_top(row, positions[i], k)
        columns.is_outside[i] = row.own is None or len(values) > k
        n_last += row.own is not None and row.rank is None and row.own <= values[-1]
        columns.target[i], columns.rank[i], columns.top[i] = row.target, row.rank or 0, values[:k]
        columns.top_ids[i] = ids[:k]
        if row.ranks:
            columns.top_ranks[i] = [row.ranks.get(one, 0) for one in ids[:k]]
        columns.own[i] = np.nan if row.own is None else row.own
    if n_last >= _MANY_PLACES and not columns.is_outside.any():
        raise AnswerError(
            f"the token itself is the last of the {k} top tokens in {n_last} places, and never outside them: "
            f"the server returns it instead of top token number {k}"
        )
    return columns


def _sorted_top(row: AnswerRow, position: int, k: int) -> tuple[list[int], list[float]]:
    """The top tokens and their logprobs, largest first: k, or k + 1 if the token itself is the last of them."""
    place = f"token {position} of the prompt"
    if any(map(math.isnan, row.top.values())):  # NaN cannot be sorted
        raise AnswerError(f"{place}: a top logprob is not a number (nan)")
    ids = sorted(row.top, key=lambda one: -row.top[one])
    values = [row.top[one] for one in ids]
    n_top = len(values)
    if n_top > k and (n_top > k + 1 or row.own is None or row.own > values[-1]):
        raise AnswerError(f"{n_top} top tokens at {place}, expected {k}, or {k + 1} if the token itself is the last")
    if n_top == k and row.rank is not None and row.rank > k and row.own == values[-1]:
        n_top -= 1  # the token itself is in the list, but it is not a top token
    if n_top < k:
        raise AnswerError(f"{n_top} top tokens at {place}, expected {k}")
    return ids, values
