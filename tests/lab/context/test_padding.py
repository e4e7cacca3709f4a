"""Padding between report and fix, and the batches of fine-tuning."""

import itertools

import pytest

from lab.context.outcome import examples, far_of, mixed
from lab.context.padding import FEWEST, MOST, padded_prompt, padding
from lab.micro_swe.canonical import digest
from lab.micro_swe.splits import KEPT
from lab.tuning.fine_tune import Example, Settings

PROMPT = "$ cat -n m.py\n1 def f(n):\n2     return n\n$ python t.py\nf(1) gave 1, not 2 (row 2)\n$ fix "


def tokenizer(text, *, add_special_tokens):
    """One token per four characters."""
    return {"input_ids": list(range(len(text) // 4))}


def functions(text):
    return [f"def {one}\n".replace("\n\n", "\n") for one in text.split("\ndef ")[1:]]


def test_the_padding_is_between_the_report_and_the_fix():
    found = padded_prompt(PROMPT, tokenizer, "a")
    assert found.startswith(PROMPT.removesuffix("$ fix ") + "$ cat lib.py\ndef ")
    assert found.endswith("\n$ fix ")
    assert found == padded_prompt(PROMPT, tokenizer, "a") != padded_prompt(PROMPT, tokenizer, "b")
    with pytest.raises(ValueError, match="expected a prompt"):
        padded_prompt("### Agent\n", tokenizer, "a")


def test_the_padding_has_its_length_and_no_function_that_is_kept_for_tests():
    lengths = []
    for key in range(40):
        text = padding(tokenizer, str(key))
        lengths.append(len(text) // 4)
        assert len(functions(text)) > 5
        assert all(int(digest(function), 16) % KEPT for function in functions(text))
    assert FEWEST <= min(lengths) < 750 < 1350 < max(lengths) < MOST + 120


def test_each_batch_has_one_padded_example_and_others_up_to_the_tokens():
    near, far = [Example([i] * 90, [i] * 10) for i in range(30)], [Example([-i] * 990, [-i] * 10) for i in range(5)]
    settings = Settings(seed=1, steps=5, lr=1.0)
    batches = list(mixed(near, far, settings))
    assert [batch[0] for batch in batches] == far
    assert [len(batch) for batch in batches] == [12] * 5  # 1000 + 11 * 100 is the first sum of at least 2048
    rest = [example.prompt[0] for batch in batches for example in batch[1:]]
    assert sorted(rest[:30]) == list(range(30))
    assert rest[:30] != list(range(30))
    assert batches == list(mixed(near, far, settings))


def test_there_are_as_many_padded_examples_as_steps_and_they_are_no_others():
    pairs = [(PROMPT, f"{i}\n") for i in range(7)]
    near, far = examples(tokenizer, pairs, Settings(seed=0, steps=3, lr=1.0))
    assert (len(near), len(far)) == (4, 3)
    assert all(len(example.prompt) >= FEWEST for example in far)


def test_tasks_with_padding_are_the_first_ones_of_both_groups():
    found = far_of(list(itertools.islice(itertools.count(), 600)))  # type: ignore[arg-type]
    assert found == [*range(160), *range(400, 480)]
