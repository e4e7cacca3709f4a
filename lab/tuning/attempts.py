"""Attempts of a model at tasks, graded by running the tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

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
    """What the model writes for each task, up to the stop: `samples` texts per task, or one greedy text for 0.

    Prompts are read once, and a text that has ended is computed no further. `generate` does neither: it takes three
    times as long here.
    """
    each = max(1, samples)
    ids, mask = _filled_up([tokenizer(task.prompt, add_special_tokens=False)["input_ids"] for task in tasks])
    written: list[list[int]] = [[] for _ in range(each * len(tasks))]
    with torch.inference_mode():
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        out = model(ids, attention_mask=mask, position_ids=positions, logits_to_keep=1, use_cache=True)
        cache = out.past_key_values
        cache.batch_repeat_interleave(each)
        logits, mask, position = (
            one.repeat_interleave(each, dim=0) for one in (out.logits[:, -1], mask, positions[:, -1:])
        )
        rows = torch.arange(len(written))
        for _ in range(_LONGEST):
            token = _next_tokens(logits, greedy=samples == 0)
            for row, one in zip(rows.tolist(), token.tolist(), strict=True):
                written[row].append(one)
            texts = tokenizer.batch_decode([written[row] for row in rows], clean_up_tokenization_spaces=False)
            going = torch.tensor([tasks[0].stop not in text for text in texts]) & (token != tokenizer.eos_token_id)
            if not going.any():
                break
            if not going.all():
                cache.batch_select_indices(going)
            rows, token, position = rows[going], token[going], position[going] + 1
            mask = torch.cat([mask[going], mask.new_ones(len(rows), 1)], dim=1)
            out = model(token[:, None], attention_mask=mask, position_ids=position, past_key_values=cache)
            logits = out.logits[:, -1]
    texts = tokenizer.batch_decode(written, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    return [task.cut(text) for task, text in zip((t for t in tasks for _ in range(each)), texts, strict=True)]


def _filled_up(prompts: Sequence[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, T) token ids, filled up on the left, and (B, T) 1 where a token is one of the prompt."""
    longest = max(map(len, prompts))
    ids = torch.zeros(len(prompts), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, longest - len(prompt) :] = torch.tensor(prompt)
        mask[row, longest - len(prompt) :] = 1
    return ids, mask


def _next_tokens(logits: torch.Tensor, *, greedy: bool) -> torch.Tensor:
    """(B,) token ids, from (B, V) logits. Of a row with a value that is NaN or infinite, id 0: it solves no task."""
    known = logits.isfinite().all(1)
    if greedy:
        return logits.argmax(1).where(known, 0)
    given = logits.where(known[:, None], 0)
    return torch.multinomial((given / TEMPERATURE).softmax(1), 1)[:, 0].where(known, 0)


def _by_length(tokenizer: PreTrainedTokenizerBase, tasks: Sequence[Task]) -> Iterator[list[int]]:
    """The numbers of the tasks, in groups with prompts of similar length: little is filled up."""
    order = sorted(range(len(tasks)), key=lambda i: len(tasks[i].prompt))
    for first in range(0, len(order), _TASKS_AT_ONCE):
        yield order[first : first + _TASKS_AT_ONCE]
