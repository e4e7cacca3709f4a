"""What a checkpoint solves after fine-tuning."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from transformers import AutoTokenizer, LlamaForCausalLM

from lab.grader import Pool
from lab.tuning.attempts import solved
from lab.tuning.fine_tune import Example, Settings, action_loss, encoded, fine_tune
from lab.tuning.tasks import Tasks

_TASKS_AT_ONCE = 48


class Outcome(NamedTuple):
    """Of one fine-tuning."""

    settings: dict[str, Any]
    """Of fine-tuning, without the seed."""
    greedy: np.ndarray
    """(n held-out tasks,) 1 where the greedy attempt passed all tests."""
    sampled: np.ndarray | None
    """(n held-out tasks,) how many sampled attempts passed all tests; None if there were none."""
    held_out_loss: float
    """Of the right actions of the held-out tasks, in nats per token."""


def outcome(checkpoint: Path, tasks: Tasks, settings: Settings, *, samples: int, n_threads: int = 1) -> Outcome:
    """Fine-tune the checkpoint, and let it try all held-out tasks.

    Args:
        checkpoint: a folder; it is not changed.
        tasks: to fine-tune on, and to try.
        settings: of fine-tuning; its seed is also that of the samples.
        samples: attempts at each task at temperature 0.8, next to the greedy one.
        n_threads: CPU threads.
    """
    torch.set_num_threads(n_threads)
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = LlamaForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    fine_tune(model, encoded(tokenizer, tasks.examples), settings)
    right = encoded(tokenizer, [(task.prompt, task.action) for task in tasks.held_out])
    with Pool(1) as pool:
        greedy = solved(model, tokenizer, tasks.held_out, pool, samples=0, seed=settings.seed)
        sampled = (
            solved(model, tokenizer, tasks.held_out, pool, samples=samples, seed=settings.seed) if samples else None
        )
    return Outcome(
        {name: value for name, value in asdict(settings).items() if name != "seed"},
        greedy,
        sampled,
        _loss(model, right),
    )


def _loss(model: LlamaForCausalLM, right: list[Example]) -> float:
    groups = [right[first : first + _TASKS_AT_ONCE] for first in range(0, len(right), _TASKS_AT_ONCE)]
    with torch.inference_mode():
        losses = [action_loss(model, group).item() for group in groups]
    return float(np.average(losses, weights=[sum(len(one.action) for one in group) for group in groups]))
