"""Tasks of micro-SWE with other functions between the report of the bug and the place of the fix.

Everything that the fix needs is before the padding: the function with its bug, and the report. So a model that reads
only its last 512 tokens cannot know it.
"""

from __future__ import annotations

import random
from dataclasses import replace

from lab.micro_swe import Task
from lab.micro_swe.names import random_names, renamed
from lab.micro_swe.splits import is_of, template_is_kept
from lab.micro_swe.templates import TEMPLATES
from lab.tuning.fine_tune import Encoder

FEWEST, MOST = 600, 1500
"""Tokens of padding. Its last function may add some more."""
_PLACE = "$ fix "
_COMMAND = "$ cat lib.py\n"
_TRAINED = [template for template in TEMPLATES if not template_is_kept(template.name)]


def padded_prompt(prompt: str, tokenizer: Encoder, key: str) -> str:
    """The prompt with functions before its last line, `$ fix `.

    Args:
        prompt: of a task of level 0 to 2.
        tokenizer: counts the tokens of the padding.
        key: the seed of their number, and of the functions.

    Raises:
        ValueError: the prompt does not end as those of level 0 to 2.
    """
    if not prompt.endswith(_PLACE):
        raise ValueError(f"expected a prompt that ends with {_PLACE!r}, found {prompt[-20:]!r}")
    return prompt.removesuffix(_PLACE) + padding(tokenizer, key) + _PLACE


def padding(tokenizer: Encoder, key: str) -> str:
    """A command that shows other functions of the split "train", with a random number of tokens."""
    rng = random.Random(f"padding {key}")
    missing, text = rng.randint(FEWEST, MOST), _COMMAND
    while missing > 0:
        function = _function(rng)
        missing -= len(tokenizer(function, add_special_tokens=False)["input_ids"])
        text += function
    return text


def padded_task(task: Task, tokenizer: Encoder) -> Task:
    """The task with padding. Its tests and its right action are the same."""
    return replace(task, prompt=padded_prompt(task.prompt, tokenizer, task.id))


def _function(rng: random.Random) -> str:
    """A right function with random names. It is no function that is kept for tests, up to names."""
    while True:
        roles = rng.choice(_TRAINED).pick(rng)
        if is_of(roles, "train"):
            return renamed(roles, random_names(roles, rng))
