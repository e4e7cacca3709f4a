"""The forms of answer in which servers return logprobs of a prompt, and the checks that an answer is complete.

- `VLLM`: `/v1/completions` with `prompt_logprobs`, which are keyed by token id and have ranks.
- `ECHO`: OpenAI's completions with `echo` and `logprobs`, with token ids instead of texts, because two tokens can have
  the same text.
- `SGLANG`: SGLang's own `/generate`.

An answer is refused if it is incomplete, if it covers other tokens than were sent, or if its logprobs are impossible.
No number is computed from such an answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from lm_eval_hesnr.errors import AnswerError
from lm_eval_hesnr.scoring.statistics import Statistics, statistics_of

_VLLM_MINUS_INFINITY = -9999.0
"""vLLM writes this number for minus infinity, which JSON does not have."""

_ROUNDING = 1e-4
"""A logprob may exceed its largest possible value by this much, nats."""

_MANY_PLACES = 8
"""If the token itself is the last of k in so many places, and never outside the k, this is not chance."""

_BY_TEXT = "the answer identifies tokens by text instead of by id, and two tokens can have the same text"


@contextmanager
def _documented_shape() -> Iterator[None]:
    """Turn Python's errors about JSON of an unexpected shape into an `AnswerError`."""
    try:
        yield
    except AnswerError:
        raise
    except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
        raise AnswerError(f"the answer does not have the documented shape ({type(error).__name__}: {error})") from error


class AnswerForm(NamedTuple):
    """One form of request and answer."""

    name: str
    path: str
    """Where requests are sent, below the server's root."""
    question: Callable[[str, Sequence[int] | str, int], dict[str, Any]]
    """Builds the JSON of a request from the model's name, a prompt (token ids or text) and k."""
    prompt_ids: Callable[[Any], list[int] | None]
    """Returns the token ids of the prompt from an answer; None if the answer does not contain them."""
    rows: Callable[[Any, Sequence[int], np.ndarray], Iterator[_Row]]
    """Yields the part of an answer about each wanted token, from the answer, the prompt and the wanted positions."""
    count: Callable[[Any], int]
    """Returns the number of prompt tokens that an answer covers."""

    def read(self, answer: Any, prompt: Sequence[int], wanted: np.ndarray, k: int) -> Statistics:
        """The statistics of the wanted tokens.

        Args:
            answer: the server's JSON.
            prompt: the token ids that were sent.
            wanted: (R,) positions of the wanted tokens in the prompt, each at least 1.
            k: the number of top tokens that was requested.

        Raises:
            AnswerError: something is missing, different or impossible.
        """
        with _documented_shape():
            self._check_tokens(answer, prompt)
            columns = _columns(self.rows(answer, prompt, wanted), wanted, k)
        _check_upper_bounds(columns, wanted)
        _check_token_among_top(columns, wanted)
        target = np.where(columns.target <= _VLLM_MINUS_INFINITY, -np.inf, columns.target)
        return statistics_of(target, columns.top, columns.rank)

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
        if ids is not None and len(ids) == len(prompt) and list(ids) != list(prompt):
            differing = next(i for i, (got, sent) in enumerate(zip(ids, prompt, strict=True)) if got != sent)
            raise AnswerError(f"the server read token {ids[differing]} where {prompt[differing]} was sent")
        n_tokens = self.count(answer)
        if n_tokens != len(prompt) or (ids is not None and len(ids) != len(prompt)):
            n_tokens = n_tokens if ids is None else min(n_tokens, len(ids))
            raise AnswerError(f"the answer covers {n_tokens} tokens, but {len(prompt)} were sent: it was truncated")


class _Row(NamedTuple):
    """The part of an answer about one token."""

    target: float
    """The token's logprob."""
    rank: int | None
    """The engine's own rank of the token; None if the answer has no ranks."""
    top: list[float]
    """Logprobs of the most likely tokens. Some servers add the token itself where it is not one of them."""
    own: float | None
    """The token's logprob within `top`; None if it is not there."""


class _Columns(NamedTuple):
    """The rows of R wanted tokens as arrays of float64."""

    target: np.ndarray
    """(R,)"""
    rank: np.ndarray
    """(R,), 0 where the answer has no rank."""
    own: np.ndarray
    """(R,), NaN where the token is not among the top tokens."""
    top: np.ndarray
    """(R, k), largest first."""


