import json
import math
from typing import Any

import numpy as np
import pytest

from lm_eval_hesnr.metrics.edges import EPSILON, SWEEP
from lm_eval_hesnr.metrics.measures import measures, totals
from lm_eval_hesnr.metrics.profile import SUMS, EntropyProfile, pooled
from lm_eval_hesnr.metrics.summary import histogram, largest_influence, near_epsilon, summary, sweep
from lm_eval_hesnr.metrics.thresholds import threshold

SNR, TOP_K = len(SUMS) + SUMS.index("snr"), len(SUMS) + SUMS.index("top_k")


def document(seed, n=200, epsilon=EPSILON):
    """A trajectory whose tokens share a level of their own, with a peak at ln 3."""
    rng = np.random.default_rng(seed)
    level = rng.normal(0, 0.4)
    entropy = (rng.gamma(2.0, 0.55, n) + 0.1 * level).clip(0, math.log(10))
    entropy[: n // 4] = rng.normal(math.log(3), 0.03, n // 4)
    logprob = -rng.gamma(2.0, 0.8 * math.exp(0.3 * level), n)
    columns = (logprob, entropy, rng.integers(1, 14, n), rng.uniform(0.8, 1, n))
    return EntropyProfile.of_tokens(*columns, k=10, epsilon=epsilon)


def at(entropy, **options):
    ones = np.ones(len(entropy))
    return EntropyProfile.of_tokens(-ones, np.asarray(entropy), ones.astype(int), ones, **{"k": 10} | options)


@pytest.fixture(scope="module")
def profiles():
    return [document(seed) for seed in range(30)]


@pytest.fixture(scope="module")
def summarised(profiles):
    return json.loads(json.dumps(summary(profiles, EPSILON), allow_nan=False))


def test_is_plain_json_and_complete(profiles, summarised):
    low, high = summarised["intervals"]["he_snr"]
    assert low < measures(profiles, EPSILON)["he_snr"] < high
    assert (summarised["documents"], summarised["tokens"], summarised["epsilon"]) == (30, 6000, EPSILON)
    assert list(summarised["he_snr_interval_width_by_documents"]) == ["50", "100", "200", "500"]


def test_thresholds_are_those_of_each_method(profiles, summarised):
    expected: Any = {name: threshold(pooled(profiles), name, epsilon=EPSILON) for name in summarised["thresholds"]}
    assert summarised["thresholds"] == expected
    assert list(expected) == ["static", "quantile", "valley", "otsu"]
    assert expected["quantile"] > 1


def test_the_static_threshold_is_the_runs_own():
    half = [document(seed, epsilon=0.5) for seed in range(3)]
    assert summary(half, 0.5)["thresholds"]["static"] == 0.5
    assert summary(half, 0.7, static=0.5)["thresholds"]["static"] == 0.5
    assert summary(half, None, static=0.5)["thresholds"]["static"] == 0.5


@pytest.mark.parametrize("epsilon", [EPSILON, 0.7])
def test_the_sweep_is_the_measures_at_the_same_thresholds_for_any_epsilon(epsilon):
    profiles = [document(seed, epsilon=epsilon) for seed in range(3)]
    points: Any = sweep(pooled(profiles))
    assert [point["epsilon"] for point in points] == list(SWEEP)
    for point in points:
        got = measures(profiles, point["epsilon"])
        assert point == {"epsilon": point["epsilon"]} | {
            name: pytest.approx(got[name], rel=1e-12) for name in ("he_snr", "he_ppl", "decisions")
        }


def test_the_sweep_ends_below_ln_k():
    assert [point["epsilon"] for point in sweep(at([0.1], k=4))] == list(SWEEP[:12])
    assert sweep(at([0.1], k=2)) == []


def test_near_epsilon_computed_by_hand():
    """Of ten tokens three are within 0.01 nats of epsilon."""
    entropy = [EPSILON - 0.0101, EPSILON - 0.0099, EPSILON, EPSILON + 0.0099, EPSILON + 0.0101, *[0.0] * 5]
    assert near_epsilon(at(entropy), EPSILON) == pytest.approx(0.3)
    assert near_epsilon(at(entropy), 1.3) == 0.0
    assert near_epsilon(at([0.0, 0.005, 0.02, 1.0]), 0.0) == 0.5
    assert near_epsilon(at(entropy), None) is None
    assert near_epsilon(EntropyProfile.zero(10), EPSILON) is None
    assert near_epsilon(at(entropy), math.log(7)) is None  # an edge, but its window does not end at edges


def rows_of(*documents):
    """Totals of documents, each the decisions and their sum of p / entropy."""
    rows = np.zeros((len(documents), 2 * len(SUMS)))
    rows[:, [TOP_K, SNR]] = documents
    return rows


def test_influence_computed_by_hand():
    """Three decisions of 0.2 and one of 0.6: the mean is 0.3, without the last 0.2."""
    three = [(1, 0.2)] * 3
    assert largest_influence(rows_of(*three, (1, 0.6))) == {"document": 3, "share": pytest.approx(1 / 3)}
    assert largest_influence(rows_of((3, 0.6), (1, 0.6))) == {"document": 0, "share": pytest.approx(1.0)}


def test_a_document_with_all_decisions_carries_everything():
    assert largest_influence(rows_of((0, 0.0), (3, 0.6), (0, 0.0))) == {"document": 1, "share": None}


def test_influence_needs_two_documents_and_a_number():
    assert largest_influence(rows_of((3, 0.6))) is None
    assert largest_influence(rows_of((0, 0.0), (0, 0.0))) is None
    assert largest_influence(rows_of((1, 0.0), (2, 0.0))) is None


def test_the_histogram_computed_by_hand():
    entropy = [0.0, 0.0, 0.004, 0.01, 0.011, EPSILON, math.log(10)]
    assert histogram(at(entropy)) == {"edges": "0 0.01 0.02 1.25 2.30258509", "tokens": "2 2 1 1 1"}
    assert histogram(at(entropy, epsilon=0.7)) == histogram(at(entropy))


def test_shape_has_intervals_around_its_values(summarised):
    shape = summarised["shape"]
    assert [list(peak) for peak in shape["peaks"]] == [
        ["order", "mass", "location", "mass_interval", "location_interval"]
    ] * 6
    for peak in shape["peaks"]:
        low, high = peak["mass_interval"]
        assert low < peak["mass"] < high < 1.5 * peak["mass"] + 0.01
        assert (peak["location"] is None) == (peak["location_interval"] is None)
    three = shape["peaks"][2]
    assert three["location"] == pytest.approx(math.log(3), abs=0.01)
    assert three["location_interval"][0] < three["location"] < three["location_interval"][1]
    assert three["location_interval"][1] - three["location_interval"][0] < 0.03
    low, high = shape["ln3_ln4_shift_interval"]
    assert 0.5 < low < shape["ln3_ln4_shift"] < high < 1


def test_the_interval_of_a_mass_is_that_of_a_mean_where_documents_are_equal():
    """Student's interval over the documents' own masses."""
    rng = np.random.default_rng(4)
    profiles = [at(np.repeat([math.log(3), 0.5], [inside, 100 - inside])) for inside in rng.integers(20, 40, 25)]
    masses = np.array([profile.above(1.0)[0] / 100 for profile in profiles])
    low, high = summary(profiles, EPSILON)["shape"]["peaks"][2]["mass_interval"]
    half = 2.0639 * masses.std(ddof=1) / 5
    assert (low, high) == pytest.approx((masses.mean() - half, masses.mean() + half), abs=0.15 * half)


def test_nothing_to_measure_is_null_everywhere():
    got = summary([EntropyProfile.zero(10)] * 6, EPSILON)
    assert got["shape"] is None
    assert got["histogram"] == {"edges": "", "tokens": ""}
    assert got["near_epsilon"] is None
    assert got["largest_influence"] is None
    assert set(got["intervals"].values()) == {None}
    assert got["he_snr_interval_width_by_documents"] == {}


@pytest.mark.parametrize("k", [1, 2, 3, 4, 16, 1000])
@pytest.mark.parametrize("n_docs", [1, 2, 8])
def test_any_k_and_any_number_of_documents_can_be_summed_up(k, n_docs):
    profiles = [at([0.0, math.log(k)] * 20, k=k, epsilon=0.5)] * n_docs
    json.dumps(summary(profiles, None, static=0.5), allow_nan=False)


def test_nothing_at_ln_k_ends_a_run_after_all_was_scored():
    """Every entropy at ln k: the quantile finds nothing, and the rest is there."""
    profiles = [at([math.log(10)] * 20)] * 6
    chosen = threshold(pooled(profiles), "quantile", epsilon=EPSILON)
    assert chosen is None
    assert summary(profiles, chosen, static=EPSILON)["intervals"]["he_snr"] is None
    assert totals(profiles[0], math.log(10))[TOP_K] == 0
