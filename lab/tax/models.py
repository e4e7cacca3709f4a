"""Models before and after fine-tuning: another temperature, and the KL divergence to the start."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import LlamaForCausalLM

from lab.tax.losses import kl
from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.scoring.token_scores import TokenScores

KL_WINDOW, KL_RUNS = 512, 100
"""Tokens of each trajectory, at its end, and the number of trajectories."""


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
        scores: the trajectories, of which the last `KL_WINDOW` tokens of the first `KL_RUNS` are read.
    """
    found = []
    for one in scores[:KL_RUNS]:
        ids = torch.from_numpy(one.token_ids[None, -KL_WINDOW:]).long()
        counted = torch.from_numpy(one.in_scope(SCOPES["action"])[-KL_WINDOW:][1:])
        with torch.inference_mode():
            before, after = (of(input_ids=ids, use_cache=False).logits[0, :-1][counted] for of in (start, model))
        found.append(kl(before, after))
    return float(torch.cat(found).mean())
