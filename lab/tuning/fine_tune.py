"""A short fine-tuning on tasks. The loss counts the actions only.

The settings are the same for all checkpoints. The result depends only on checkpoint, examples, settings and loss.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

import torch
from torch.nn.functional import cross_entropy
from tqdm import tqdm
from transformers import PreTrainedModel

from assets_src.tiny_swe_lm.data import IGNORED
from assets_src.tiny_swe_lm.train import has_bf16, make_optimizer


class Encoder(Protocol):
    """A tokenizer, as far as fine-tuning needs it."""

    def __call__(self, text: str, *, add_special_tokens: bool) -> dict[str, list[int]]:
        """The token ids, under `input_ids`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Of one fine-tuning."""

    seed: int
    steps: int
    lr: float
    """The highest learning rate. It falls linearly to a tenth of it."""
    tokens: int = 2048
    """Of the examples of one step, at least."""
    warmup_steps: int = 20

    def lr_at(self, step: int) -> float:
        """The learning rate of a step."""
        return self.lr * min(1.0, (step + 1) / self.warmup_steps) * (1 - 0.9 * step / self.steps)


class Example(NamedTuple):
    """Token ids of a prompt, and of the action after it."""

    prompt: list[int]
    action: list[int]


class HasAction(Protocol):
    """An example, as far as all losses need it. It can have more, which only some losses use."""

    @property
    def prompt(self) -> list[int]:
        """Token ids."""

    @property
    def action(self) -> list[int]:
        """Token ids."""


AnyExample = TypeVar("AnyExample", bound=HasAction)


def encoded(tokenizer: Encoder, examples: Sequence[tuple[str, str]]) -> list[Example]:
    """(prompt, action) as token ids. Prompt and action are encoded apart, as they are when a model is asked."""
    return [
        Example(
            tokenizer(prompt, add_special_tokens=False)["input_ids"],
            tokenizer(action, add_special_tokens=False)["input_ids"],
        )
        for prompt, action in examples
    ]


def as_batch(examples: Sequence[HasAction]) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, T) token ids, filled up on the right, and (B, T) targets: the token after each one, in actions only."""
    longest = max(map(_length, examples))
    ids = torch.zeros(len(examples), longest, dtype=torch.long)
    targets = torch.full_like(ids, IGNORED)
    for row, one in enumerate(examples):
        prompt, action = one.prompt, one.action
        ids[row, : len(prompt) + len(action)] = torch.tensor(prompt + action)
        targets[row, len(prompt) - 1 : len(prompt) + len(action) - 1] = torch.tensor(action)
    return ids, targets


def fine_tune(
    model: PreTrainedModel,
    examples: Sequence[AnyExample],
    settings: Settings,
    loss_of: Callable[[PreTrainedModel, Sequence[AnyExample]], torch.Tensor] | None = None,
    *,
    batches: Iterator[Sequence[AnyExample]] | None = None,
) -> list[float]:
    """Train the model in place. Returns the loss of each step.

    Args:
        model: changed in place.
        examples: to draw batches from.
        settings: of the training.
        loss_of: from the model and the examples of one step to the scalar that is made smaller; None for `action_loss`,
            in nats per token of the actions.
        batches: one per step, in place of those drawn from the examples.
    """
    loss_of = loss_of or action_loss
    optimizer = make_optimizer(model, settings.lr)
    attention = model.config._attn_implementation
    model.set_attn_implementation("eager")  # the backward pass of the fused one is slower on the CPU at these lengths
    batches = batches or _batches(examples, settings)
    losses = []
    model.train()
    for step in tqdm(range(settings.steps), desc="fine-tuning", leave=False, mininterval=5):
        for group in optimizer.param_groups:
            group["lr"] = settings.lr_at(step)
        loss = loss_of(model, next(batches))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    model.eval()
    model.set_attn_implementation(attention)
    return losses


def action_loss(model: PreTrainedModel, examples: Sequence[HasAction]) -> torch.Tensor:
    """The mean loss of the tokens of the actions, in nats. A scalar."""
    groups = _groups(examples)
    n_tokens = [sum(len(example.action) for example in group) for group in groups]
    parts = [
        cross_entropy(*action_logits(model, group)) * n / sum(n_tokens)
        for group, n in zip(groups, n_tokens, strict=True)
    ]
    return torch.stack(parts).sum()


def action_logits(model: PreTrainedModel, examples: Sequence[HasAction]) -> tuple[torch.Tensor, torch.Tensor]:
    """(N, V) float32 logits and (N,) ids of the tokens of all actions, in the order of the examples."""
    ids, targets = as_batch(examples)
    wanted = targets != IGNORED
    with torch.autocast("cpu", torch.bfloat16, enabled=has_bf16("cpu")):
        hidden = model.base_model(input_ids=ids, use_cache=False).last_hidden_state
        logits = model.get_output_embeddings()(hidden[wanted])
    return logits.float(), targets[wanted]


def _groups(examples: Sequence[HasAction]) -> list[list[HasAction]]:
    """The examples, short and long apart, cut where the fewest tokens are filled up. One group if that is as good."""
    order = sorted(examples, key=_length)
    cut = min(range(len(order)), key=lambda n: n * _length(order[n - 1]) + (len(order) - n) * _length(order[-1]))
    return [group for group in (order[:cut], order[cut:]) if group]


def _length(example: HasAction) -> int:
    return len(example.prompt) + len(example.action)


def _batches(examples: Sequence[AnyExample], settings: Settings) -> Iterator[list[AnyExample]]:
    """Endless batches of at least `tokens` tokens. Every example comes once before one comes again."""
    rng = random.Random(settings.seed)
    batch: list[AnyExample] = []
    while True:
        for example in rng.sample(examples, len(examples)):
            batch.append(example)
            if sum(map(_length, batch)) >= settings.tokens:
                yield batch
                batch = []
