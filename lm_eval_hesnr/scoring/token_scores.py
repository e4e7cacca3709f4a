"""The statistics of every token of one trajectory, from one model."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from lm_eval_hesnr.labels import Label
from lm_eval_hesnr.metrics.profile import EntropyProfile
from lm_eval_hesnr.metrics.temperatures import INVERSE_TEMPERATURES, LEAST_ENTROPY
from lm_eval_hesnr.scoring.statistics import Extras

PLAN_KEYS = ("rows_per_block", "chunk", "last_attention")
"""Signature keys for block sizes, which depend on free memory, and for rows that the last attention skips. They change
numbers by rounding only."""

_DTYPE_KINDS = {
    "token_ids": "iu", "labels": "iu", "char_start": "iu", "char_end": "iu", "scored": "b", "logprob": "f",
    "entropy": "f", "rank": "iu", "top_mass": "f", "collision": "f", "n_bytes": "iu",
}  # fmt: skip
"""Array fields of `TokenScores` with the kinds of numpy dtypes that they may have."""

OPTIONAL = {"log_z": "f", "top_logits": "f", "top_ids": "iu", "top_logprobs": "f"}
"""As `_DTYPE_KINDS`, for the statistics that only some runs record. They have several numbers per token."""

STATISTICS: dict[str, float] = dict.fromkeys(("logprob", "entropy", "top_mass", "collision", *OPTIONAL), np.nan) | {
    "rank": 0, "top_ids": -1,
}  # fmt: skip
"""The fields with statistics, and their values where a token is not scored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenScores:
    """T tokens of one trajectory, in order. The statistics have values only for tokens with `scored` true.

    The statistics describe the next-token distribution p = softmax(logits) over the whole vocabulary, in float32, at
    temperature 1, given all earlier tokens in the window. The formulas are in `models.torch_engine.topk`.
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
    """(T,) float32, <= 0, nats: log probability of the token itself. NaN where not scored."""
    entropy: np.ndarray
    """(T,) float32 in [0, ln k], nats: entropy of the k most likely tokens, renormalised. NaN where not scored."""
    rank: np.ndarray
    """(T,) int32, >= 1: 1 + the number of vocabulary entries more likely than the token. 0 where not scored."""
    top_mass: np.ndarray
    """(T,) float32 in (0, 1]: probability of the k most likely tokens together. NaN where not scored."""
    collision: np.ndarray
    """(T,) float32 in (0, 1]: sum of the squared probabilities of the k most likely tokens. NaN where not scored, and
    everywhere if the scores come from a file that an older version wrote."""
    n_bytes: np.ndarray
    """(T,) int32: bytes of the token's characters in UTF-8. A character of several tokens counts for the first. -1 if
    the scores come from a file that an older version wrote."""
    k: int
    """Size of the candidate set."""
    log_z: np.ndarray | None = None
    """(T, G) float32, >= 0: ln Z at each temperature of the grid, see `metrics.temperatures`. NaN where not recorded.
    None, as for the three next fields, if the run did not record it for any token."""
    top_logits: np.ndarray | None = None
    """(T, k) float32, <= 0, largest first: the candidates' logits minus the largest logit. NaN where not recorded, and
    where the entropy at the highest temperature is at most `temperatures.LEAST_ENTROPY`."""
    top_ids: np.ndarray | None = None
    """(T, k) int32: the candidates, the most likely first. -1 where not recorded, and unless entropy > ln 2 and rank <=
    k."""
    top_logprobs: np.ndarray | None = None
    """(T, k) float16, <= 0, nats: the candidates' logprobs. NaN where `top_ids` is -1."""
    short_context: int = 0
    """Number of scored tokens that were predicted without the whole text before them, because the context is too
    short."""
    signature: dict[str, Any] = field(default_factory=dict)
    """Settings that must agree for two sets of numbers to be comparable: model, dtype, tokenizer, window, ..."""

    def __post_init__(self) -> None:
        """Check shapes and dtypes.

        Raises:
            ValueError: a field is not an array of T values of its dtype.
        """
        n_tokens = len(self.token_ids)
        for name, kinds in _DTYPE_KINDS.items():
            array = np.asarray(getattr(self, name))
            if array.shape != (n_tokens,) or array.dtype.kind not in kinds:
                expected = {"iu": "integers", "b": "bool", "f": "floats"}[kinds]
                raise ValueError(
                    f"TokenScores: {name} has shape {array.shape} and dtype {array.dtype}; expected ({n_tokens},) "
                    f"{expected}, as there are {n_tokens} token_ids"
                )
        for name, kinds in OPTIONAL.items():
            array, width = getattr(self, name), len(INVERSE_TEMPERATURES) if name == "log_z" else self.k
            if array is not None and (array.shape != (n_tokens, width) or array.dtype.kind not in kinds):
                raise ValueError(
                    f"TokenScores: {name} has shape {array.shape} and dtype {array.dtype}; expected "
                    f"({n_tokens}, {width}) numbers"
                )

    @property
    def digest(self) -> str:
        """16 hexadecimal digits of the SHA-256 of the token ids. Documents with equal digests have equal tokens."""
        return digest_of(self.token_ids)

    def in_scope(self, labels: frozenset[Label]) -> np.ndarray:
        """(T,) bool: the scored tokens that have one of the labels."""
        return self.scored & np.isin(self.labels, [int(label) for label in labels])

    def decisions(self, epsilon: float) -> np.ndarray:
        """(T,) bool: the scored tokens with entropy > epsilon and rank <= k."""
        return self.scored & is_above(self.entropy, epsilon) & (self.rank <= self.k)

    @property
    def snr(self) -> np.ndarray:
        """(T,) float64: p / entropy of each token, 1/nat. NaN where not scored, infinite where the entropy is 0."""
        return snr_of(self.logprob, self.entropy)

    def profile(self, chosen: np.ndarray, epsilon: float) -> EntropyProfile:
        """The entropy profile of the chosen tokens.

        Args:
            chosen: (T,) bool, true only for scored tokens.
            epsilon: nats; the profile gets an exact edge there.
        """
        return EntropyProfile.of_tokens(
            self.logprob[chosen],
            self.entropy[chosen],
            self.rank[chosen],
            self.top_mass[chosen],
            self.collision[chosen],
            np.where(self.n_bytes < 0, np.nan, self.n_bytes)[chosen],
            None if self.log_z is None else self.log_z[chosen],
            None if self.top_logits is None else self.top_logits[chosen],
            k=self.k,
            epsilon=epsilon,
        )

    def has(self, extras: Extras, positions: np.ndarray) -> bool:
        """Whether the optional statistics of these tokens are recorded.

        Args:
            extras: the optional statistics.
            positions: (n,) integers in [0, T).
        """
        if extras.temperatures and (self.log_z is None or np.isnan(self.log_z[positions]).any()):
            return False
        may_decide = (self.entropy[positions] > LEAST_ENTROPY) & (self.rank[positions] <= self.k)
        return not extras.candidates or (
            not may_decide.any() if self.top_ids is None else bool((self.top_ids[positions[may_decide]] >= 0).all())
        )

    def restricted(self, positions: np.ndarray) -> TokenScores:
        """The scores with only these positions scored."""
        scored = np.zeros_like(self.scored)
        scored[positions] = True
        chosen = {name: _chosen(getattr(self, name), scored, missing) for name, missing in STATISTICS.items()}
        return replace(self, scored=scored, **chosen)

    def completed(self, other: TokenScores) -> TokenScores:
        """The scores, with the optional statistics of `other`, scores of the same tokens, where these have none."""
        others = {name: _chosen(getattr(other, name), self.scored, STATISTICS[name]) for name in OPTIONAL}
        merged = {name: _merged(getattr(self, name), others[name]) for name in OPTIONAL}
        return replace(self, **merged)

    def __str__(self) -> str:
        """A short summary, because the harness writes `str` of every response into its sample files."""
        return f"TokenScores({len(self.token_ids)} tokens, {int(self.scored.sum())} scored)"

    __repr__ = __str__


