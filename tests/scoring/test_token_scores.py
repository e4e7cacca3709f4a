from dataclasses import replace

import numpy as np
import pytest

from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.scoring.token_scores import TokenScores, bytes_of_tokens, characters_of_tokens, token_labels


def labels_of(text_labels, spans):
    start, end = np.array(spans).T
    return [Label(label) for label in token_labels(np.array(text_labels, np.uint8), start, end)]


def test_code_wins_then_the_majority_then_the_lower_code():
    c, m, w, t = Label.CODE, Label.MARKUP, Label.WHITESPACE, Label.THOUGHT
    chars = [w, w, w, c, m, t, t, w, m]
    assert labels_of(chars, [(0, 4)]) == [c]
    assert labels_of(chars, [(4, 7)]) == [t]
    assert labels_of(chars, [(7, 9)]) == [m]


def test_a_token_without_characters_is_template():
    assert labels_of([Label.CODE], [(0, 0), (0, 1)]) == [Label.TEMPLATE, Label.CODE]


@pytest.mark.parametrize(
    ("spans", "spelled", "n_bytes"),
    [
        ([(0, 1), (1, 3), (3, 4)], ["a", "é=", "😀"], [1, 3, 4]),
        ([(0, 0), (0, 1), (1, 2), (1, 2), (2, 4)], ["", "a", "é", "", "=😀"], [0, 1, 2, 0, 5]),  # é is two tokens
        ([(0, 2), (0, 2), (0, 2), (2, 4)], ["aé", "", "", "=😀"], [3, 0, 0, 5]),  # a group of byte tokens
        ([(0, 1), (3, 4)], ["a", "😀"], [1, 4]),  # trimmed offsets
    ],
)
def test_each_character_counts_for_the_first_of_its_tokens(spans, spelled, n_bytes):
    text = "aé=😀"
    start, end = np.array(spans).T
    assert [text[a:b] for a, b in zip(*characters_of_tokens(start, end), strict=True)] == spelled
    assert bytes_of_tokens(text, start, end).tolist() == n_bytes


THREE_TOKENS = TokenScores(
    token_ids=np.arange(3, dtype=np.int32),
    labels=np.zeros(3, np.uint8),
    char_start=np.arange(3, dtype=np.int32),
    char_end=np.arange(1, 4, dtype=np.int32),
    scored=np.ones(3, bool),
    logprob=-np.ones(3, np.float32),
    entropy=np.ones(3, np.float32),
    rank=np.ones(3, np.int32),
    top_mass=np.ones(3, np.float32),
    collision=np.ones(3, np.float32),
    n_bytes=np.ones(3, np.int32),
    k=10,
)


@pytest.mark.parametrize(
    ("name", "array", "line"),
    [
        ("labels", np.zeros(2, np.uint8), r"labels has shape \(2,\) and dtype uint8; expected \(3,\) integers"),
        (
            "logprob",
            np.zeros((3, 1), np.float32),
            r"logprob has shape \(3, 1\) and dtype float32; expected \(3,\) ",
        ),
        ("scored", np.ones(3, np.int32), r"scored has shape \(3,\) and dtype int32; expected \(3,\) bool"),
        ("rank", np.ones(3, np.float32), r"rank has shape \(3,\) and dtype float32; expected \(3,\) integers"),
        ("token_ids", np.zeros((3, 2), np.int32), r"token_ids has shape \(3, 2\)"),
        (
            "token_ids",
            np.zeros(4, np.int32),
            r"labels has shape \(3,\) .* expected \(4,\) integers, as there are 4",
        ),
    ],
)
def test_an_array_of_another_shape_or_dtype_is_refused_by_name(name, array, line):
    with pytest.raises(ValueError, match=f"^TokenScores: {line}"):
        replace(THREE_TOKENS, **{name: array})