def _columns(rows: Iterator[_Row], wanted: np.ndarray, k: int) -> _Columns:
    """The rows as arrays.

    Some servers return k - 1 top tokens and the token itself. Then the token is often the last of the k values and
    never outside them. With k real top tokens, a token that is often the last is also sometimes outside.
    """
    n_wanted = len(wanted)
    columns = _Columns(np.empty(n_wanted), np.empty(n_wanted), np.empty(n_wanted), np.empty((n_wanted, k)))
    n_last = n_outside = 0
    for i, row in enumerate(rows):
        values = _sorted_top(row, wanted[i], k)
        n_outside += row.own is None or len(values) > k
        n_last += row.own is not None and row.rank is None and row.own <= values[-1]
        columns.target[i], columns.rank[i], columns.top[i] = row.target, row.rank or 0, values[:k]
        columns.own[i] = np.nan if row.own is None else row.own
    if n_last >= _MANY_PLACES and not n_outside:
        raise AnswerError(
            f"there are {k} top tokens everywhere, and in {n_last} places the token itself is the last of them: the "
            f"server returns it instead of top token number {k}"
        )
    return columns


def _sorted_top(row: _Row, position: int, k: int) -> list[float]:
    """The top logprobs, largest first: k of them, or k + 1 with the token itself."""
    if math.isnan(sum(row.top)):  # NaN has no place in a sorted list
        raise AnswerError(f"token {position} of the prompt: a top logprob is not a number (nan)")
    values = sorted(row.top, reverse=True)
    n_top = len(values)
    if n_top == k and row.rank is not None and row.rank > k:
        n_top -= 1  # the token itself is counted, but it is not a top token
    if n_top < k:
        raise AnswerError(f"{n_top} top tokens at token {position} of the prompt, expected {k}")
    return values


def _check_upper_bounds(columns: _Columns, wanted: np.ndarray) -> None:
    """Refuse values that are too large for logprobs, such as logits. They would give plausible statistics."""
    target, largest = columns.target, columns.top.max(axis=1)
    mass = np.exp(np.minimum(columns.top, 0)).sum(axis=1)
    for name, values, most, slack in (
        ("its logprob", target, np.zeros_like(target), _ROUNDING),
        ("the largest logprob", largest, np.zeros_like(target), _ROUNDING),
        ("the sum of the top probabilities", mass, np.ones_like(target), 1e-3),
        ("its logprob", target, largest, _ROUNDING),
    ):
        for i in np.flatnonzero(~(values <= most + slack)):  # also refuses NaN
            raise AnswerError(
                f"token {wanted[i]} of the prompt: {name} is {values[i]:.6g}, expected at most {most[i]:.6g}: the "
                "server does not return logprobs"
            )


def _check_token_among_top(columns: _Columns, wanted: np.ndarray) -> None:
    """Refuse a token whose logprob disagrees with the top tokens."""
    target, own, smallest = columns.target, columns.own, columns.top[:, -1]
    with np.errstate(invalid="ignore"):  # minus infinity on both sides counts as equal
        differs = np.abs(own - target) > _ROUNDING
    for i in np.flatnonzero(differs):
        raise AnswerError(
            f"token {wanted[i]} of the prompt: its logprob is {target[i]:.6g}, but {own[i]:.6g} among the top tokens"
        )
    for i in np.flatnonzero(np.isnan(own) & (target > smallest + _ROUNDING)):
        raise AnswerError(
            f"token {wanted[i]} of the prompt: its logprob is {target[i]:.6g}, above {smallest[i]:.6g}, the smallest "
            "of the top tokens, but it is not among them"
        )


def _no_logprob(prompt: Sequence[int], position: int) -> AnswerError:
    return AnswerError(f"no logprob of token {position} of the prompt, id {prompt[position]}")


def _choice(answer: Any) -> dict[str, Any]:
    choice: dict[str, Any] = answer["choices"][0]
    return choice


def _vllm_question(model: str, prompt: Sequence[int] | str, k: int) -> dict[str, Any]:
    return {
        "model": model, "prompt": prompt, "max_tokens": 1, "temperature": 0, "prompt_logprobs": k,
        "return_token_ids": True, "add_special_tokens": False,
    }  # fmt: skip


def _vllm_entries(answer: Any) -> list[Any]:
    entries = _choice(answer).get("prompt_logprobs")
    if not isinstance(entries, list):
        raise AnswerError("the answer contains no prompt_logprobs")
    return entries


