"""The three answer forms, with answers of the shape that vLLM 0.32 returned and that SGLang documents."""

import json
import math

import numpy as np
import pytest

from lm_eval_hesnr.errors import AnswerError
from lm_eval_hesnr.models.server.answers import ECHO, FORMS, SGLANG, VLLM
from lm_eval_hesnr.scoring.statistics import Extras

PROMPT = [7, 42, 9]
WANTED = np.array([1, 2])
LN = {p: math.log(p) for p in (0.5, 0.25, 0.125, 0.0625)}


def vllm_answer():
    """Token 42 is second of three, token 9 is not among the first two."""
    entries = [
        None,
        {"42": one(0.25, 2), "5": one(0.5, 1)},
        {"9": one(0.0625, 5), "42": one(0.5, 1), "7": one(0.25, 2)},
    ]
    return {"choices": [{"index": 0, "text": "x", "prompt_logprobs": entries, "prompt_token_ids": list(PROMPT)}]}


def one(p, rank):
    return {"logprob": LN[p], "rank": rank, "decoded_token": "ab"}


def echo_answer():
    """The same, with the generated token at the end, as in OpenAI's completions."""
    logprobs = {
        "tokens": ["token_id:7", "token_id:42", "token_id:9", "token_id:3"],
        "token_logprobs": [None, LN[0.25], LN[0.0625], -0.1],
        "top_logprobs": [
            None,
            {"token_id:42": LN[0.25], "token_id:5": LN[0.5]},
            {"token_id:9": LN[0.0625], "token_id:42": LN[0.5], "token_id:7": LN[0.25]},
            {"token_id:3": -0.1},
        ],
        "text_offset": [0, 2, 4, 5],
    }
    return {"choices": [{"index": 0, "text": "x", "logprobs": logprobs}], "usage": {"completion_tokens": 1}}


def sglang_answer():
    """The same: exactly the top two at each token. The token itself is separate."""
    return {
        "text": "x",
        "meta_info": {
            "prompt_tokens": 3,
            "input_token_logprobs": [[None, 7, None], [LN[0.25], 42, None], [LN[0.0625], 9, None]],
            "input_top_logprobs": [
                None,
                [[LN[0.5], 5, None], [LN[0.25], 42, None]],
                [[LN[0.5], 42, None], [LN[0.25], 7, None]],
            ],
        },
    }


ANSWERS = {"vllm": vllm_answer, "echo": echo_answer, "sglang": sglang_answer}


@pytest.mark.parametrize("name", FORMS)
def test_a_complete_answer_becomes_statistics(name):
    statistics = FORMS[name].read(json.loads(json.dumps(ANSWERS[name]())), PROMPT, WANTED, k=2)
    np.testing.assert_allclose(statistics.logprob, [LN[0.25], LN[0.0625]], rtol=1e-6)
    np.testing.assert_allclose(statistics.top_mass, [0.75, 0.75], rtol=1e-6)
    two_to_one = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3))
    np.testing.assert_allclose(statistics.entropy, [two_to_one, two_to_one], rtol=1e-6)
    assert statistics.rank.tolist() == [2, 5 if name == "vllm" else 3]  # the others only know that it is not among two


@pytest.mark.parametrize("name", FORMS)
def test_only_the_wanted_tokens_are_read(name):
    statistics = FORMS[name].read(ANSWERS[name](), PROMPT, np.array([2]), k=2)
    assert statistics.logprob == pytest.approx([LN[0.0625]])


def changed(name, *path, to):
    """An answer with one value replaced, or changed by a function."""
    answer = ANSWERS[name]()
    inner = answer
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = to(inner[path[-1]]) if callable(to) else to
    return answer


def short(values):
    return values[:-1]