def _chosen(values: np.ndarray | None, chosen: np.ndarray, missing: float) -> Any:
    """The values of the chosen tokens; `missing` for all others."""
    if values is None:
        return None
    return np.where(chosen.reshape(-1, *[1] * (values.ndim - 1)), values, np.asarray(missing, values.dtype))


def _merged(values: np.ndarray | None, others: np.ndarray | None) -> Any:
    """(T, n): the values of each token, or the others if they are missing."""
    if values is None or others is None:
        return others if values is None else values
    is_known = ~np.isnan(values[:, :1]) if values.dtype.kind == "f" else values[:, :1] >= 0
    return np.where(is_known, values, others)


def is_above(entropy: np.ndarray, epsilon: float) -> np.ndarray:
    """(T,) bool: entropy > epsilon, as a profile compares them: epsilon is not rounded to float32."""
    return np.asarray(entropy.astype(np.float64) > epsilon)


def snr_of(logprob: np.ndarray, entropy: np.ndarray) -> np.ndarray:
    """(T,) float64: p / entropy, 1/nat."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.exp(logprob.astype(np.float64)) / entropy.astype(np.float64))


def digest_of(token_ids: np.ndarray) -> str:
    """16 hexadecimal digits of the SHA-256 of the token ids."""
    return hashlib.sha256(token_ids.astype(np.int32).tobytes()).hexdigest()[:16]


def characters_of_tokens(start: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Start and end of each token's characters, (T,) each, such that each character belongs to one token.

    If a tokenizer splits a character, several tokens have its offsets. Here the first of them has the character, and
    the others have none.
    """
    before = np.maximum.accumulate(np.concatenate([np.zeros(1, end.dtype), end]))[:-1]
    return np.minimum(np.maximum(start, before), end), end


def bytes_of_tokens(text: str, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """(T,) int32: the UTF-8 bytes of each token's characters, see `characters_of_tokens`."""
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    sizes = 1 + (points >= 0x80).astype(np.int64) + (points >= 0x800) + (points >= 0x10000)
    running = np.concatenate([[0], np.cumsum(sizes)])
    start, end = characters_of_tokens(start, end)
    return (running[end] - running[start]).astype(np.int32)


def token_labels(char_labels: np.ndarray, char_start: np.ndarray, char_end: np.ndarray) -> np.ndarray:
    """(T,) uint8: the label of each token, from the labels of its characters.

    A token is `code` if one of its characters is `code`. All others get the label of most of their characters. If two
    labels are equally frequent, the token gets the one with the lower value. A token without characters (an added BOS)
    is `template`.
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
