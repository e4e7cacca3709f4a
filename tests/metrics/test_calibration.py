from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize_scalar  # type: ignore[import-untyped]
from scipy.special import logsumexp  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics import bootstrap
from lm_eval_hesnr.metrics.calibration import CALIBRATED, calibrated_difference, calibration, replicates
from lm_eval_hesnr.metrics.profile import EPSILON, EntropyProfile
from lm_eval_hesnr.metrics.scope_result import scope_result
from tests.builders import recorded

K = 10
NAMES = [f"{i:02}" for i in range(12)]


def texts(temperature=1.0, *, n_docs=12, n_tokens=400, seed=0):
    """Logits and targets of each document. The targets are drawn from softmax(logits / temperature)."""
    random = np.random.default_rng(seed)
    for _ in range(n_docs):
        logits = random.normal(0, random.uniform(1, 4, (n_tokens, 1)), (n_tokens, 40))
        yield logits, (logits / temperature + random.gumbel(size=logits.shape)).argmax(1)


def profiles_of(found, scale=1.0):
    return [EntropyProfile.of_tokens(**recorded(logits * scale, targets, K), k=K) for logits, targets in found]


def directly(fitted_on, applied_to):
    """The temperature with the best likelihood of some documents, and the terms of he_snr of others at it."""
    logits, targets = (np.concatenate(parts) for parts in zip(*fitted_on, strict=True))

    def nll(inverse):
        return (logsumexp(logits * inverse, axis=1) - inverse * logits[np.arange(len(logits)), targets]).mean()

    inverse = minimize_scalar(nll, bounds=(0.5, 2), method="bounded", options={"xatol": 1e-8}).x
    logits, targets = (np.concatenate(parts) for parts in zip(*applied_to, strict=True))
    p = np.exp(logits * inverse - logsumexp(logits * inverse, axis=1, keepdims=True))
    top = np.sort(p)[:, -K:]
    top /= top.sum(1, keepdims=True)
    entropy = -(top * np.log(top)).sum(1)
    p = p[np.arange(len(p)), targets]
    decided = (entropy > EPSILON) & ((logits > logits[np.arange(len(p)), targets, None]).sum(1) < K)
    return 1 / inverse, decided.sum(), (p / entropy)[decided].sum()


@pytest.mark.parametrize(("one", "other"), [(0.7, 0.7), (1.0, 1.0), (1.4, 1.4), (0.8, 1.3)])
def test_each_half_has_the_temperature_that_the_other_half_fits_best(one, other):
    found = [pair for pairs in zip(texts(one, n_docs=6), texts(other, n_docs=6, seed=1), strict=True) for pair in pairs]
    got = calibration(profiles_of(found), NAMES, EPSILON)
    assert got is not None
    first, second = directly(found[::2], found[1::2]), directly(found[1::2], found[::2])
    assert got.temperatures == pytest.approx((first[0], second[0]), rel=1e-3)
    assert got.temperatures == pytest.approx((one, other), rel=0.1)
    assert got.estimate.value == pytest.approx((first[2] + second[2]) / (first[1] + second[1]), rel=0.001)
    assert got.reason is None


@pytest.mark.parametrize("scale", [0.8, 1.25])
def test_a_warmer_or_colder_model_has_the_same_value_and_another_temperature(scale):
    found = list(texts())
    here, there = (calibration(profiles_of(found, by), NAMES, EPSILON) for by in (1.0, scale))
    assert here is not None
    assert there is not None
    assert there.temperatures == pytest.approx(np.array(here.temperatures) * scale, rel=1e-3)
    assert there.estimate.value == pytest.approx(here.estimate.value, rel=0.001)


def in_resamples(found, scale=1.0):
    return replicates([one.temperatures for one in profiles_of(found, scale)], NAMES[: len(found)])


def test_each_resample_has_two_halves_and_the_temperature_of_one_is_applied_to_the_other(monkeypatch):
    monkeypatch.setattr(bootstrap, "RESAMPLES", 4)
    found = list(texts(1.2, n_docs=6))
    values: Any = in_resamples(found)
    drawn = [bootstrap.resampled(np.eye(6), 3, seed).astype(int) for seed in (bootstrap.SEED, bootstrap.SEED + 1)]
    for value, *times in zip(values.values, *drawn, strict=True):
        one, other = ([found[i] for i in np.repeat(np.arange(6), n)] for n in times)
        first, second = directly(one, other), directly(other, one)
        assert value == pytest.approx((first[2] + second[2]) / (first[1] + second[1]), rel=0.001)


