"""What a checkpoint solves after the fixed fine-tuning, with and without padding between report and fix."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy
from transformers import AutoTokenizer, LlamaForCausalLM, PreTrainedTokenizerBase

from assets_src.tiny_swe_lm.train import has_bf16
from lab.context.padding import padded_prompt, padded_task
from lab.context.plan import SEED
from lab.grader import Pool
from lab.micro_swe import Task
from lab.predict.layout import GROUPS
from lab.tuning.attempts import solved
from lab.tuning.fine_tune import Encoder, Example, Settings, action_logits, encoded, fine_tune
from lab.tuning.fixed import FIXED
from lab.tuning.tasks import Tasks
from lm_eval_hesnr.metrics.measures import number_or_none

FAR_SHARE = 0.4
"""Of the held-out tasks of each group, the first ones are also tried with padding: they take most of the time."""
ONE_IN = 4
"""For one in four of the tasks with padding, the loss of the right action is kept."""
_AT_ONCE = 12
"""Texts with padding that a model reads together: of similar length, so that little is filled up."""


def outcome(checkpoint: Path, tasks: Tasks) -> dict[str, Any]:
    """Fine-tune the checkpoint, and let it try all held-out tasks near the fix, and some far from it.

    Fine-tuning has the steps, the learning rate and the tokens per step of all experiments. One example of each step
    is padded, and the others are not.

    Args:
        checkpoint: a folder; it is not changed.
        tasks: to fine-tune on, and to try.

    Returns:
        `near` and `far`, one digit per task: 1 if the greedy attempt passed all tests. `near_loss` and `far_loss`: one
        number per task, or per fourth task.
    """
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = LlamaForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    settings = Settings(seed=SEED, steps=FIXED.steps, lr=FIXED.lr)
    near, far = examples(tokenizer, tasks.examples, settings)
    losses = fine_tune(model, near, settings, batches=mixed(near, far, settings))
    far_tasks = [padded_task(task, tokenizer) for task in far_of(tasks.held_out)]
    with Pool(1) as pool:
        near_solved = solved(model, tokenizer, tasks.held_out, pool, samples=0, seed=SEED)
        far_solved = solved_in_groups(model, tokenizer, far_tasks, pool)
    found = {"near": "".join(map(str, near_solved)), "far": "".join(map(str, far_solved))}
    for name, some in (("near_loss", tasks.held_out), ("far_loss", far_tasks[::ONE_IN])):
        found[name] = right_losses(model, encoded(tokenizer, [(task.prompt, task.action) for task in some]))
    return {
        "settings": {"level": FIXED.level, **asdict(settings), "padded": len(far), "bfloat16": has_bf16("cpu")},
        "tasks_sha256": Tasks(tasks.examples, [*tasks.held_out, *far_tasks]).sha256(),
        "examples_sha256": hashlib.sha256(json.dumps([near, far]).encode()).hexdigest(),
        "last_loss": number_or_none(float(np.mean(losses[-20:]))),
        **found,
    }


def solved_in_groups(
    model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerBase, tasks: Sequence[Task], pool: Pool
) -> np.ndarray:
    """(n tasks,) 1 where the greedy attempt passed all tests."""
    found = np.zeros(len(tasks), np.int64)
    for group in _groups([len(task.prompt) for task in tasks]):
        found[group] = solved(model, tokenizer, [tasks[i] for i in group], pool, samples=0, seed=SEED)
    return found


def _groups(lengths: Sequence[int]) -> list[list[int]]:
    """The places of the texts, the shortest first, in groups."""
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    return [order[first : first + _AT_ONCE] for first in range(0, len(order), _AT_ONCE)]


def right_losses(model: LlamaForCausalLM, right: Sequence[Example]) -> str:
    """For each example the summed loss of its action, nats, and the number of its tokens, such as `3.412/12`."""
    found = [""] * len(right)
    for group in _groups([len(one.prompt) for one in right]):
        with torch.inference_mode():
            losses = cross_entropy(*action_logits(model, [right[i] for i in group]), reduction="none")
        sizes = [len(right[i].action) for i in group]
        for i, one in zip(group, losses.split(sizes), strict=True):
            found[i] = f"{one.sum().item():.4g}/{len(one)}"
    return " ".join(found)


def far_of(held_out: Sequence[Task]) -> list[Task]:
    """The first tasks of each group."""
    instance = GROUPS["instance"]
    groups = (held_out[:instance], held_out[instance:])
    return [task for group in groups for task in group[: round(FAR_SHARE * len(group))]]


def examples(
    tokenizer: Encoder, pairs: Sequence[tuple[str, str]], settings: Settings
) -> tuple[list[Example], list[Example]]:
    """The examples without and with padding: as many with padding as there are steps."""
    first = list(enumerate(pairs[: settings.steps]))
    far = [(padded_prompt(prompt, tokenizer, f"example {i}"), action) for i, (prompt, action) in first]
    return encoded(tokenizer, pairs[settings.steps :]), encoded(tokenizer, far)


def mixed(near: Sequence[Example], far: Sequence[Example], settings: Settings) -> Iterator[list[Example]]:
    """One batch for each padded example: it, and others until there are at least `tokens` tokens.

    The others come in random order. When all have come, they come again.
    """
    rng = random.Random(settings.seed)
    rest: list[Example] = []
    for example in far:
        batch = [example]
        while sum(len(prompt) + len(action) for prompt, action in batch) < settings.tokens:
            rest = rest or rng.sample(near, len(near))
            batch.append(rest.pop())
        yield batch
