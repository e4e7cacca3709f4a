"""Does the 95 % interval cover the truth as often as it says? Through profiles, on simulated trajectories."""

import math
from typing import Any

import numpy as np
import pytest

from lm_eval_hesnr.metrics.bootstrap import Sample, effective_documents, interval, paired_difference, resampled
from lm_eval_hesnr.metrics.measures import measure, totals, weights
from lm_eval_hesnr.metrics.profile import EPSILON, EntropyProfile

REPETITIONS = 500


def population(seed, sigma, n_docs=2000):
    """(2, n_docs, columns) totals of two runs that are alike, of documents with a level of their own each.

    Lengths are lognormal about 150 tokens with this sigma; the population is finite, so that its he_snr is the truth.
    """
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n_docs):
        n = max(20, int(rng.lognormal(5.0, sigma)))
        level = rng.normal(0, 0.3)
        entropy = rng.gamma(2.0, 0.55 * math.exp(0.2 * level), n).clip(0, math.log(10))
        for _ in range(2):
            logprob = -rng.gamma(2.0, 0.8 * math.exp(0.5 * (level + rng.normal(0, 0.15))), n)
            columns = (logprob, entropy, rng.integers(1, 14, n), rng.uniform(0.8, 1, n))
            rows.append(totals(EntropyProfile.of_tokens(*columns, k=10), EPSILON))
    return np.stack(rows).reshape(n_docs, 2, -1).transpose(1, 0, 2)


@pytest.fixture(scope="module", params=[0.4, 1.2], ids=["mild", "heavy"])
def runs(request):
    return population(7, request.param)


@pytest.mark.parametrize("n_docs", [10, 30, 60])
def test_he_snr_is_covered_in_92_to_97_5_percent(runs, n_docs):
    rows = runs[0]
    truth = measure("he_snr", rows.sum(axis=0))
    rng = np.random.default_rng(n_docs)
    covered: Any = 0
    for _ in range(REPETITIONS):
        drawn = rows[rng.integers(len(rows), size=n_docs)]
        effective = effective_documents(weights("he_snr", drawn))
        found: Any = interval(measure("he_snr", resampled(drawn, n_docs)), effective)
        covered += found.low <= truth <= found.high
    at_most = 0.975 if n_docs >= 30 else 0.99  # ten documents of very unequal length: wider than needed
    assert 0.92 <= covered / REPETITIONS <= at_most


@pytest.mark.parametrize("n_docs", [10, 30])
def test_two_runs_that_are_alike_differ_at_0_05_in_no_more_than_7_percent(runs, n_docs):
    rng = np.random.default_rng(n_docs)
    rejected = 0
    for _ in range(REPETITIONS):
        a, b = runs[:, rng.integers(runs.shape[1], size=n_docs)]
        swapped = rng.random((n_docs, 1)) < 0.5
        found: Any = paired_difference("he_snr", Sample.of(np.where(swapped, b, a)), Sample.of(np.where(swapped, a, b)))
        rejected += found.p_value < 0.05
    assert rejected / REPETITIONS <= 0.07
