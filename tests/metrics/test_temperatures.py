"""The sums at each temperature, by hand and against softmax(logits / T) over the whole vocabulary in float64."""

import math

import numpy as np
import pytest
from scipy.special import log_softmax, logsumexp  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics.measures import measures
from lm_eval_hesnr.metrics.profile import EPSILON, EntropyProfile
from lm_eval_hesnr.metrics.temperatures import (
    FINE,
    INVERSE_TEMPERATURES,
    LEAST_ENTROPY,
    by_temperature,
    decision_sums,
)
from tests.builders import recorded

HALF, ONE, TWO = (int(np.flatnonzero(x == FINE)[0]) for x in (0.5, 1, 2))
"""Places in the finer grid of T = 2, 1 and 1/2."""


def entropy_of(p):
    return -(p * np.log(p)).sum(-1)


def test_three_tokens_by_hand():
    """p = 1/2, 1/4, 1/4 at T = 1; squared at T = 1/2: 2/3, 1/6, 1/6; the roots at T = 2: 1 / (1 + sqrt 2) first."""
    log_z = np.log([[1 + 2 * 0.5**x for x in INVERSE_TEMPERATURES]])
    top_logits = np.log([[1, 0.5, 0.5]])
    found = by_temperature(np.log([0.25]), np.array([2]), log_z, top_logits, k=3, epsilon=1.0).sums
    root = math.sqrt(0.5) / (1 + 2 * math.sqrt(0.5))
    assert found[0, [HALF, ONE, TWO]] == pytest.approx([-math.log(root), math.log(4), math.log(6)])
    entropies = [entropy_of(np.array(p)) for p in ([1 - 2 * root, root, root], [1 / 2, 1 / 4, 1 / 4])]
    assert found[1, [HALF, ONE, TWO]].tolist() == [1, 1, 0]  # at T = 1/2, the entropy is 0.868
    assert found[2, [HALF, ONE, TWO]] == pytest.approx([root / entropies[0], 0.25 / entropies[1], 0])


def test_every_temperature_equals_full_logits():
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (500, 60))
    targets = random.integers(0, 60, 500)
    columns = recorded(logits, targets, k=10)
    columns["top_logits"] = columns["top_logits"].astype(np.float64)
    tokens = by_temperature(
        *(columns[name] for name in ("logprob", "rank", "log_z", "top_logits")), k=10, epsilon=EPSILON
    )
    found = tokens.sums

    def _expected(inverse):
        scaled = logits * inverse
        nll = -log_softmax(scaled, axis=1)[np.arange(500), targets]
        p = np.sort(np.exp(scaled - logsumexp(scaled, axis=1, keepdims=True)))[:, -10:]
        entropy = entropy_of(p / p.sum(1, keepdims=True))
        decided = (entropy > EPSILON) & (columns["rank"] <= 10)
        return nll.sum(), decided.sum(), (np.exp(-nll) / entropy)[decided].sum()

    for i, inverse in enumerate(FINE):
        expected = _expected(inverse)
        is_exact = inverse in INVERSE_TEMPERATURES
        assert found[:, i] == pytest.approx(expected, rel=1e-5 if is_exact else 0.01)
        assert found[0, i] == pytest.approx(expected[0], rel=1e-4)
    between = random.uniform(0.5, 2, 40)
    decisions, snr = decision_sums(tokens, between)
    assert decisions.tolist() == [_expected(inverse)[1] for inverse in between]  # every token, not only on average
    assert snr == pytest.approx([_expected(inverse)[2] for inverse in between], rel=1e-3)


def test_a_token_that_crosses_at_a_point_of_the_finer_grid_is_counted_once():
    random = np.random.default_rng(0)
    logits = random.normal(0, random.uniform(1, 4, (3000, 1)), (3000, 40))
    columns = recorded(logits, (logits + random.gumbel(size=logits.shape)).argmax(axis=1), k=10)
    tokens = EntropyProfile.of_tokens(**columns, k=10).temperatures
    assert np.abs(tokens.crossings[:, :1] - FINE).min() < 1e-12  # there is such a token
    decisions, snr = decision_sums(tokens, FINE)
    assert decisions.tolist() == tokens.sums[1].tolist()
    assert snr == pytest.approx(tokens.sums[2], rel=1e-12)


def test_at_temperature_1_they_are_the_sums_of_he_snr():
    random = np.random.default_rng(1)
    columns = recorded(random.normal(0, 2, (800, 50)), random.integers(0, 50, 800), k=10)
    profile = EntropyProfile.of_tokens(**columns, k=10)
    nll, decisions, snr = profile.temperatures.sums[:, ONE]
    found = measures([profile], EPSILON)
    assert (decisions, snr / decisions) == (found["decisions"], pytest.approx(found["he_snr"], rel=1e-6))
    assert math.exp(nll / 800) == pytest.approx(found["ppl"], rel=1e-6)


def test_what_is_not_known_is_nan():
    random = np.random.default_rng(2)
    columns = recorded(random.normal(0, 2, (20, 50)), random.integers(0, 50, 20), k=10)
    below = EntropyProfile.of_tokens(**columns, k=10, epsilon=LEAST_ENTROPY - 0.1).temperatures.sums
    assert np.isfinite(below[0]).all()
    assert np.isnan(below[1:]).all()
    columns["log_z"][3] = np.nan
    assert np.isnan(EntropyProfile.of_tokens(**columns, k=10).temperatures.sums).all()


def test_profiles_with_and_without_temperatures_can_be_added():
    logits = np.random.default_rng(3).normal(0, 2, (20, 50))
    columns = recorded(logits, logits.argmax(1), k=10)
    profile = EntropyProfile.of_tokens(**columns, k=10)
    without = EntropyProfile.of_tokens(**{k: v for k, v in columns.items() if k not in ("log_z", "top_logits")}, k=10)
    assert without.by_temperature is None
    assert (without + without).by_temperature is None
    whole = profile.temperatures
    twice = (profile + profile).temperatures
    assert np.array_equal(twice.sums, 2 * whole.sums)
    assert len(twice.crossings) == 2 * len(whole.crossings) > 0
    assert np.array_equal((profile + EntropyProfile.zero(10)).temperatures.sums, whole.sums)
    assert np.isnan((profile + without).temperatures.sums).all()
    again = EntropyProfile.from_json(profile.to_json()).temperatures
    assert np.array_equal(again.sums, whole.sums)
    assert np.array_equal(again.crossings, whole.crossings)
    assert "by_temperature" not in without.to_json()
