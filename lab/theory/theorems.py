"""What follows from the formula of HE-SNR alone: bounds and counterexamples (tests/metrics/test_theory.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq  # type: ignore[import-untyped]
from scipy.special import entr  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics.edges import EPSILON

K = 10


def fano(top: float, k: int) -> float:
    """The largest entropy of k candidates of which the most likely one has the probability `top`, in nats."""
    return float(entr(top) + entr(1 - top) + (1 - top) * np.log(k - 1))


def upper_bound(k: int, entropy: float = EPSILON) -> tuple[float, float]:
    """The largest top probability with this entropy, and its ratio to the entropy: no p / entropy is larger."""
    top = float(brentq(lambda top: fano(top, k) - entropy, 1 / k + 1e-12, 1 - 1e-12))
    return top, top / entropy


def of_equal(n: int) -> float:
    """P / entropy of a choice among n equal candidates."""
    return 1 / (n * np.log(n))


class Model(NamedTuple):
    """A made-up model: for each token its probabilities, and the index of the true token."""

    tokens: Sequence[tuple[Sequence[float], int]]

    @property
    def he_snr(self) -> float:
        """HE-SNR; all candidates count."""
        ratios = [p[x] / entr(p).sum() for p, x in self.tokens if entr(p).sum() > EPSILON]
        return float(np.mean(ratios))

    @property
    def ppl(self) -> float:
        """Perplexity."""
        return float(np.exp(-np.mean([np.log(p[x]) for p, x in self.tokens])))


def equal(n: int) -> tuple[list[float], int]:
    """A token with n equal candidates."""
    return [1 / n] * n, 0


def removal(n_improved: int) -> Model:
    """200 tokens: 100 are a choice among seven, 100 among four, of which some have become a choice among three."""
    return Model([equal(3)] * n_improved + [equal(4)] * (100 - n_improved) + [equal(7)] * 100)


BEFORE = Model([([0.4, 0.2, 0.2, 0.1, 0.1], 0), ([0.25, 0.2, 0.2, 0.2, 0.15], 0)])
AFTER = Model([([0.6, 0.2, 0.1, 0.05, 0.05], 0), ([0.26, 0.2, 0.2, 0.2, 0.14], 0)])
"""Both true tokens become more likely, and HE-SNR falls."""

TRUTH = np.pad([0.4, 0.3, 0.2, 0.1], (0, K - 4))
"""True probabilities of a token."""


def spike() -> np.ndarray:
    """(K,) wrong probabilities from which a model expects a higher value than from `TRUTH`."""
    top, _ = upper_bound(K, EPSILON + 1e-6)
    return np.array([top, *[(1 - top) / (K - 1)] * (K - 1)])


def expected(p: np.ndarray) -> tuple[float, float]:
    """What a model with probabilities p expects on tokens drawn from `TRUTH`: p / entropy, and the loss in nats."""
    likely = TRUTH > 0
    return float(TRUTH @ p / entr(p).sum()), float(-(TRUTH[likely] @ np.log(p[likely])))
