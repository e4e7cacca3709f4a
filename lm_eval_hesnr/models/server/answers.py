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

_BY_TEXT = "the answer identifies tokens by text instead of by id, and two tokens can have the same text"


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


def _vllm_rows(answer: Any, prompt: Sequence[int], positions: np.ndarray) -> Iterator[AnswerRow]:
    entries = _vllm_entries(answer)
    for t in positions:
        entry = entries[t]
        own = entry.get(str(prompt[t])) if entry else None
        if own is None:
            raise _no_logprob(prompt, t)
        yield AnswerRow(own["logprob"], own.get("rank"), [one["logprob"] for one in entry.values()], own["logprob"])


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
    """The number of tokens after the prompt, as the server reports it; 1 without a report, because 1 was requested."""
    n_generated = (answer.get("usage") or {}).get("completion_tokens")
    return 1 if n_generated is None else int(n_generated)


def _echo_rows(answer: Any, prompt: Sequence[int], positions: np.ndarray) -> Iterator[AnswerRow]:
    logprobs = _echo_logprobs(answer)
    for t in positions:
        own, top = logprobs["token_logprobs"][t], logprobs["top_logprobs"][t]
        if own is None or not top:
            raise _no_logprob(prompt, t)
        if not all(key.startswith("token_id:") for key in top):
            raise AnswerError(_BY_TEXT)
        yield AnswerRow(own, None, list(top.values()), top.get(f"token_id:{prompt[t]}"))


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


def _sglang_rows(answer: Any, prompt: Sequence[int], positions: np.ndarray) -> Iterator[AnswerRow]:
    tokens, tops = _sglang_tokens(answer), answer["meta_info"]["input_top_logprobs"]
    if len(tops) != len(tokens):
        raise AnswerError(f"there are top tokens for {len(tops)} of {len(tokens)} tokens")
    for t in positions:
        if tokens[t][0] is None or not tops[t]:
            raise _no_logprob(prompt, t)
        own = next((one[0] for one in tops[t] if one[1] == prompt[t]), None)
        yield AnswerRow(tokens[t][0], None, [one[0] for one in tops[t]], own)


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
