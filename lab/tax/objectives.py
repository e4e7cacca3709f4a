"""What each loss computes from a model and the examples of one step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from transformers import PreTrainedModel

from lab.tax import losses
from lab.tax.plan import CROSS_ENTROPY
from lab.tax.wrong_action import Contrast, first_difference
from lab.tuning.fine_tune import Example, HasAction, action_logits, action_loss

Loss = Callable[[PreTrainedModel, Sequence[Contrast]], torch.Tensor]
"""From the model and the examples of one step to a scalar."""

CONSTANTS: Mapping[str, Mapping[str, float]] = {
    CROSS_ENTROPY: {},
    "smoothing": {"smoothing": losses.SMOOTHING},
    "gem": {"beta": losses.BETA},
    "entropy": {"bonus": losses.BONUS},
    "kl": {"pull": losses.PULL},
    "unlikelihood": {"alpha": losses.ALPHA},
    "margin": {"weight": losses.WEIGHT, "margin": losses.MARGIN},
}
"""What a file of readings says about its loss."""


def objective(name: str, start: PreTrainedModel) -> Loss:
    """The loss of this name.

    Args:
        name: a key of `lab.tax.plan.LOSSES`.
        start: the model before fine-tuning. It is not changed, and only `kl` uses it.
    """
    if name == "kl":
        return lambda model, examples: _with_kl(model, start, examples)
    return _OBJECTIVES[name]


def _of_logits(formula: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> Loss:
    return lambda model, examples: formula(*action_logits(model, examples))


def _with_kl(model: PreTrainedModel, start: PreTrainedModel, examples: Sequence[Contrast]) -> torch.Tensor:
    with torch.no_grad():
        start_logits, _ = action_logits(start, examples)
    logits, targets = action_logits(model, examples)
    return losses.with_kl(logits, targets, start_logits)


def _with_unlikelihood(model: PreTrainedModel, examples: Sequence[Contrast]) -> torch.Tensor:
    logits, targets = action_logits(model, examples)
    return losses.with_unlikelihood(logits, targets, wrong_tokens(examples))


def wrong_tokens(examples: Sequence[Contrast]) -> torch.Tensor:
    """(N,) for the tokens of all actions: the wrong action's token at the first difference; -1 for all others."""
    found = torch.full((sum(len(one.action) for one in examples),), -1)
    first = 0
    for one in examples:
        place = first_difference(one)
        if place is not None:
            found[first + place] = one.wrong[place]
        first += len(one.action)
    return found


def _with_margin(model: PreTrainedModel, examples: Sequence[Contrast]) -> torch.Tensor:
    """Both actions are in one batch: the right ones first."""
    n_right = sum(len(one.action) for one in examples)
    others = [Example(one.prompt, one.wrong) for one in examples]
    logits, targets = action_logits(model, [*(Example(one.prompt, one.action) for one in examples), *others])
    log_p = logits.log_softmax(-1).gather(-1, targets[:, None])[:, 0]
    lengths = torch.tensor([len(one.action) for one in examples])
    right, wrong = _sums(log_p[:n_right], examples), _sums(log_p[n_right:], others)
    return losses.with_margin(log_p[:n_right], right, wrong, lengths)


def _sums(log_p: torch.Tensor, examples: Sequence[HasAction]) -> torch.Tensor:
    """(B,) the sum over the tokens of each action."""
    return torch.stack([one.sum() for one in log_p.split([len(one.action) for one in examples])])


_OBJECTIVES: Mapping[str, Loss] = {
    CROSS_ENTROPY: action_loss,
    "smoothing": _of_logits(losses.smoothed),
    "gem": _of_logits(losses.gem),
    "entropy": _of_logits(losses.with_entropy_bonus),
    "unlikelihood": _with_unlikelihood,
    "margin": _with_margin,
}
