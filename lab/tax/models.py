"""Models before and after fine-tuning: another temperature, and the KL divergence to the start."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import LlamaForCausalLM

from lab.tax.losses import kl
from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.scoring.token_scores import TokenScores

KL_WINDOW, KL_WINDOWS = 512, 2
"""Tokens of a window, and windows per trajectory, from its first token on."""


def set_temperature(model: LlamaForCausalLM, temperature: float) -> None:
    """Divide all logits by the temperature, in place.

    The head is a matrix, and its weights may also be those of the embeddings. So the weights of the last norm, which
    multiply what the head gets, are divided instead. The logits are the same.
    """
    with torch.no_grad():
        model.model.norm.weight.div_(temperature)


def kl_to_start(start: LlamaForCausalLM, model: LlamaForCausalLM, scores: Sequence[TokenScores]) -> float:
    """The mean KL(p_start || p) over tokens of actions, in nats per token.

    Args:
        start: the model before fine-tuning.
        model: the model after it.
        scores: the trajectories. Their first `KL_WINDOWS` windows of `KL_WINDOW` tokens are read, without overlap.
    """
    total, n_tokens = 0.0, 0
    for one in scores:
        counts = torch.from_numpy(one.in_scope(SCOPES["action"]))
        ids = torch.from_numpy(one.token_ids).long()
        for first in range(0, min(len(ids), KL_WINDOW * KL_WINDOWS), KL_WINDOW):
            counted = counts[first + 1 : first + KL_WINDOW]
            window = ids[None, first : first + KL_WINDOW]
            if not counted.any():
                continue
            with torch.inference_mode():
                before, after = (of(input_ids=window, use_cache=False).logits[0, :-1] for of in (start, model))
                total += kl(before[counted], after[counted]).sum().item()
            n_tokens += int(counted.sum())
    return total / n_tokens