def _vllm_rows(answer: Any, prompt: Sequence[int], wanted: np.ndarray) -> Iterator[_Row]:
    entries = _vllm_entries(answer)
    for t in wanted:
        entry = entries[t]
        own = entry.get(str(prompt[t])) if entry else None
        if own is None:
            raise _no_logprob(prompt, t)
        yield _Row(own["logprob"], own.get("rank"), [one["logprob"] for one in entry.values()], own["logprob"])


VLLM = AnswerForm(
    "vllm",
    "/v1/completions",
    _vllm_question,
    lambda answer: _choice(answer).get("prompt_token_ids"),
    _vllm_rows,
    lambda answer: len(_vllm_entries(answer)),
)


def _echo_question(model: str, prompt: Sequence[int] | str, k: int) -> dict[str, Any]:
    return {
        "model": model, "prompt": prompt, "max_tokens": 1, "temperature": 0, "logprobs": k, "echo": True,
        "return_tokens_as_token_ids": True, "add_special_tokens": False,
    }  # fmt: skip


def _echo_logprobs(answer: Any) -> dict[str, Any]:
    logprobs = _choice(answer).get("logprobs")
    if not logprobs or not logprobs.get("token_logprobs") or not logprobs.get("top_logprobs"):
        raise AnswerError("the answer contains no logprobs of the prompt")
    return dict(logprobs)


def _echo_ids(answer: Any) -> list[int]:
    tokens = _echo_logprobs(answer)["tokens"]
    if not all(token.startswith("token_id:") for token in tokens):
        raise AnswerError(_BY_TEXT)
    ids = [int(token.removeprefix("token_id:")) for token in tokens]
    return ids[: len(ids) - _n_generated(answer)]


def _n_generated(answer: Any) -> int:
    """The number of tokens after the prompt: the reported number, or 1, which was requested."""
    n_generated = (answer.get("usage") or {}).get("completion_tokens")
    return 1 if n_generated is None else int(n_generated)


def _echo_rows(answer: Any, prompt: Sequence[int], wanted: np.ndarray) -> Iterator[_Row]:
    logprobs = _echo_logprobs(answer)
    for t in wanted:
        own, top = logprobs["token_logprobs"][t], logprobs["top_logprobs"][t]
        if own is None or not top:
            raise _no_logprob(prompt, t)
        if not all(key.startswith("token_id:") for key in top):
            raise AnswerError(_BY_TEXT)
        yield _Row(own, None, list(top.values()), top.get(f"token_id:{prompt[t]}"))


ECHO = AnswerForm(
    "echo",
    "/v1/completions",
    _echo_question,
    _echo_ids,
    _echo_rows,
    lambda answer: len(_echo_logprobs(answer)["top_logprobs"]) - _n_generated(answer),
)


def _sglang_question(model: str, prompt: Sequence[int] | str, k: int) -> dict[str, Any]:
    return {
        "text" if isinstance(prompt, str) else "input_ids": prompt,
        "sampling_params": {"max_new_tokens": 1, "temperature": 0},
        "return_logprob": True, "logprob_start_len": 0, "top_logprobs_num": k,
    }  # fmt: skip


def _sglang_tokens(answer: Any) -> list[Any]:
    tokens = (answer.get("meta_info") or {}).get("input_token_logprobs")
    if not tokens:
        raise AnswerError("the answer contains no input_token_logprobs")
    return list(tokens)


def _sglang_rows(answer: Any, prompt: Sequence[int], wanted: np.ndarray) -> Iterator[_Row]:
    tokens, tops = _sglang_tokens(answer), answer["meta_info"]["input_top_logprobs"]
    if len(tops) != len(tokens):
        raise AnswerError(f"there are top tokens for {len(tops)} of {len(tokens)} tokens")
    for t in wanted:
        if tokens[t][0] is None or not tops[t]:
            raise _no_logprob(prompt, t)
        own = next((one[0] for one in tops[t] if one[1] == prompt[t]), None)
        yield _Row(tokens[t][0], None, [one[0] for one in tops[t]], own)


SGLANG = AnswerForm(
    "sglang",
    "/generate",
    _sglang_question,
    lambda answer: [token[1] for token in _sglang_tokens(answer)],
    _sglang_rows,
    lambda answer: len(_sglang_tokens(answer)),
)

FORMS = {form.name: form for form in (VLLM, ECHO, SGLANG)}
"""The forms by name, in the order in which they are tried."""
