"""What one model says about every token of one trajectory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.metrics.profile import EntropyProfile

PLAN_KEYS = ("rows_per_block", "chunk", "last_attention")
"""What a signature says of block sizes, which follow from free memory, and of work left out: only rounding differs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenScores:
    """T tokens of one trajectory in order. Where `scored` is false the four statistics mean nothing.

    The statistics are of the next-token distribution p = softmax(logits) over the whole vocabulary, in float32 at
    temperature 1, given all earlier tokens in the window; formulas in `models.torch_engine.topk`.
    """

    token_ids: np.ndarray
    """(T,) int32."""
    labels: np.ndarray
    """(T,) uint8, values of `Label`."""
    char_start: np.ndarray
    """(T,) int32: the token is characters [char_start, char_end) of the rendered text."""
    char_end: np.ndarray
    """(T,) int32."""
    scored: np.ndarray
    """(T,) bool."""
    logprob: np.ndarray
    """(T,) float32, <= 0, nats. NaN where not scored."""
    entropy: np.ndarray
    """(T,) float32 in [0, ln k], nats: of the k most likely tokens, renormalised. NaN where not scored."""
    rank: np.ndarray
    """(T,) int32, >= 1: one more than the number of entries more likely than the token. 0 where not scored."""
    top_mass: np.ndarray
    """(T,) float32 in (0, 1]: probability of the k most likely tokens together. NaN where not scored."""
    k: int
    """Size of the candidate set."""
    short_context: int = 0
    """Scored tokens that saw less than everything before them, because the model's context is shorter."""
    signature: dict[str, Any] = field(default_factory=dict)
    """What makes the numbers comparable: model, revision, dtype, tokenizer, window and the like."""

    def in_scope(self, labels: frozenset[Label]) -> np.ndarray:
        """(T,) bool: the scored tokens that carry one of the labels."""
        return self.scored & np.isin(self.labels, [int(label) for label in labels])

    def profile(self, chosen: np.ndarray, epsilon: float) -> EntropyProfile:
        """The entropy profile of the chosen tokens, a (T,) bool within `scored`, with epsilon as an exact edge."""
        columns = (self.logprob[chosen], self.entropy[chosen], self.rank[chosen], self.top_mass[chosen])
        return EntropyProfile.of_tokens(*columns, k=self.k, epsilon=epsilon)

    def __str__(self) -> str:
        """Short: the harness writes responses into its sample files by `str`."""
        return f"TokenScores({len(self.token_ids)} tokens, {int(self.scored.sum())} scored)"

    __repr__ = __str__


def token_labels(char_labels: np.ndarray, char_start: np.ndarray, char_end: np.ndarray) -> np.ndarray:
    """(T,) uint8: the label of each token, from the labels of its characters.

    A token is `code` as soon as one of its characters is; else it has the label that most of its characters carry, the
    lower code where two are equal. A token without characters (a BOS added by the tokenizer) is `template`.
    """
    n_labels = len(Label)
    counts = np.zeros((len(char_start), n_labels), np.int32)  # (T, labels)
    for label in Label:
        running = np.concatenate([[0], np.cumsum(char_labels == label)])
        counts[:, label] = running[char_end] - running[char_start]
    labels = counts.argmax(axis=1).astype(np.uint8)
    labels[counts[:, Label.CODE] > 0] = Label.CODE
    labels[char_end <= char_start] = Label.TEMPLATE
    return labels