CHOICE = ("choices", 0)
LOGPROBS = ("choices", 0, "logprobs")
INCOMPLETE = {
    "no prompt_logprobs at all": (VLLM, changed("vllm", *CHOICE, "prompt_logprobs", to=None), "no prompt_logprobs"),
    "vllm-metal: one None": (VLLM, changed("vllm", *CHOICE, "prompt_logprobs", to=[None]), "covers 1 tokens, but"),
    "truncated": (VLLM, changed("vllm", *CHOICE, "prompt_token_ids", to=short), "covers 2 tokens, but 3 were sent"),
    "other ids": (VLLM, changed("vllm", *CHOICE, "prompt_token_ids", 1, to=8), "read token 8 where 42 was sent"),
    "another token's logprobs": (
        VLLM, changed("vllm", *CHOICE, "prompt_logprobs", 1, to={"4": one(0.5, 1), "5": one(0.25, 2)}),
        "no logprob of token 1 of the prompt, id 42",
    ),
    "one null": (VLLM, changed("vllm", *CHOICE, "prompt_logprobs", 2, to=None), "no logprob of token 2"),
    "one top token": (VLLM, changed("vllm", *CHOICE, "prompt_logprobs", 1, to={"42": one(0.5, 1)}), "1 top tokens"),
    "the token itself instead of the second": (
        VLLM, changed("vllm", *CHOICE, "prompt_logprobs", 2, to={"42": one(0.5, 1), "9": one(0.0625, 5)}),
        "1 top tokens at token 2 of the prompt, expected 2",
    ),
    "no choices": (VLLM, {"choices": []}, "documented shape"),
    "an error with status 200": (VLLM, {"error": "overloaded"}, "documented shape"),
    "not even an object": (VLLM, [1, 2], "documented shape"),
    "logprob as text": (
        VLLM, changed("vllm", *CHOICE, "prompt_logprobs", 1, "42", "logprob", to="low"), "documented shape"
    ),
    "two choices": (VLLM, changed("vllm", "choices", to=lambda one: one * 2), "2 choices, expected 1"),
    "an id twice, written differently": (
        VLLM, changed("vllm", *CHOICE, "prompt_logprobs", 1, to=lambda one: one | {"042": one["42"]}),
        "a token id is '042', expected decimal digits",
    ),
    "an id that no vocabulary has": (
        VLLM, changed("vllm", *CHOICE, "prompt_logprobs", 1, to=lambda one: one | {"4294967296": one["42"]}),
        "a token id is 4294967296, expected a whole number from 0 to 2147483647",
    ),
    "ids that are equal to those of the prompt, but not integers": (
        VLLM, changed("vllm", *CHOICE, "prompt_token_ids", to=[7.0, 42.0, 9.0]), "a token id is 7.0, expected a whole"
    ),
    "ids as a text": (VLLM, changed("vllm", *CHOICE, "prompt_token_ids", to="abc"), "is 'abc', expected a list"),
    "too many top tokens": (
        VLLM, changed("vllm", *CHOICE, "prompt_logprobs", 1, to=lambda one: one | {"6": one["42"], "8": one["42"]}),
        "4 top tokens at token 1 of the prompt, expected 2, or 3 if the token itself is the last",
    ),
    "echo: one top token too many": (
        ECHO, changed("echo", *LOGPROBS, "top_logprobs", 1, to=lambda one: one | {"token_id:6": -5.0}),
        "3 top tokens at token 1 of the prompt, expected 2, or 3 if the token itself is the last",
    ),
    "echo: a token of another type": (ECHO, changed("echo", *LOGPROBS, "tokens", 1, to=None), "by text instead of by"),
    "echo: a negative number of generated tokens": (
        ECHO, changed("echo", "usage", "completion_tokens", to=-1), "completion_tokens is -1, expected a whole number"
    ),
    "echo: more generated tokens than all": (
        ECHO, changed("echo", "usage", "completion_tokens", to=10**9), "covers 0 tokens, but 3 were sent: it was trunc"
    ),
    "echo: no generated token": (
        ECHO, changed("echo", "usage", "completion_tokens", to=0), "covers 4 tokens, but 3 were sent$"
    ),
    "echo: generated token only": (ECHO, changed("echo", *LOGPROBS, to=None), "no logprobs of the prompt"),
    "echo: an empty list": (ECHO, changed("echo", *LOGPROBS, "token_logprobs", to=[]), "no logprobs of the prompt"),
    "echo: texts": (ECHO, changed("echo", *LOGPROBS, "tokens", to=["a", "b", "c", "d"]), "by text instead of by id"),
    "echo: top texts": (ECHO, changed("echo", *LOGPROBS, "top_logprobs", 1, to={"a": -1, "b": -2}), "by text instead"),
    "echo: truncated": (
        ECHO, changed("echo", *LOGPROBS, to=lambda lists: {key: values[1:] for key, values in lists.items()}),
        "covers 2 tokens, but 3 were sent",
    ),
    "echo: lists of other lengths": (
        ECHO, changed("echo", *LOGPROBS, "tokens", to=short), "there are 4 logprobs and 4 lists of top tokens for 3"
    ),
    "echo: other ids": (ECHO, changed("echo", *LOGPROBS, "tokens", 0, to="token_id:8"), "read token 8 where 7 was"),
    "echo: one top token": (
        ECHO, changed("echo", *LOGPROBS, "top_logprobs", 1, to={"token_id:42": -1}), "1 top tokens"
    ),
    "sglang: none": (SGLANG, changed("sglang", "meta_info", to={}), "no input_token_logprobs"),
    "sglang: from a later token on": (
        SGLANG, changed("sglang", "meta_info", "input_token_logprobs", to=short), "covers 2 tokens, but 3 were sent"
    ),
    "sglang: fewer tops": (SGLANG, changed("sglang", "meta_info", "input_top_logprobs", to=short), "tokens for 2 of 3"),
    "sglang: no tops": (SGLANG, changed("sglang", "meta_info", "input_top_logprobs", 1, to=[]), "no logprob of token"),
    "sglang: one top token twice": (
        SGLANG, changed("sglang", "meta_info", "input_top_logprobs", 1, 0, 1, to=42),
        "2 top tokens at token 1 of the prompt, but only 1 different ones",
    ),
    "sglang: other ids": (
        SGLANG, changed("sglang", "meta_info", "input_token_logprobs", 2, 1, to=8), "read token 8 where 9 was sent"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", INCOMPLETE)
def test_an_answer_that_lacks_anything_is_refused_in_one_line(case):
    form, answer, reason = INCOMPLETE[case]
    with pytest.raises(AnswerError, match=reason) as raised:
        form.read(answer, PROMPT, WANTED, k=2)
    assert "\n" not in str(raised.value)


def vllm_token(target, *top):
    """An answer whose token 2 has these logprobs; no rank, so that none is missing."""
    entry = {"9": {"logprob": target}} | {str(i): {"logprob": value} for i, value in enumerate(top)}
    return changed("vllm", *CHOICE, "prompt_logprobs", 2, to=entry)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (vllm_token(math.nan, -1.0, -2.0), "a top logprob is not a number (nan)"),
        (vllm_token(-3.0, -1.0, math.nan), "a top logprob is not a number (nan)"),
        (vllm_token(math.inf, -1.0), "its logprob is inf, expected at most 0"),
        (vllm_token(0.5, -1.0), "its logprob is 0.5, expected at most 0"),
        (vllm_token(-3.0, 12.5, -2.0), "the largest logprob is 12.5, expected at most 0"),
        (vllm_token(-3.0, math.inf, -2.0), "the largest logprob is inf, expected at most 0"),
        (vllm_token(-3.0, -0.5, -0.5), "the sum of the top probabilities is 1.21306, expected at most 1"),
    ],
)
def test_impossible_logprobs_are_refused_with_place_and_value(answer, reason):
    with pytest.raises(AnswerError) as raised:
        VLLM.read(answer, PROMPT, WANTED, k=2)
    assert str(raised.value).startswith(f"token 2 of the prompt: {reason}")


