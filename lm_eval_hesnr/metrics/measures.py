"""Every measure, as a pure function of totals (`totals`: the sums over a scope's tokens and over its uncertain tokens).

The formulas are those of HE-SNR (arXiv 2601.20255).

H is the set of decisions: the tokens of the scope with entropy > epsilon and rank <= k.

    he_snr         mean over H of p(token) / entropy
    he_ppl         exp of minus the mean logprob over H
    ppl            exp of minus the mean logprob over the scope (the harness's `perplexity`, per token of this scope)
    decisions      |H|
    decision_rate  |H| divided by the number of the scope's tokens
    top1_acc       share of the scope's tokens with rank = 1
    topk_acc       share of the scope's tokens with rank <= k
    mean_entropy   mean entropy over the scope, nats
    mean_top_mass  mean probability of the k most likely tokens over the scope

The companions say why he_snr differs between two models (docs/measures.md). C are the k most likely tokens.

    self_he_snr     what he_snr would be if the model's probabilities were true: over the tokens with entropy > epsilon,
                    the sum of (sum over C of p^2) / entropy, divided by the sum of top_mass
    q_over_entropy  mean over H of q(token) / entropy, where q = p / top_mass
    bits_per_byte   minus the sum of logprobs over the scope, in bits, divided by the UTF-8 bytes of the scope's tokens
                    (the harness's `bits_per_byte`, for this scope)

Measures are pooled: sums and counts are taken over the tokens of all documents together, not per document. A measure
without tokens is not a number: NaN in arrays, null in files, never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from lm_eval_hesnr.metrics.profile import SUMS, EntropyProfile

HIGHER_IS_BETTER: dict[str, bool | None] = {
    "he_snr": True,
    "he_ppl": False,
    "ppl": False,
    "decisions": None,
    "decision_rate": None,
    "top1_acc": True,
    "topk_acc": True,
    "mean_entropy": None,
    "mean_top_mass": None,
    "self_he_snr": None,
    "q_over_entropy": None,
    "bits_per_byte": False,
}
"""Every measure, and whether a higher value is better. None for a diagnostic: neither higher nor lower is better, so
the harness's table shows no arrow."""

_SCOPE, _DECISIONS = 0, len(SUMS)
"""The first column of each part of the totals: all tokens of the scope, and tokens with entropy > epsilon."""
_COLUMN = {name: i for i, name in enumerate(SUMS)}

_WEIGHTS = dict.fromkeys(("he_snr", "he_ppl", "decisions", "q_over_entropy"), (_DECISIONS, "top_k")) | {
    "self_he_snr": (_DECISIONS, "tokens")
}
"""Measures over decisions weigh a document by its decisions, `self_he_snr` by its tokens above epsilon, and all others
by its tokens of the scope."""


def totals(profile: EntropyProfile, epsilon: float | None) -> np.ndarray:
    """(2 * len(SUMS),): the sums over the whole scope, then the sums over its tokens with entropy > epsilon.

    Totals of documents can be added. Without an epsilon, the second half and all measures of decisions are NaN.
    """
    above = np.full(len(SUMS), np.nan) if epsilon is None else profile.above(epsilon)
    return np.concatenate([profile.sums.sum(axis=0), above])


def measure(name: str, total: np.ndarray) -> np.ndarray:
    """(...,) float64: one measure of (..., 2 * len(SUMS)) totals; NaN without tokens, infinity if it is too large."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.asarray(_FORMULAS[name](total), dtype=np.float64)


def _of(total: np.ndarray, part: int, column: str) -> np.ndarray:
    return total[..., part + _COLUMN[column]]


def _ratio(part: int, above: str, below: str) -> Callable[[np.ndarray], np.ndarray]:
    return lambda total: _of(total, part, above) / _of(total, part, below)


def _decisions(total: np.ndarray) -> np.ndarray:
    """The number of decisions; NaN, not 0, for a scope without tokens."""
    return np.where(_of(total, _SCOPE, "tokens") > 0, _of(total, _DECISIONS, "top_k"), np.nan)


_FORMULAS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "he_snr": _ratio(_DECISIONS, "snr", "top_k"),
    "he_ppl": lambda total: np.exp(_ratio(_DECISIONS, "nll_top_k", "top_k")(total)),
    "ppl": lambda total: np.exp(_ratio(_SCOPE, "nll", "tokens")(total)),
    "decisions": _decisions,
    "decision_rate": lambda total: _of(total, _DECISIONS, "top_k") / _of(total, _SCOPE, "tokens"),
    "top1_acc": _ratio(_SCOPE, "rank_1", "tokens"),
    "topk_acc": _ratio(_SCOPE, "top_k", "tokens"),
    "mean_entropy": _ratio(_SCOPE, "entropy", "tokens"),
    "mean_top_mass": _ratio(_SCOPE, "top_mass", "tokens"),
    "self_he_snr": _ratio(_DECISIONS, "self_snr", "top_mass"),
    "q_over_entropy": _ratio(_DECISIONS, "q_snr", "top_k"),
    "bits_per_byte": lambda total: _ratio(_SCOPE, "nll", "bytes")(total) / np.log(2),
}


def weights(name: str, document_totals: np.ndarray) -> np.ndarray:
    """(D,): the number of tokens that a measure uses in each document: its decisions, or its tokens of the scope."""
    return _of(document_totals, *_WEIGHTS.get(name, (_SCOPE, "tokens")))


def measures(profiles: Sequence[EntropyProfile], epsilon: float) -> dict[str, float | None]:
    """Measure name to its value over the tokens of all documents together; None without tokens to measure."""
    total = np.sum([totals(profile, epsilon) for profile in profiles], axis=0)
    return {name: number_or_none(measure(name, total)) for name in _FORMULAS}


def number_or_none(value: np.ndarray | float) -> float | None:
    """The number if it is finite, else None."""
    return float(value) if np.isfinite(value) else None
