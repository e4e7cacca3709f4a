"""Does the 95 % interval cover the truth as often as it says? Through profiles, on simulated trajectories."""

import math
from typing import Any

import numpy as np
import pytest

from lm_eval_hesnr.metrics import bootstrap
from lm_eval_hesnr.metrics.bootstrap import Sample, effective_documents, interval, paired_difference, resampled
from lm_eval_hesnr.metrics.calibration import calibrated
from lm_eval_hesnr.metrics.decomposition import PARTS, decomposed, part_totals
from lm_eval_hesnr.metrics.estimates import estimate
from lm_eval_hesnr.metrics.measures import measure, totals, weights
from lm_eval_hesnr.metrics.profile import EPSILON, SUMS, EntropyProfile
from lm_eval_hesnr.metrics.temperatures import by_temperature
from tests.builders import recorded

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


def scored_twice(seed, sigma, n_docs=2000):
    """Documents that two different models scored: (rows of `part_totals`, totals of A and of B on the decisions of A).

    The lengths and levels are as in `population`. B is a little better, and less certain about what A is certain about.
    """
    rng = np.random.default_rng(seed)
    parts, on_set = [], np.zeros((2, n_docs, 2 * len(SUMS)))
    top_k, snr = (len(SUMS) + SUMS.index(name) for name in ("top_k", "snr"))
    for i in range(n_docs):
        n, level = max(20, int(rng.lognormal(5.0, sigma))), rng.normal(0, 0.3)
        certain = rng.gamma(2.0, 0.55 * math.exp(0.2 * level), n)
        surprise = rng.gamma(2.0, 0.8 * math.exp(0.5 * level), n)
        s, entropies, inside = [], [], []
        for better in (1.0, 0.9):
            entropy = (certain + rng.normal(0, 0.3, n)).clip(0.01, math.log(10))
            p = np.exp(-surprise * better * np.exp(rng.normal(0, 0.2, n)))
            s.append(p / entropy)
            entropies.append(entropy)
            inside.append((entropy > EPSILON) & (rng.random(n) < 0.8))
        parts.append(part_totals(s[0], inside[0], s[1], inside[1]))
        for rows, one, entropy in zip(on_set, s, entropies, strict=True):
            rows[i, top_k] = inside[0].sum()
            rows[i, snr] = (one * entropy / np.maximum(entropy, EPSILON))[inside[0]].sum()
    return np.stack(parts), on_set


@pytest.fixture(scope="module", params=[0.4, 1.2], ids=["mild", "heavy"])
def twice(request):
    return scored_twice(8, request.param)


def test_the_parts_of_a_difference_and_the_set_of_a_reference_are_covered_in_92_to_99_percent(twice):
    parts, (a, b) = twice
    truth = {name: float(part(parts.sum(axis=0))) for name, part in PARTS.items()}
    value_a, value_b = (float(measure("he_snr", rows.sum(axis=0))) for rows in (a, b))
    truth |= {"on the set": value_b, "difference on the set": value_b - value_a}
    rng, n_docs, repetitions = np.random.default_rng(30), 30, 400
    covered: Any = dict.fromkeys(truth, 0)
    for _ in range(repetitions):
        drawn = rng.integers(len(parts), size=n_docs)
        found: Any = {name: one.interval for name, one in decomposed(parts[drawn]).items() if one is not None}
        of_a, of_b = Sample.of(a[drawn]), Sample.of(b[drawn])
        found["on the set"] = estimate("he_snr", of_b).interval
        found["difference on the set"] = paired_difference("he_snr", of_a, of_b).interval  # type: ignore[union-attr]
        for name, (low, high) in found.items():
            covered[name] += low <= truth[name] <= high
    assert all(0.92 <= n / repetitions <= 0.99 for n in covered.values()), covered


def at_temperatures_of_their_own(seed, sigma, n_docs=150):
    """Documents of a model whose temperature fits each of them differently; 1.1 on average."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n_docs):
        n = max(15, int(rng.lognormal(3.8, sigma)))
        logits = rng.normal(0, rng.uniform(1, 4, (n, 1)), (n, 20)) * math.exp(rng.normal(0, 0.15))
        temperature = 1.1 * math.exp(rng.normal(0, 0.15))
        targets = (logits / temperature + rng.gumbel(size=logits.shape)).argmax(axis=1)
        columns = recorded(logits, targets, k=10)
        needed = (columns[name] for name in ("logprob", "rank", "log_z", "top_logits"))
        found.append(by_temperature(*needed, k=10, epsilon=EPSILON))
    return found


def test_calibrated_he_snr_is_covered_in_92_to_99_percent(monkeypatch):
    monkeypatch.setattr(bootstrap, "RESAMPLES", 500)  # four times as fast
    documents, rng, n_docs, repetitions = at_temperatures_of_their_own(3, 0.6), np.random.default_rng(4), 20, 80
    truth: Any = calibrated(documents * 4, [f"{i:04}" for i in range(4 * len(documents))], EPSILON).estimate.value
    covered: Any = 0
    for _ in range(repetitions):
        drawn = [documents[i] for i in rng.integers(len(documents), size=n_docs)]
        found: Any = calibrated(drawn, [f"{i:04}" for i in range(n_docs)], EPSILON).estimate.interval
        covered += found.low <= truth <= found.high
    assert 0.92 <= covered / repetitions <= 0.99
