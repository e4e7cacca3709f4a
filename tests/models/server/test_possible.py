"""Answers with values that contradict each other. The complete answers are those of `test_answers`."""

import math

import numpy as np
import pytest

from lm_eval_hesnr.errors import AnswerError
from lm_eval_hesnr.models.server.answers import FORMS, VLLM
from tests.models.server.test_answers import ANSWERS, CHOICE, LN, LOGPROBS, PROMPT, WANTED, changed, vllm_token


@pytest.mark.parametrize(
    ("token", "rank", "expected"),
    [("42", 2, "1 to 1"), ("42", 9, "1 to 1"), ("7", 1, "2 to 4"), ("7", 5, "2 to 4"), ("7", 2**31 - 1, "2 to 4")],
)
def test_a_rank_of_a_top_token_that_contradicts_the_top_tokens_is_refused(token, rank, expected):
    answer = changed("vllm", *CHOICE, "prompt_logprobs", 2, token, "rank", to=rank)
    with pytest.raises(AnswerError) as raised:
        VLLM.read(answer, PROMPT, WANTED, k=2)
    assert str(raised.value) == (
        f"token 2 of the prompt: the rank of a top token is {rank}, but its logprob among the top tokens means "
        f"{expected}"
    )


def test_a_rank_of_a_top_token_that_is_not_a_whole_number_is_refused():
    with pytest.raises(AnswerError, match="token 1 of the prompt: its rank is '1', expected a whole number"):
        VLLM.read(changed("vllm", *CHOICE, "prompt_logprobs", 1, "5", "rank", to="1"), PROMPT, WANTED, k=2)


@pytest.mark.parametrize("name", FORMS)
def test_a_token_after_the_top_ones_with_more_than_the_rest_is_refused(name):
    """0.5, 0.49 and 0.06 are more than 1."""
    top, own = math.log(0.49), LN[0.0625]
    path = {
        "vllm": (*CHOICE, "prompt_logprobs", 2, "7", "logprob"),
        "echo": (*LOGPROBS, "top_logprobs", 2, "token_id:7"),
        "sglang": ("meta_info", "input_top_logprobs", 2, 1, 0),
    }[name]
    with pytest.raises(
        AnswerError, match=r"the sum of its probability and the top ones is 1\.0525, expected at most 1"
    ):
        FORMS[name].read(changed(name, *path, to=top), PROMPT, WANTED, k=2)
    assert FORMS[name].read(changed(name, *path, to=top - 0.2), PROMPT, WANTED, k=2).logprob[1] == np.float32(own)


@pytest.mark.parametrize(("top", "is_possible"), [((-1.0, -20.0), True), ((-1.0, -25.0), False), ((-1e-3, -50), True)])
def test_top_tokens_that_leave_a_rest_for_no_token_are_refused(top, is_possible):
    """A token of the rest is at most as likely as the last top token, and a vocabulary has at most 2^31 tokens."""
    answer = vllm_token(-60.0, *top)
    if is_possible:
        VLLM.read(answer, PROMPT, np.array([2]), k=2)
    else:
        with pytest.raises(AnswerError, match=r"probabilities is 0.367879, but the smallest top logprob is -25: the"):
            VLLM.read(answer, PROMPT, np.array([2]), k=2)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize(("count", "reason"), [(4, "a prompt of 4 tokens, but 3"), ("3", "prompt_tokens is '3', exp")])
def test_a_server_that_reports_a_prompt_of_another_length_is_refused(name, count, reason):
    for n_tokens in (count, 3, 0, None):
        answer = ANSWERS[name]()
        (answer["meta_info"] if name == "sglang" else answer.setdefault("usage", {}))["prompt_tokens"] = n_tokens
        if n_tokens == count:
            with pytest.raises(AnswerError, match=reason):
                FORMS[name].read(answer, PROMPT, WANTED, k=2)
        else:  # servers that do not count write 0
            FORMS[name].read(answer, PROMPT, WANTED, k=2)
