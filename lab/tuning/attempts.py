"""Attempts of a model at tasks, graded by running the tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from tqdm import tqdm
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from lab.grader import Pool
from lab.micro_swe import Task

TEMPERATURE = 0.8
"""Of sampled attempts."""
_TASKS_AT_ONCE = 48
_LONGEST = 64
"""Tokens of an attempt. The right actions have 12 on average."""


def solved(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    tasks: Sequence[Task],
    pool: Pool,
    *,
    samples: int,
    seed: int,
) -> np.ndarray:
    """(n tasks,) how many attempts passed all tests of each task.

    Args:
        model: it writes the actions.
        tokenizer: of the model.
        tasks: all of the same level.
        pool: grades the actions.
        samples: attempts at each task, at `TEMPERATURE`; 0 for one greedy attempt.
        seed: of the samples.
    """
    torch.manual_seed(seed)
    passed = np.zeros(len(tasks), np.int64)
    with tqdm(total=len(tasks), desc="attempts", leave=False, mininterval=5) as bar:
        for numbers in _by_length(tokenizer, tasks):
            chosen = [tasks[i] for i in numbers]
            written = written_actions(model, tokenizer, chosen, samples=samples)
            each = [task for task in chosen for _ in range(max(1, samples))]
            grades = pool.grade(each, written)
            passed[numbers] += np.array([grade.solved for grade in grades]).reshape(len(chosen), -1).sum(1)
            bar.update(len(numbers))
    return passed


def written_actions(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, tasks: Sequence[Task], *, samples: int
) -> list[str]:
    """What the model writes for each task, up to the stop: `samples` texts per task, or one greedy text for 0."""
    prompts = [tokenizer(task.prompt, add_special_tokens=False)["input_ids"] for task in tasks]
    longest = max(map(len, prompts))
    ids = torch.zeros(len(prompts), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, longest - len(prompt) :] = torch.tensor(prompt)
        mask[row, longest - len(prompt) :] = 1
    sampling: dict[str, Any] = {"do_sample": False}
    if samples:
        sampling = {
            "do_sample": True, "temperature": TEMPERATURE, "top_k": 0, "top_p": 1.0, "num_return_sequences": samples
        }  # fmt: skip
    with torch.inference_mode():
        out = model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=_LONGEST,
            stop_strings=[tasks[0].stop],
            tokenizer=tokenizer,
            pad_token_id=tokenizer.pad_token_id,
            **sampling,
        )
    texts = tokenizer.batch_decode(out[:, longest:], skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return [
        task.cut(text) for task, text in zip((t for t in tasks for _ in range(max(1, samples))), texts, strict=True)
    ]


def _by_length(tokenizer: PreTrainedTokenizerBase, tasks: Sequence[Task]) -> Iterator[list[int]]:
    """The numbers of the tasks, in groups with prompts of similar length: little is filled up."""
    order = sorted(range(len(tasks)), key=lambda i: len(tasks[i].prompt))
    for first in range(0, len(order), _TASKS_AT_ONCE):
        yield order[first : first + _TASKS_AT_ONCE]
