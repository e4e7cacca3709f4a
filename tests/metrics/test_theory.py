"""What docs/measures.md says about HE-SNR and its companions, as theorems and counterexamples."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize  # type: ignore[import-untyped]
from scipy.special import entr, softmax  # type: ignore[import-untyped]

from lab.theory.theorems import AFTER, BEFORE, TRUTH, K, of_equal, removal, spike, upper_bound
from lab.theory.theorems import expected as expected_of
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.metrics.measures import measure, measures, totals
from lm_eval_hesnr.metrics.profile import EntropyProfile
from lm_eval_hesnr.scoring.statistics import statistics_of

Tokens = Sequence[tuple[Any, int]]
"""For each token, the probabilities of the vocabulary, and the index of the true token."""


def profile_of(tokens: Tokens, n_bytes: int = 1) -> EntropyProfile:
    size = max(K, *(len(p) for p, _ in tokens))
    rows = np.stack([np.pad(np.asarray(p, float), (0, size - len(p))) for p, _ in tokens])
    with np.errstate(divide="ignore"):
        logs = np.log(rows)
    target = logs[np.arange(len(rows)), [x for _, x in tokens]]
    statistics = statistics_of(target, np.sort(logs, axis=1)[:, -K:])
    return EntropyProfile.of_tokens(*statistics[:5], np.full(len(rows), n_bytes), k=K)


def values_of(tokens: Tokens, n_bytes: int = 1) -> dict[str, float | None]:
    return measures([profile_of(tokens, n_bytes)], EPSILON)


def value_of(name: str, tokens: Tokens) -> float:
    value = values_of(tokens)[name]
    assert value is not None
    return value


def uniform(n: int) -> np.ndarray:
    return np.full(n, 1 / n)


def heated(p: Sequence[float] | np.ndarray, temperature: float) -> np.ndarray:
    return softmax(np.log(p) / temperature)


def random_tokens(n: int, seed: int, vocabulary: int = 14) -> list[tuple[np.ndarray, int]]:
    """Random distributions with entropies on both sides of epsilon; the true tokens are random too."""
    random = np.random.default_rng(seed)
    return [
        (random.dirichlet(np.exp(random.normal(0, 1.5, vocabulary))), int(random.integers(vocabulary)))
        for _ in range(n)
    ]


# the upper bound


@pytest.mark.parametrize(("k", "bound"), [(5, 0.4761), (10, 0.5706), (20, 0.6147), (50, 0.6494)])
def test_the_upper_bound_depends_on_k_and_falls_with_entropy(k, bound):
    assert upper_bound(k)[1] == pytest.approx(bound, abs=5e-5)
    ratios = [upper_bound(k, entropy)[1] for entropy in np.linspace(0.01, np.log(k) - 0.01, 50)]
    assert (np.diff(ratios) < 0).all()


def test_the_upper_bound_is_approached_by_one_likely_candidate_and_nine_equal_ones():
    _, bound = upper_bound(K, EPSILON + 1e-6)
    assert value_of("he_snr", [(spike(), 0)]) == pytest.approx(bound, abs=1e-6)
    assert bound == pytest.approx(0.5706, abs=1e-4)


def test_no_random_distribution_exceeds_the_upper_bound():
    random = np.random.default_rng(0)
    p = random.dirichlet(np.ones(K), 100_000) ** np.exp(random.normal(0, 1, (100_000, 1)))
    p /= p.sum(axis=1, keepdims=True)
    entropy = entr(p).sum(axis=1)
    best = (p.max(axis=1) / entropy)[entropy > EPSILON].max()
    assert 0.5 < best < upper_bound(K)[1]


def test_no_optimised_distribution_exceeds_the_upper_bound():
    def missed(logits: np.ndarray) -> float:
        p = softmax(logits)
        return float(-p[0] / entr(p).sum())

    def margin(logits: np.ndarray) -> float:
        return float(entr(softmax(logits)).sum() - EPSILON)

    starts = np.random.default_rng(1).normal(size=(8, K))
    found = [minimize(missed, start, constraints={"type": "ineq", "fun": margin}) for start in starts]
    best = [-result.fun for result in found if margin(result.x) > -1e-9]
    assert upper_bound(K)[1] - 1e-4 < max(best) < upper_bound(K)[1] + 1e-6


def test_a_true_token_of_rank_r_contributes_at_most_top_mass_over_r_times_the_entropy():
    for p, target in random_tokens(500, seed=2):
        found = values_of([(p, target)])
        rank = 1 + int((p > p[target]).sum())
        if found["he_snr"] is not None and found["mean_top_mass"] is not None and found["mean_entropy"] is not None:
            assert found["he_snr"] <= found["mean_top_mass"] / (rank * found["mean_entropy"]) + 1e-6


# the value for equal candidates, and what may leave the set of decisions


@pytest.mark.parametrize(
    ("n", "value"), [(4, 0.1803), (5, 0.1243), (6, 0.0930), (7, 0.0734), (8, 0.0601), (9, 0.0506), (10, 0.0434)]
)
def test_n_equal_candidates_give_one_over_n_ln_n(n, value):
    assert value_of("he_snr", [(uniform(n), 0)]) == pytest.approx(of_equal(n), rel=1e-5)
    assert value_of("he_snr", [(uniform(n), 0)]) == pytest.approx(value, abs=5e-5)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_up_to_three_equal_candidates_are_not_a_decision(n):
    assert values_of([(uniform(n), 0)])["he_snr"] is None


def test_tokens_that_improve_until_they_are_no_decisions_lower_he_snr():
    models = [removal(n_improved) for n_improved in (0, 50, 100)]
    values, ppl = ([value_of(name, model.tokens) for model in models] for name in ("he_snr", "ppl"))
    assert [model.he_snr for model in models] == pytest.approx(values, rel=1e-5)
    assert [model.ppl for model in models] == pytest.approx(ppl, rel=1e-5)
    assert values == sorted(values, reverse=True)
    assert ppl == sorted(ppl, reverse=True)
    assert values[0] == pytest.approx((0.1803 + 0.0734) / 2, abs=1e-4)
    assert values[2] == pytest.approx(0.0734, abs=1e-4)


def test_he_snr_can_fall_although_every_true_token_becomes_more_likely():
    before, after = BEFORE.tokens, AFTER.tokens
    assert all(p[x] < q[x] for (p, x), (q, _) in zip(before, after, strict=True))
    assert value_of("he_snr", before) == pytest.approx(0.2143, abs=5e-5)
    assert value_of("he_snr", after) == pytest.approx(0.1634, abs=5e-5)
    assert value_of("bits_per_byte", after) < value_of("bits_per_byte", before)


def test_a_hard_token_that_becomes_a_decision_lowers_he_snr():
    before = [(uniform(4), 0), ([0.098] * 10 + [0.02], 10)]
    after = [(uniform(4), 0), ([0.098] * 9 + [0.049, 0.069], 10)]
    assert values_of(before)["decisions"] == 1
    assert values_of(after)["decisions"] == 2
    assert value_of("he_snr", after) < value_of("he_snr", before)
    assert value_of("ppl", after) < value_of("ppl", before)


# calibration and temperature


def expected(name: str, distributions: Sequence[np.ndarray], truths: Sequence[np.ndarray]) -> float:
    """The measure of expected totals, if each true token is drawn from its truth."""
    total = np.zeros(0)
    for p, truth in zip(distributions, truths, strict=True):
        rows = [totals(profile_of([(p, x)]), EPSILON) for x in range(len(p))]
        own = truth @ np.stack(rows)
        total = total + own if len(total) else own
    return float(measure(name, total))


def test_he_snr_is_expected_to_be_self_he_snr_if_the_probabilities_are_true():
    distributions = [p for p, _ in random_tokens(20, seed=3)]
    value = expected("he_snr", distributions, distributions)
    assert value == pytest.approx(expected("self_he_snr", distributions, distributions), rel=1e-6)


def test_he_snr_is_below_self_he_snr_if_the_model_is_too_confident():
    truths = [p for p, _ in random_tokens(20, seed=4)]
    confident = [heated(p, 0.7) for p in truths]
    doubtful = [heated(p, 1.4) for p in truths]
    assert expected("he_snr", confident, truths) < expected("self_he_snr", confident, truths)
    assert expected("he_snr", doubtful, truths) > expected("self_he_snr", doubtful, truths)


def test_a_wrong_distribution_can_be_expected_to_score_higher_than_the_true_one():
    (honest, loss), (wrong, higher_loss) = expected_of(TRUTH), expected_of(spike())
    assert honest == pytest.approx(0.2344, abs=5e-5)
    assert wrong == pytest.approx(0.2439, abs=5e-5)
    assert higher_loss > loss


def test_a_temperature_changes_he_snr_but_no_rank():
    tokens = [(p, int(p.argsort()[-1 - i % 3])) for i, (p, _) in enumerate(random_tokens(300, seed=5))]
    found = {t: values_of([(heated(p, t), x) for p, x in tokens]) for t in (0.02, 0.8, 1, 1.25)}
    for t in (0.8, 1.25):
        assert found[t]["he_snr"] != pytest.approx(found[1]["he_snr"], rel=0.02)
        assert found[t]["top1_acc"] == found[1]["top1_acc"]
        assert found[t]["topk_acc"] == found[1]["topk_acc"]
    assert found[0.02]["he_snr"] is None  # near temperature 0, no token is a decision


# tail mass and tokenizers


@pytest.mark.parametrize("tail", [0.1, 0.3])
def test_mass_outside_the_candidates_scales_he_snr_and_leaves_q_over_entropy(tail):
    tokens = [(0.9 * p + 0.01, x) for p, x in random_tokens(100, seed=6, vocabulary=K)]
    with_tail = [(np.concatenate([(1 - tail) * p, np.full(10_000, tail / 10_000)]), x) for p, x in tokens]
    assert value_of("he_snr", with_tail) == pytest.approx((1 - tail) * value_of("he_snr", tokens), rel=1e-5)
    assert value_of("self_he_snr", with_tail) == pytest.approx((1 - tail) * value_of("self_he_snr", tokens), rel=1e-5)
    assert value_of("q_over_entropy", with_tail) == pytest.approx(value_of("q_over_entropy", tokens), rel=1e-5)


def test_a_tokenizer_that_splits_a_choice_into_two_leaves_no_decision():
    whole = values_of([(uniform(4), 0)], n_bytes=4)
    split = values_of([(uniform(2), 0), (uniform(2), 0)], n_bytes=2)
    assert whole["he_snr"] == pytest.approx(0.1803, abs=5e-5)
    assert split["he_snr"] is None
    assert whole["bits_per_byte"] == pytest.approx(split["bits_per_byte"], rel=1e-6)
    assert whole["ppl"] == pytest.approx(4, rel=1e-6)
    assert split["ppl"] == pytest.approx(2, rel=1e-6)
