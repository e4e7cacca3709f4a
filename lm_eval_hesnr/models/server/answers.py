"""The forms in which servers answer what they think of a prompt, and the checks that nothing is missing from it.

`VLLM`: `/v1/completions` with `prompt_logprobs`, keyed by token id, with ranks. `ECHO`: the completions of OpenAI with
`echo` and `logprobs`, with ids for texts, since two tokens may have the same text. `SGLANG`: SGLang's own `/generate`.
An answer that is not complete, of other tokens than were sent, or of impossible logprobs is refused: no number is made
of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from lm_eval_hesnr.errors import AnswerError
from lm_eval_hesnr.scoring.statistics import Statistics, statistics_of

_SMALLEST = -9999.0
"""What vLLM writes for minus infinity, which JSON lacks."""

_ROUNDING = 1e-4
"""How far a logprob may be above what is possible, nats."""

_OFTEN = 8
"""In how many places the token itself must be the last of k, and nowhere beyond them, to be no chance."""

_BY_TEXT = "the answer names tokens by their text, which more than one can have, instead of by id"


@contextmanager
def _documented_shape() -> Iterator[None]:
    """Turn what Python says of JSON of another shape into an `AnswerError`."""
    try:
        yield
    except AnswerError:
        raise
    except (KeyError, TypeError, IndexError, ValueError, AttributeError) as error:
        raise AnswerError(f"the answer does not have the documented shape ({type(error).__name__}: {error})") from error


class Form(NamedTuple):
    """One way to ask and to be answered."""

    name: str
    path: str
    """Where requests go, below the server's root."""
    question: Callable[[str, Sequence[int] | str, int], dict[str, Any]]
    """The JSON to send, from the model's name, a prompt of token ids (or a text) and k."""
    prompt_ids: Callable[[Any], list[int] | None]
    """The ids of the prompt that the server read; None if it does not say."""
    rows: Callable[[Any, Sequence[int], np.ndarray], Iterator[_Row]]
    """What the answer says about the tokens in these places of the prompt."""
    count: Callable[[Any], int]
    """How many tokens of the prompt the answer is about."""

    def read(self, answer: Any, prompt: Sequence[int], wanted: np.ndarray, k: int) -> Statistics:
        """Statistics of the wanted tokens.

        Args:
            answer: the server's JSON.
            prompt: the token ids that were sent.
            wanted: (R,) where in it the wanted tokens stand, each at least 1.
            k: how many top tokens were asked for.

        Raises:
            AnswerError: what is missing or different.
        """
        n_wanted = len(wanted)
        target, rank, own, top = np.empty(n_wanted), np.empty(n_wanted), np.empty(n_wanted), np.empty((n_wanted, k))
        n_last = n_beyond = 0
        with _documented_shape():
            self._check(answer, prompt)
            for i, row in enumerate(self.rows(answer, prompt, wanted)):
                if math.isnan(sum(row.top)):  # would sort anywhere
                    raise AnswerError(f"token {wanted[i]} of the prompt: a top logprob is no number (nan)")
                values = sorted(row.top, reverse=True)
                if len(values) < k or (len(values) == k and row.rank is not None and row.rank > k):
                    n_top = len(values) - (len(values) == k)
                    raise AnswerError(f"{n_top} top tokens at token {wanted[i]} of the prompt, {k} were asked for")
                n_beyond += row.own is None or len(values) > k
                n_last += row.own is not None and row.rank is None and row.own <= values[-1]
                target[i], rank[i], top[i] = row.target, row.rank or 0, values[:k]
                own[i] = np.nan if row.own is None else row.own
        if n_last >= _OFTEN and not n_beyond:  # a token that is often the last of k is sometimes none of them
            raise AnswerError(
                f"{k} top tokens everywhere, and in {n_last} places the token itself is the last of them: the server "
                f"gives it in the place of the top token number {k}"
            )
        _refuse_impossible(target, own, top, wanted)
        target[target <= _SMALLEST] = -np.inf
        return statistics_of(target, top, rank)

    def ids_read(self, answer: Any) -> list[int] | None:
        """The ids of the prompt that the server read; None if it does not say.

        Raises:
            AnswerError: the answer is none of this form.
        """
        with _documented_shape():
            return self.prompt_ids(answer)

    def _check(self, answer: Any, prompt: Sequence[int]) -> None:
        ids = self.prompt_ids(answer)
        if ids is not None and len(ids) == len(prompt) and list(ids) != list(prompt):
            differing = next(i for i, (got, sent) in enumerate(zip(ids, prompt, strict=True)) if got != sent)
            raise AnswerError(f"the server read token {ids[differing]} where {prompt[differing]} was sent")
        n_tokens = self.count(answer)
        if n_tokens != len(prompt) or (ids is not None and len(ids) != len(prompt)):
            n_tokens = n_tokens if ids is None else min(n_tokens, len(ids))
            raise AnswerError(f"the answer is about {n_tokens} tokens, {len(prompt)} were sent: it was truncated")