@pytest.mark.parametrize("number", ["7e3", "-1.0", True, None, [], {}, 10**400])
@pytest.mark.parametrize(
    ("form", "path"),
    [
        (VLLM, (*CHOICE, "prompt_logprobs", 1, "5", "logprob")),
        (VLLM, (*CHOICE, "prompt_logprobs", 1, "42", "logprob")),
        (ECHO, (*LOGPROBS, "token_logprobs", 1)),
        (ECHO, (*LOGPROBS, "top_logprobs", 1, "token_id:5")),
        (SGLANG, ("meta_info", "input_token_logprobs", 1, 0)),
        (SGLANG, ("meta_info", "input_top_logprobs", 1, 0, 0)),
    ],
)
def test_a_logprob_that_is_not_a_number_is_refused(form, path, number):
    with pytest.raises(AnswerError, match=r"a logprob is .*, expected a number$|no logprob of token 1"):
        form.read(changed(form.name, *path, to=number), PROMPT, WANTED, k=2)


@pytest.mark.parametrize("rank", [math.nan, math.inf, "7e3", "2", False, True, 0, -1, 2.0, 2**32 + 1, 10**400, [2]])
def test_a_rank_that_is_not_a_possible_integer_is_refused(rank):
    answer = changed("vllm", *CHOICE, "prompt_logprobs", 2, "9", "rank", to=rank)
    with pytest.raises(AnswerError, match=r"token 2 of the prompt: its rank is .*, expected a whole number from 1 to"):
        VLLM.read(answer, PROMPT, WANTED, k=2)