def test_a_paired_difference_ignores_the_temperature_and_sees_a_worse_model():
    found, random = list(texts()), np.random.default_rng(5)
    plain: Any = in_resamples(found)
    warm: Any = in_resamples(found, 1.25)
    noisy: Any = in_resamples(
        [(logits + random.normal(0, 1, logits.shape), targets) for logits, targets in found], 1.25
    )
    same: Any
    worse: Any
    better: Any
    same, worse, better = (calibrated_difference(a, b) for a, b in ((plain, warm), (plain, noisy), (noisy, plain)))
    assert abs(same.value) < 1e-4
    assert worse.is_clear
    assert worse.value < 0
    assert (better.value, better.p_value) == (-worse.value, worse.p_value)
    assert better.interval == pytest.approx((-worse.interval.high, -worse.interval.low))


def test_a_run_without_a_value_has_no_resamples():
    assert in_resamples(list(texts(3.0, n_docs=4))) is None
    unknown = EntropyProfile.of_tokens(*np.ones((4, 1)), k=K).temperatures
    assert replicates([unknown] * 4, NAMES[:4]) is None


def test_the_order_of_the_documents_changes_nothing():
    profiles, order = profiles_of(texts(1.2)), np.random.default_rng(0).permutation(12)
    shuffled = calibration([profiles[i] for i in order], [NAMES[i] for i in order], EPSILON)
    assert shuffled == calibration(profiles, NAMES, EPSILON)


def test_the_standard_error_is_that_of_repeated_runs():
    profiles, random = profiles_of(texts(1.1, n_docs=150, n_tokens=60)), np.random.default_rng(0)
    runs = [[profiles[i] for i in random.integers(150, size=12)] for _ in range(40)]
    found: Any = [calibration(run, NAMES, EPSILON) for run in runs]
    values = np.std([one.estimate.value for one in found], ddof=1)
    assert np.mean([one.estimate.stderr for one in found]) == pytest.approx(values, rel=0.3)
    assert all(one.estimate.interval for one in found)


@pytest.mark.parametrize(("temperature", "end"), [(3.0, "T = 2"), (0.3, "T = 0.5")])
def test_a_temperature_at_an_end_of_the_grid_gives_no_value(temperature, end):
    got = calibration(profiles_of(texts(temperature, n_docs=4)), NAMES[:4], EPSILON)
    assert got is not None
    assert got.estimate == (None, None, None)
    assert got.temperatures == (None, None)
    assert got.reason == f"the fitted temperature is at an end of the grid, {end}, or beyond it"


def test_what_is_missing_is_the_reason():
    profiles = profiles_of(texts(n_docs=2))
    empty = EntropyProfile.zero(K)
    unknown = EntropyProfile.of_tokens(*np.ones((4, 1)), k=K)

    def reason(profiles, epsilon=EPSILON):
        found = calibration(profiles, NAMES[: len(profiles)], epsilon)
        return found and found.reason

    assert reason(profiles) is None
    assert reason(profiles[:1]) == "it needs scored tokens of this scope in at least two trajectories"
    assert reason([profiles[0], empty]) == "it needs scored tokens of this scope in at least two trajectories"
    assert reason([*profiles, unknown]) == "some scores have no temperatures"
    assert reason(profiles, None) == "it needs threshold=static"
    assert reason(profiles, 0.5) == "it needs an epsilon of at least ln 2"
    assert calibration([unknown, empty], NAMES[:2], EPSILON) is None


def test_a_scope_has_the_measure_only_if_temperatures_were_recorded():
    profiles = profiles_of(texts())
    got = scope_result(profiles, NAMES, method="static", epsilon=EPSILON)
    expected = calibration(profiles, NAMES, EPSILON)
    assert expected is not None
    assert got.estimates[CALIBRATED] == expected.estimate
    assert got.summary["intervals"][CALIBRATED] == list(expected.estimate.interval or ())
    assert got.summary["calibration"] == {"temperatures": expected.temperatures, "reason": None}
    adaptive = scope_result(profiles, NAMES, method="quantile", epsilon=EPSILON)
    assert adaptive.summary["calibration"]["reason"] == "it needs threshold=static"
    plain = scope_result([EntropyProfile(one.edges, one.sums) for one in profiles], NAMES, method="static", epsilon=1.1)
    assert CALIBRATED not in plain.estimates
    assert "calibration" not in plain.summary
