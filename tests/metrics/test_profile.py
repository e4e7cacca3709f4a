import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lm_eval_hesnr.metrics.edges import EPSILON, profile_edges
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER, measures
from lm_eval_hesnr.metrics.profile import SUMS, VERSION, EntropyProfile


def tokens(n, seed=0, k=10):
    rng = np.random.default_rng(seed)
    entropy = rng.uniform(0, math.log(k), n).astype(np.float32)
    entropy[: n // 10] = 0.0
    return {
        "logprob": -rng.exponential(2.0, n).astype(np.float32),
        "entropy": entropy,
        "rank": rng.integers(1, 3 * k, n).astype(np.int32),
        "top_mass": rng.uniform(0.5, 1, n).astype(np.float32),
        "collision": rng.uniform(0.05, 0.9, n).astype(np.float32),
        "n_bytes": rng.integers(0, 9, n),
    }


def from_tokens(columns, epsilon=EPSILON, k=10):
    """Every measure from the token arrays, by the formulas of the paper."""
    logprob, entropy = columns["logprob"].astype(np.float64), columns["entropy"].astype(np.float64)
    top_mass, above = columns["top_mass"].astype(np.float64), entropy > epsilon
    in_h = above & (columns["rank"] <= k)
    return {
        "he_snr": (np.exp(logprob[in_h]) / entropy[in_h]).mean(),
        "he_ppl": math.exp(-logprob[in_h].mean()),
        "ppl": math.exp(-logprob.mean()),
        "decisions": in_h.sum(),
        "decision_rate": in_h.mean(),
        "top1_acc": (columns["rank"] == 1).mean(),
        "topk_acc": (columns["rank"] <= k).mean(),
        "mean_entropy": entropy.mean(),
        "mean_top_mass": top_mass.mean(),
        "self_he_snr": (columns["collision"][above] / entropy[above]).sum() / top_mass[above].sum(),
        "q_over_entropy": (np.exp(logprob[in_h]) / top_mass[in_h] / entropy[in_h]).mean(),
        "bits_per_byte": -logprob.sum() / math.log(2) / columns["n_bytes"].sum(),
    }


def profile(columns, **options):
    return EntropyProfile.of_tokens(**columns, **{"k": 10} | options)


def test_a_case_computed_by_hand():
    columns = {
        "logprob": np.log([0.5, 0.25, 0.1, 0.2]),
        "entropy": np.array([0.3, 1.3, 2.0, 1.5]),  # the first is below epsilon
        "rank": np.array([1, 2, 11, 3]),  # the third is outside the candidates
        "top_mass": np.array([1.0, 0.9, 0.8, 0.7]),
        "collision": np.array([0.6, 0.3, 0.2, 0.1]),
        "n_bytes": np.array([1, 2, 3, 4]),
    }
    got = measures([profile(columns)], EPSILON)
    assert got == pytest.approx(
        {
            "he_snr": (0.25 / 1.3 + 0.2 / 1.5) / 2,
            "he_ppl": (0.25 * 0.2) ** (-1 / 2),
            "ppl": (0.5 * 0.25 * 0.1 * 0.2) ** (-1 / 4),
            "decisions": 2,
            "decision_rate": 0.5,
            "top1_acc": 0.25,
            "topk_acc": 0.75,
            "mean_entropy": 1.275,
            "mean_top_mass": 0.85,
            "self_he_snr": (0.3 / 1.3 + 0.2 / 2.0 + 0.1 / 1.5) / (0.9 + 0.8 + 0.7),
            "q_over_entropy": (0.25 / 0.9 / 1.3 + 0.2 / 0.7 / 1.5) / 2,
            "bits_per_byte": math.log2(1 / (0.5 * 0.25 * 0.1 * 0.2)) / 10,
        }
    )


def test_companions_of_tokens_without_their_columns_are_not_numbers_and_survive_json():
    columns = tokens(100)
    known = profile(columns)
    unknown = profile({name: columns[name] for name in ("logprob", "entropy", "rank", "top_mass")})
    for got in (unknown, EntropyProfile.from_json(json.loads(json.dumps(unknown.to_json(), allow_nan=False)))):
        values = measures([got], EPSILON)
        assert [name for name, value in values.items() if value is None] == ["self_he_snr", "bits_per_byte"]
        assert measures([got, known], EPSILON)["self_he_snr"] is None


def test_a_profile_of_version_1_is_read_without_the_companions():
    known = profile(tokens(100))
    data = known.to_json()
    old = data | {"version": 1, "sums": list(SUMS[:8]), "bins": [row[:9] for row in data["bins"]]}
    values = measures([EntropyProfile.from_json(json.loads(json.dumps(old)))], EPSILON)
    companions = ("self_he_snr", "q_over_entropy", "bits_per_byte")
    assert values == measures([known], EPSILON) | dict.fromkeys(companions)


@pytest.mark.parametrize("epsilon", [EPSILON, math.log(2), math.log(5), 0.7])
def test_profile_results_equal_token_results(epsilon):
    columns = tokens(20_000)
    expected = pytest.approx(from_tokens(columns, epsilon), rel=1e-9)
    assert measures([profile(columns, epsilon=epsilon)], epsilon) == expected


def test_documents_pool_and_their_order_does_not_matter():
    parts = [tokens(n, seed=n) for n in (10, 1, 700, 33)]
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    profiles = [profile(part) for part in parts]
    assert measures(profiles, EPSILON) == pytest.approx(from_tokens(whole), rel=1e-9)
    assert measures(profiles[::-1], EPSILON) == pytest.approx(measures(profiles, EPSILON), rel=1e-12)


def test_of_nothing_there_is_no_number():
    assert measures([EntropyProfile.zero(10)], EPSILON) == dict.fromkeys(HIGHER_IS_BETTER)


def test_tokens_but_no_decision_have_perplexity_and_no_he_snr():
    sure = {"logprob": np.zeros(3), "entropy": np.zeros(3), "rank": np.ones(3, int), "top_mass": np.ones(3)}
    got = measures([profile(sure)], EPSILON)
    assert (got["he_snr"], got["he_ppl"], got["ppl"], got["decisions"]) == (None, None, 1.0, 0.0)


def test_the_threshold_is_strict_and_an_edge():
    at = {"logprob": np.zeros(1), "entropy": np.array([EPSILON]), "rank": np.ones(1, int), "top_mass": np.ones(1)}
    assert measures([profile(at)], EPSILON)["decisions"] == 0
    above = at | {"entropy": np.array([np.nextafter(EPSILON, 9)])}
    assert measures([profile(above)], EPSILON)["decisions"] == 1


def test_an_epsilon_that_is_no_edge_is_refused_with_its_neighbours():
    with pytest.raises(
        ValueError, match=r"0\.7001 is not an edge of this profile; the nearest are 0\.700000, 0\.710000$"
    ):
        profile(tokens(10)).above(0.7001)


def test_sums_up_to_an_edge_and_above_it_are_all():
    got = profile(tokens(1000))
    edges = np.array([-0.5, 0.0, 0.7, EPSILON, 9.0])
    up_to = got.up_to(edges)
    assert up_to[0].tolist() == [0.0] * len(SUMS)
    assert up_to[1, 0] == 100  # the exact zeros
    np.testing.assert_allclose(up_to[3] + got.above(EPSILON), got.sums.sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(up_to[4], got.sums.sum(axis=0), rtol=1e-12)
    with pytest.raises(ValueError, match=r"not all of \[0\.7001\] are edges"):
        got.up_to(np.array([0.7001]))


def test_profiles_with_other_bins_do_not_add():
    with pytest.raises(ValueError, match="different k or epsilon"):
        EntropyProfile.zero(10) + EntropyProfile.zero(5)


profiles = st.builds(lambda n, seed: profile(tokens(n, seed)), st.integers(0, 40), st.integers(0, 10**6))


@given(profiles, profiles, profiles)
def test_addition_is_associative_up_to_rounding_and_commutes_exactly(a, b, c):
    np.testing.assert_allclose(((a + b) + c).sums, (a + (b + c)).sums, rtol=1e-14, atol=1e-14)
    counts = [SUMS.index(name) for name in ("tokens", "top_k", "rank_1")]
    assert np.array_equal(((a + b) + c).sums[:, counts], (a + (b + c)).sums[:, counts])
    assert np.array_equal((a + b).sums, (b + a).sums)


@given(profiles)
def test_zero_changes_nothing(a):
    assert np.array_equal((a + EntropyProfile.zero(10)).sums, a.sums)
    assert np.array_equal((EntropyProfile.zero(10) + a).sums, a.sums)


@pytest.mark.parametrize("over", [-1e-6, 1e-6])
def test_entropy_rounded_out_of_range_is_counted_in_the_end_bins_and_keeps_its_value(over):
    """float32 can give an entropy past ln k, or below 0."""
    entropy = math.log(10) + over if over > 0 else over
    one = {"logprob": np.log([0.5]), "entropy": np.array([entropy]), "rank": np.ones(1, int), "top_mass": np.ones(1)}
    got = profile(one)
    assert got.sums[-1 if over > 0 else 0, SUMS.index("tokens")] == 1
    assert measures([got], EPSILON)["mean_entropy"] == entropy
    if over > 0:
        assert measures([got], EPSILON)["he_snr"] == pytest.approx(0.5 / entropy, rel=1e-12)


@pytest.mark.parametrize(
    ("column", "value"), [("entropy", np.nan), ("entropy", np.inf), ("top_mass", np.nan), ("logprob", np.nan)]
)
def test_a_statistic_that_is_no_number_is_refused_by_name_and_place(column, value):
    columns = tokens(20)
    columns[column][[7, 9]] = value
    with pytest.raises(ValueError, match=f"{column} is not a number for 2 of 20 tokens .token 7: {value}"):
        profile(columns)


def test_a_token_of_probability_zero_outside_the_candidates_spares_the_decisions():
    columns = {
        "logprob": np.array([-np.inf, math.log(0.25)]),
        "entropy": np.array([1.5, 1.5]),
        "rank": np.array([11, 1]),
        "top_mass": np.ones(2),
    }
    got = measures([profile(columns)], EPSILON)
    assert (got["he_ppl"], got["he_snr"], got["ppl"]) == (pytest.approx(4.0), pytest.approx(0.25 / 1.5), None)


@pytest.mark.parametrize("k", [10, 50, 1000])
def test_survives_json_bit_for_bit_in_64_kilobytes(k):
    columns = tokens(30_000, k=k)
    columns["entropy"][: len(profile_edges(k, 0.7)) - 1] = profile_edges(k, 0.7)[1:]  # something in every bin
    got = profile(columns, k=k, epsilon=0.7)
    text = json.dumps(got.to_json())
    assert (got.sums[:, 0] > 0).mean() > 0.99
    assert len(text) <= 64 * 1024
    back = EntropyProfile.from_json(json.loads(text))
    assert np.array_equal(back.sums, got.sums)
    assert np.array_equal(back.edges, got.edges)
    with pytest.raises(ValueError, match=f"expected hesnr-profile version {VERSION}, found 'hesnr-profile' version 99"):
        EntropyProfile.from_json(json.loads(text) | {"version": 99})