@pytest.mark.parametrize(
    ("own", "rank", "expected"),
    [
        (0.5, 7, "1 to 1"),
        (0.5, 2, "1 to 1"),
        (0.25, 1, "2 to 4"),
        (0.0625, 1, "3 to 16"),
        (0.0625, 2, "3 to 16"),
        (0.0625, 17, "3 to 16"),  # 17 tokens with at least this probability would have more than 1
    ],
)
def test_a_rank_that_contradicts_the_top_tokens_is_refused(own, rank, expected):
    entry = {"9": one(own, rank), "42": one(0.5 if own < 0.5 else 0.25, 1), "7": one(0.25, 2)}
    entry = dict(list(entry.items())[: 3 if own < 0.25 else 2])
    with pytest.raises(AnswerError) as raised:
        VLLM.read(changed("vllm", *CHOICE, "prompt_logprobs", 2, to=entry), PROMPT, WANTED, k=2)
    assert str(raised.value) == (
        f"token 2 of the prompt: its rank is {rank}, but its logprob among the top tokens means {expected}"
    )


def test_an_answer_without_ranks_is_complete():
    answer = vllm_answer()
    for entry in answer["choices"][0]["prompt_logprobs"][1:]:
        for candidate in entry.values():
            del candidate["rank"]
    assert VLLM.read(answer, PROMPT, WANTED, k=2).rank.tolist() == [2, 3]


def test_logprobs_rounded_to_16_bits_are_possible():
    """Two equal probabilities of 0.5 then have a sum of 1.002."""
    answer = vllm_token(-9.0, -0.69140625, -0.69140625)
    assert VLLM.read(answer, PROMPT, np.array([2]), k=2).top_mass.tolist() == [1]


def test_whole_numbers_are_logprobs():
    assert VLLM.read(vllm_token(-20, 0, -9), PROMPT, np.array([2]), k=2).logprob.tolist() == [-20]


def test_top_tokens_of_which_none_is_likely_are_refused():
    with pytest.raises(AnswerError, match=r"probabilities is 1\.42492e-217, but the smallest .* -500: the server does"):
        VLLM.read(vllm_token(-600.0, -500.0, -500.0), PROMPT, np.array([2]), k=2)


@pytest.mark.parametrize(("value", "most"), [(-0.5, "-0.693147"), (math.nan, "0")])
@pytest.mark.parametrize(
    ("form", "path"),
    [(ECHO, (*LOGPROBS, "token_logprobs", 1)), (SGLANG, ("meta_info", "input_token_logprobs", 1, 0))],
)
def test_a_token_likelier_than_the_most_likely_one_is_refused(form, path, value, most):
    with pytest.raises(AnswerError) as raised:
        form.read(changed(form.name, *path, to=value), PROMPT, WANTED, k=2)
    assert str(raised.value).startswith(f"token 1 of the prompt: its logprob is {value:g}, expected at most {most}: ")


@pytest.mark.parametrize(("value", "among"), [(-1.5, "-1.38629"), (-1.3861, "-1.38629")])
@pytest.mark.parametrize(
    ("form", "path"),
    [(ECHO, (*LOGPROBS, "token_logprobs", 1)), (SGLANG, ("meta_info", "input_token_logprobs", 1, 0))],
)
def test_a_logprob_that_differs_among_the_top_tokens_is_refused(form, path, value, among):
    with pytest.raises(AnswerError) as raised:
        form.read(changed(form.name, *path, to=value), PROMPT, WANTED, k=2)
    assert str(raised.value) == f"token 1 of the prompt: its logprob is {value}, but {among} among the top tokens"
    form.read(changed(form.name, *path, to=LN[0.25] + 5e-5), PROMPT, WANTED, k=2)


def test_a_likely_token_that_is_missing_among_the_top_tokens_is_refused():
    answer = changed("sglang", "meta_info", "input_token_logprobs", 2, 0, to=-1.0)
    with pytest.raises(AnswerError, match=r"its logprob is -1, above -1.38629, the smallest .* not among them"):
        SGLANG.read(answer, PROMPT, WANTED, k=2)


