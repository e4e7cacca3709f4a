"""Made-up scores that a model could give. Imports nothing of the harness, as the tests of the report in a browser."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import special  # type: ignore[import-untyped]

from lm_eval_hesnr.scoring.token_scores import TokenScores


def possible(scores: TokenScores) -> TokenScores:
    """Return the scores with the nearest ranks, masses and entropies that a model can give to these probabilities."""
    p, k = np.exp(scores.logprob[scores.scored]), scores.k
    top_mass, rank, entropy = scores.top_mass.copy(), scores.rank.copy(), scores.entropy.copy()
    top_mass[scores.scored] = np.maximum(top_mass[scores.scored], p)
    least_rank = np.where(p * k < 1, 2, 1)
    rank[scores.scored] = np.maximum(np.minimum(rank[scores.scored], (1 / p).astype(np.int32)), least_rank)
    share = np.where(rank[scores.scored] <= k, p / top_mass[scores.scored], 0)
    least = special.entr(share) + special.entr(1 - share)
    most = np.where(share > 0, least + (1 - share) * np.log(k - 1), np.log(k))
    entropy[scores.scored] = np.clip(entropy[scores.scored], least, most)
    return replace(scores, top_mass=top_mass, rank=rank, entropy=entropy)
