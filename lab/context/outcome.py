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
from transformers import AutoTokenizer, LlamaForCausalLM

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
_AT_ONCE = 16


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
        found = {
            name: "".join(map(str, solved(model, tokenizer, some, pool, samples=0, seed=SEED)))
            for name, some in (("near", tasks.held_out), ("far", far_tasks))
        }
    for name, some in (("near_loss", tasks.held_out), ("far_loss", far_tasks[::ONE_IN])):
        found[name] = right_losses(model, encoded(tokenizer, [(task.prompt, task.action) for task in some]))
    return {
        "settings": {"level": FIXED.level, **asdict(settings), "padded": len(far), "bfloat16": has_bf16("cpu")},
        "tasks_sha256": Tasks(tasks.examples, [*tasks.held_out, *far_tasks]).sha256(),
        "examples_sha256": hashlib.sha256(json.dumps([near, far]).encode()).hexdigest(),
        "last_loss": number_or_none(float(np.mean(losses[-20:]))),
        **found,
    }


def right_losses(model: LlamaForCausalLM, right: Sequence[Example]) -> str:
    """For each example the summed loss of its action, nats, and the number of its tokens, such as `3.412/12`."""
    found = [""] * len(right)
    order = sorted(range(len(right)), key=lambda i: len(right[i].prompt))
    for first in range(0, len(order), _AT_ONCE):
        group = order[first : first + _AT_ONCE]
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