def long_echo_answer(tops):
    """About token 42 again and again, likely in half of its places and unlikely in the others."""
    own = [LN[0.25] if i % 2 else LN[0.0625] for i in range(20)]
    logprobs = {
        "tokens": [f"token_id:{i}" for i in (7, *[42] * 20, 3)],
        "token_logprobs": [None, *own, -0.1],
        "top_logprobs": [None, *(tops(value) for value in own), {"token_id:3": -0.1}],
    }
    return {"choices": [{"index": 0, "text": "x", "logprobs": logprobs}], "usage": {"completion_tokens": 1}}


def best_and_own(own):
    return {"token_id:5": LN[0.5], "token_id:42": own}


def best_two(own):
    return {"token_id:5": LN[0.5], "token_id:6" if own < LN[0.25] else "token_id:42": LN[0.25]}


@pytest.mark.parametrize(("k", "tops"), [(2, best_and_own), (1, lambda own: {"token_id:42": own})])
def test_the_token_itself_instead_of_the_last_top_token_is_refused(k, tops):
    with pytest.raises(AnswerError, match=f"returns it instead of top token number {k}"):
        ECHO.read(long_echo_answer(tops), [7, *[42] * 20], np.arange(1, 21), k=k)


@pytest.mark.parametrize("tops", [best_two, lambda own: best_two(own) | {"token_id:42": own}])
def test_top_tokens_with_or_without_the_token_itself_are_complete(tops):
    statistics = ECHO.read(long_echo_answer(tops), [7, *[42] * 20], np.arange(1, 21), k=2)
    np.testing.assert_allclose(statistics.top_mass, 0.75, rtol=1e-6)
    assert statistics.rank.tolist() == [3, 2] * 10


def test_rounding_and_a_masked_vocabulary_are_possible():
    statistics = VLLM.read(vllm_token(2e-5, -math.inf, -math.inf), PROMPT, np.array([2]), k=3)
    assert statistics.top_mass.tolist() == [1]
    assert statistics.entropy.tolist() == [0]


def test_minus_infinity_stays_minus_infinity():
    """vLLM writes -9999 for it; the run then ends on a logprob that is not finite."""
    answer = changed("vllm", "choices", 0, "prompt_logprobs", 2, "9", "logprob", to=-9999.0)
    assert VLLM.read(answer, PROMPT, WANTED, k=2).logprob[1] == -np.inf


@pytest.mark.parametrize("own_rank", [1, 2])
def test_equal_logprobs_get_the_first_of_their_ranks_as_with_hf_topk(own_rank):
    answer = vllm_answer()
    answer["choices"][0]["prompt_logprobs"][1] = {"42": one(0.25, own_rank), "5": one(0.25, 3 - own_rank)}
    assert VLLM.read(answer, PROMPT, WANTED, k=2).rank[0] == 1


@pytest.mark.parametrize("name", FORMS)
def test_the_candidates_are_the_top_tokens_with_their_ids(name):
    """Three equally likely tokens have an entropy above ln 2. The token itself is not one of them at position 2."""
    third = math.log(0.3)
    answer = ANSWERS[name]()
    tops = {5: third - 1e-5, 42: third, 8: third - 2e-5}
    if name == "vllm":
        entries = {str(key): {"logprob": value, "rank": 1 + i} for i, (key, value) in enumerate(tops.items())}
        entries["5"]["rank"], entries["42"]["rank"] = 2, 1
        answer["choices"][0]["prompt_logprobs"][1:] = [entries, entries | {"9": {"logprob": -4.0, "rank": 4}}]
    elif name == "echo":
        logprobs = answer["choices"][0]["logprobs"]
        logprobs["token_logprobs"][1:3] = [third, -4.0]
        logprobs["top_logprobs"][1:3] = [{f"token_id:{key}": value for key, value in tops.items()}] * 2
    else:
        answer["meta_info"]["input_token_logprobs"][1:] = [[third, 42, None], [-4.0, 9, None]]
        answer["meta_info"]["input_top_logprobs"][1:] = [[[value, key, None] for key, value in tops.items()]] * 2
    found = FORMS[name].read(answer, PROMPT, WANTED, 3, Extras(candidates=True))
    assert found.top_ids is not None
    assert found.top_logprobs is not None
    assert found.top_ids.tolist() == [[42, 5, 8], [-1, -1, -1]]
    np.testing.assert_allclose(found.top_logprobs[0], [third] * 3, rtol=1e-3)
    assert np.isnan(found.top_logprobs[1]).all()
    assert FORMS[name].read(answer, PROMPT, WANTED, 3).top_ids is None