def _refuse_impossible(target: np.ndarray, own: np.ndarray, top: np.ndarray, wanted: np.ndarray) -> None:
    """Logits, say, in the place of logprobs: there would be plausible numbers of them."""
    largest = top.max(axis=1)
    mass = np.exp(np.minimum(top, 0)).sum(axis=1)
    for name, values, most, slack in (
        ("its logprob", target, np.zeros_like(target), _ROUNDING),
        ("the largest logprob", largest, np.zeros_like(target), _ROUNDING),
        ("the sum of the top probabilities", mass, np.ones_like(target), 1e-3),
        ("its logprob", target, largest, _ROUNDING),
    ):
        for i in np.flatnonzero(~(values <= most + slack)):  # NaN among them
            raise AnswerError(
                f"token {wanted[i]} of the prompt: {name} is {values[i]:.6g}, expected at most {most[i]:.6g}: the "
                "server gives something else than logprobs"
            )
    with np.errstate(invalid="ignore"):  # minus infinity twice is no difference
        differs = np.abs(own - target) > _ROUNDING
    for i in np.flatnonzero(differs):
        raise AnswerError(
            f"token {wanted[i]} of the prompt: its logprob is {target[i]:.6g}, and {own[i]:.6g} among the top tokens"
        )
    for i in np.flatnonzero(np.isnan(own) & (target > top[:, -1] + _ROUNDING)):
        raise AnswerError(
            f"token {wanted[i]} of the prompt: its logprob is {target[i]:.6g}, more than {top[i, -1]:.6g}, the least "
            "of the top tokens, but it is none of them"
        )


class _Row(NamedTuple):
    """What an answer says about one token."""

    target: float
    rank: int | None
    """The engine's own rank of the token; None if it does not say."""
    top: list[float]
    """Logprobs of the most likely tokens, with or without the token itself if it is none of them."""
    own: float | None
    """The token's logprob among them; None if it is not there."""


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
        raise AnswerError("the answer holds no prompt_logprobs")
    return entries


def _vllm_rows(answer: Any, prompt: Sequence[int], wanted: np.ndarray) -> Iterator[_Row]:
    entries = _vllm_entries(answer)
    for t in wanted:
        entry = entries[t]
        own = entry.get(str(prompt[t])) if entry else None
        if own is None:
            raise AnswerError(f"no logprob of token {t} of the prompt, id {prompt[t]}")
        yield _Row(own["logprob"], own.get("rank"), [one["logprob"] for one in entry.values()], own["logprob"])


VLLM = Form(
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
        raise AnswerError("the answer holds no logprobs of the prompt")
    return dict(logprobs)


def _echo_ids(answer: Any) -> list[int]:
    tokens = _echo_logprobs(answer)["tokens"]
    if not all(token.startswith("token_id:") for token in tokens):
        raise AnswerError(_BY_TEXT)
    ids = [int(token.removeprefix("token_id:")) for token in tokens]
    return ids[: len(ids) - _n_generated(answer)]


def _n_generated(answer: Any) -> int:
    """Tokens after the prompt: as many as the answer says, else the one that was asked for."""
    n_generated = (answer.get("usage") or {}).get("completion_tokens")
    return 1 if n_generated is None else int(n_generated)


def _echo_rows(answer: Any, prompt: Sequence[int], wanted: np.ndarray) -> Iterator[_Row]:
    logprobs = _echo_logprobs(answer)
    for t in wanted:
        own, top = logprobs["token_logprobs"][t], logprobs["top_logprobs"][t]
        if own is None or not top:
            raise AnswerError(f"no logprob of token {t} of the prompt, id {prompt[t]}")
        if not all(key.startswith("token_id:") for key in top):
            raise AnswerError(_BY_TEXT)
        yield _Row(own, None, list(top.values()), top.get(f"token_id:{prompt[t]}"))


ECHO = Form(
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
        raise AnswerError("the answer holds no input_token_logprobs")
    return list(tokens)


def _sglang_rows(answer: Any, prompt: Sequence[int], wanted: np.ndarray) -> Iterator[_Row]:
    tokens, tops = _sglang_tokens(answer), answer["meta_info"]["input_top_logprobs"]
    if len(tops) != len(tokens):
        raise AnswerError(f"top tokens of {len(tops)} of {len(tokens)} tokens")
    for t in wanted:
        if tokens[t][0] is None or not tops[t]:
            raise AnswerError(f"no logprob of token {t} of the prompt, id {prompt[t]}")
        own = next((one[0] for one in tops[t] if one[1] == prompt[t]), None)
        yield _Row(tokens[t][0], None, [one[0] for one in tops[t]], own)


SGLANG = Form(
    "sglang",
    "/generate",
    _sglang_question,
    lambda answer: [token[1] for token in _sglang_tokens(answer)],
    _sglang_rows,
    lambda answer: len(_sglang_tokens(answer)),
)

FORMS = {form.name: form for form in (VLLM, ECHO, SGLANG)}
"""By name, in the order in which they are tried."""
