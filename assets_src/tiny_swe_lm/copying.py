"""Initial weights from which a small network soon learns to copy from its context.

To continue a text as it continued before, a network needs two heads: one that passes the previous token on, and one
in a later layer that finds an equal token among those (Olsson et al. 2022, arXiv 2209.11895). From random weights,
small networks find this pair late, and some runs never find it. Here the pair exists from the start, but it is weak: it
moves a few percent of the attention. Training makes it strong.
"""

from __future__ import annotations

import torch
from transformers import LlamaForCausalLM

PREVIOUS_BIAS = 6.0
"""Length of the biases in a pair of dimensions. 6 gives more than 0.95 of the first head's attention."""
N_FREQUENCIES = 8
"""The pairs with biases: only the highest frequencies tell neighbours apart."""
CARRIED, MATCHED, COPIED = 0.3, 1.0, 0.05
"""Gains of what the first head writes, of the search for equal tokens, and of what the second head copies."""


def start_copying(model: LlamaForCausalLM) -> None:
    """Set the first head of the first two layers. The attention must have biases. The torch random generator is used.

    **First layer.** RoPE turns the pair of dimensions j by the position times f(j). A key bias (b, 0), and the same
    query bias turned back by f(j), give a product that depends on the distance alone. Its maximum is at distance 1. The
    head writes a code of the previous token into a random subspace.

    **Second layer.** The query is the code of the token itself, the key is what was written into the subspace. Only
    dimensions of low frequency are used, because they hardly change with the distance. The head writes what it finds in
    the direction of that token's embedding.
    """
    first, second = (layer.self_attn for layer in model.model.layers[:2])
    size, half = first.head_dim, first.head_dim // 2
    width = model.config.hidden_size
    theta = model.config.rope_parameters["rope_theta"]
    frequencies = theta ** (-torch.arange(N_FREQUENCIES) / half)
    code = torch.randn(size, width) / width**0.5
    subspace = torch.linalg.qr(torch.randn(width, size))[0].T
    slow = [*range(half // 2, half), *range(half + half // 2, size)]
    search = torch.zeros(size, size)
    search[slow] = torch.linalg.qr(torch.randn(size, size))[0][: len(slow)]
    value = torch.randn(size, width) * COPIED
    with torch.no_grad():
        first.k_proj.bias[:N_FREQUENCIES] = PREVIOUS_BIAS
        first.q_proj.bias[:N_FREQUENCIES] = PREVIOUS_BIAS * frequencies.cos()
        first.q_proj.bias[half : half + N_FREQUENCIES] = -PREVIOUS_BIAS * frequencies.sin()
        first.v_proj.weight[:size] = CARRIED * code
        first.o_proj.weight[:, :size] = CARRIED * subspace.T
        second.q_proj.weight[:size] += MATCHED * search @ code
        second.k_proj.weight[:size] += MATCHED * search @ subspace
        second.v_proj.weight[:size] = value
        second.o_proj.weight[:, :size] = value.T
