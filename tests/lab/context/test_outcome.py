"""What a piece of work makes: a whole outcome of a small model, in a few steps."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, LlamaForCausalLM

from lab.context import outcome as module
from lab.context.outcome import outcome, right_losses
from lab.micro_swe import dataset
from lab.tuning.fine_tune import encoded
from lab.tuning.fixed import Fixed
from lab.tuning.tasks import Tasks


@pytest.fixture(scope="module")
def tasks():
    some = dataset("train", 0, 30, 7, 1)
    return Tasks([(one.prompt, one.action) for one in some[:25]], some[25:])


def test_an_outcome_has_one_number_per_task(random_model, tasks, monkeypatch):
    monkeypatch.setattr(module, "FIXED", Fixed(level=0, steps=2, lr=1e-3))
    found = outcome(random_model, tasks)
    assert found["near"] == "00000"
    assert found["far"] == "00"
    assert [len(found[key].split(" ")) for key in ("near_loss", "far_loss")] == [5, 1]
    assert len(found["tasks_sha256"]) == len(found["examples_sha256"]) == 64
    json.dumps(found, allow_nan=False)
    other = outcome(random_model, Tasks(tasks.examples[::-1], tasks.held_out))
    assert other["tasks_sha256"] != found["tasks_sha256"]
    assert other["examples_sha256"] != found["examples_sha256"]


def test_attempts_in_groups_are_in_the_order_of_the_tasks(tasks, monkeypatch):
    groups = []

    def solved(model, tokenizer, some, pool, *, samples, seed):
        groups.append([len(task.prompt) for task in some])
        return np.array([task.prompt.count("a") % 2 for task in some])

    monkeypatch.setattr(module, "solved", solved)
    many = [replace(tasks.held_out[0], prompt="b" * (i * 7 % 30) + "a" * i) for i in range(30)]
    found = module.solved_in_groups(None, None, many, None)  # type: ignore[arg-type]
    assert found.tolist() == [i % 2 for i in range(30)]
    assert [len(group) for group in groups] == [12, 12, 6]
    flat = [one for group in groups for one in group]
    assert flat == sorted(flat)


def test_the_losses_of_right_actions_are_in_the_order_of_the_tasks(random_model, tasks):
    tokenizer = AutoTokenizer.from_pretrained(random_model)
    model = LlamaForCausalLM.from_pretrained(random_model, dtype=torch.float32).eval()
    right = encoded(tokenizer, tasks.examples[:20])
    for text, (prompt, action) in zip(right_losses(model, right).split(" "), right, strict=True):
        with torch.inference_mode():
            log_p = model(input_ids=torch.tensor([prompt + action])).logits[0].log_softmax(-1)
        expected = -sum(log_p[len(prompt) + i - 1, token].item() for i, token in enumerate(action))
        assert float(text.partition("/")[0]) == pytest.approx(expected, rel=2e-2)  # bfloat16 products
        assert int(text.partition("/")[2]) == len(action)
