"""The forms of answer in which servers return logprobs of a prompt.

- `VLLM`: `/v1/completions` with `prompt_logprobs`, which are keyed by token id and have ranks.
- `ECHO`: OpenAI's completions with `echo` and `logprobs`, with token ids instead of texts, because two tokens can have
  the same text.
- `SGLANG`: SGLang's own `/generate`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from lm_eval_hesnr.errors import AnswerError
from lm_eval_hesnr.models.server.answer_form import AnswerForm, AnswerRow
from lm_eval_hesnr.models.server.values import as_count, as_id, as_id_text, as_list, as_logprob, as_object, as_rank

_PREFIX = "token_id:"
_BY_TEXT = "the answer identifies tokens by text instead of by id, and two tokens can have the same text"


def _no_logprob(prompt: Sequence[int], position: int) -> AnswerError:
    return AnswerError(f"no logprob of token {position} of the prompt, id {prompt[position]}")


def _choice(answer: Any) -> dict[str, Any]:
    choices = as_list(as_object(answer, "it")["choices"], "choices")
    if len(choices) != 1:
        raise AnswerError(f"the answer does not have the documented shape: {len(choices)} choices, expected 1")
    return as_object(choices[0], "choices[0]")


def _count(counts: dict[str, Any], name: str) -> int | None:
    """A number of tokens that the server reports; None if it does not report it."""
    value = counts.get(name)
    return None if value is None else as_count(value, name)


def _usage(answer: Any) -> dict[str, Any]:
    return as_object(answer.get("usage") or {}, "usage")


def _n_read(answer: Any) -> int | None:
    return _count(_usage(answer), "prompt_tokens")


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


def _vllm_ids(answer: Any) -> list[int] | None:
    """None if the server is too old to return them."""
    ids = _choice(answer).get("prompt_token_ids")
    return None if ids is None else [as_id(one) for one in as_list(ids, "prompt_token_ids")]


def _vllm_rows(answer: Any, prompt: Sequence[int], positions: np.ndarray) -> Iterator[AnswerRow]:
    entries = _vllm_entries(answer)
    for t in positions:
        entry = as_object(entries[t] or {}, f"prompt_logprobs[{t}]")
        top = {as_id_text(key): as_logprob(one["logprob"], t) for key, one in entry.items()}
        if prompt[t] not in top:
            raise _no_logprob(prompt, t)
        own = top[prompt[t]]
        ranks = {int(key): rank for key, one in entry.items() if (rank := as_rank(one.get("rank"), t)) is not None}
        yield AnswerRow(own, ranks.pop(prompt[t], None), top, own, ranks)


VLLM = AnswerForm(
    "vllm",
    "/v1/completions",
    _vllm_question,
    _vllm_ids,
    _vllm_rows,
    lambda answer: len(_vllm_entries(answer)),
    _n_read,
)


def _echo_question(model: str, prompt: Sequence[int] | str, k: int) -> dict[str, Any]:
    return {
        "model": model, "prompt": prompt, "max_tokens": 1, "temperature": 0, "logprobs": k, "echo": True,
        "return_tokens_as_token_ids": True, "add_special_tokens": False,
    }  # fmt: skip


def _echo_logprobs(answer: Any) -> tuple[list[Any], list[Any], list[Any]]:
    """The tokens, the logprob of each, and the top tokens of each, all of the same length."""
    logprobs = as_object(_choice(answer).get("logprobs") or {}, "logprobs")
    if not logprobs.get("token_logprobs") or not logprobs.get("top_logprobs"):
        raise AnswerError("the answer contains no logprobs of the prompt")
    tokens, own, tops = (as_list(logprobs[name], name) for name in ("tokens", "token_logprobs", "top_logprobs"))
    if not len(tokens) == len(own) == len(tops):
        raise AnswerError(f"there are {len(own)} logprobs and {len(tops)} lists of top tokens for {len(tokens)} tokens")
    return tokens, own, tops


def _echo_id(token: Any) -> int:
    if not isinstance(token, str) or not token.startswith(_PREFIX):
        raise AnswerError(_BY_TEXT)
    return as_id_text(token.removeprefix(_PREFIX))


def _echo_ids(answer: Any) -> list[int]:
    ids = [_echo_id(token) for token in _echo_logprobs(answer)[0]]
    return ids[: max(0, len(ids) - _n_generated(answer))]


def _n_generated(answer: Any) -> int:
    """The number of tokens after the prompt, as the server reports it; 1 without a report, because 1 was requested."""
    n_generated = _count(_usage(answer), "completion_tokens")
    return 1 if n_generated is None else n_generated


def _echo_rows(answer: Any, prompt: Sequence[int], positions: np.ndarray) -> Iterator[AnswerRow]:
    _, own, tops = _echo_logprobs(answer)
    for t in positions:
        if own[t] is None or not tops[t]:
            raise _no_logprob(prompt, t)
        entry = as_object(tops[t], f"top_logprobs[{t}]")
        top = {_echo_id(key): as_logprob(value, t) for key, value in entry.items()}
        yield AnswerRow(as_logprob(own[t], t), None, top, top.get(prompt[t]))


ECHO = AnswerForm(
    "echo",
    "/v1/completions",
    _echo_question,
    _echo_ids,
    _echo_rows,
    lambda answer: max(0, len(_echo_logprobs(answer)[0]) - _n_generated(answer)),
    _n_read,
)


def _sglang_question(model: str, prompt: Sequence[int] | str, k: int) -> dict[str, Any]:
    return {
        "text" if isinstance(prompt, str) else "input_ids": prompt,
        "sampling_params": {"max_new_tokens": 1, "temperature": 0},
        "return_logprob": True, "logprob_start_len": 0, "top_logprobs_num": k,
    }  # fmt: skip


def _sglang_tokens(answer: Any) -> list[Any]:
    meta = as_object(as_object(answer, "it").get("meta_info") or {}, "meta_info")
    tokens = as_list(meta.get("input_token_logprobs") or [], "input_token_logprobs")
    if not tokens:
        raise AnswerError("the answer contains no input_token_logprobs")
    return tokens


def _sglang_rows(answer: Any, prompt: Sequence[int], positions: np.ndarray) -> Iterator[AnswerRow]:
    tokens, tops = _sglang_tokens(answer), as_list(answer["meta_info"]["input_top_logprobs"], "input_top_logprobs")
    if len(tops) != len(tokens):
        raise AnswerError(f"there are top tokens for {len(tops)} of {len(tokens)} tokens")
    for t in positions:
        if tokens[t][0] is None or not tops[t]:
            raise _no_logprob(prompt, t)
        entry = as_list(tops[t], f"input_top_logprobs[{t}]")
        top = {as_id(one[1]): as_logprob(one[0], t) for one in entry}
        if len(top) < len(entry):
            raise AnswerError(f"{len(entry)} top tokens at token {t} of the prompt, but only {len(top)} different ones")
        yield AnswerRow(as_logprob(tokens[t][0], t), None, top, top.get(prompt[t]))


SGLANG = AnswerForm(
    "sglang",
    "/generate",
    _sglang_question,
    lambda answer: [as_id(token[1]) for token in _sglang_tokens(answer)],
    _sglang_rows,
    lambda answer: len(_sglang_tokens(answer)),
    lambda answer: _count(answer["meta_info"], "prompt_tokens"),
)

FORMS = {form.name: form for form in (VLLM, ECHO, SGLANG)}
"""The forms by name, in the order in which they are tried."""
