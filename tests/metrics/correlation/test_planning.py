import numpy as np
import pytest

from lm_eval_hesnr.metrics.correlation.outcome import logit
from lm_eval_hesnr.metrics.correlation.planning import World, logit_range, outcome_reliability, power
from lm_eval_hesnr.metrics.correlation.two_measures import correlation, family_jackknife, williams
from tests.metrics.correlation.nulls import known

MEAN, SD = logit_range(0.2, 0.6)


def world(candidate=0.95, rival=0.85, between=0.9, share=0.5):
    return World(
        candidate=candidate, rival=rival, between=between, mean=MEAN, sd=SD, share_between_families=share
    )  # fmt: skip


@pytest.mark.parametrize(("n", "expected"), [(8, 0.29), (12, 0.50), (16, 0.67), (24, 0.85), (36, 0.97)])
def test_the_power_of_independent_checkpoints_is_that_of_an_earlier_simulation(n, expected):
    """The numbers of issue 24, for an outcome without noise."""
    assert power(world(), n, 1, None, 1234) == pytest.approx(expected, abs=0.03)


def test_the_power_is_the_share_of_simulated_studies():
    random = np.random.default_rng(9)
    finds = []
    for _ in range(400):
        a, b, ability = random.multivariate_normal(np.zeros(3), world().correlations, 24).T
        y = logit(random.binomial(500, 1 / (1 + np.exp(-(MEAN + SD * ability)))), np.array(500))
        t, p = williams(correlation(a, y), correlation(b, y), correlation(a, b), 24)
        finds.append(t > 0 and p < 0.05)
    assert power(world(), 24, 1, 500, 1234) == pytest.approx(np.mean(finds), abs=0.075)  # three standard errors


def test_the_power_with_families_is_the_share_of_simulated_studies():
    random = np.random.default_rng(10)
    families = [str(f) for f in range(8) for _ in range(3)]
    finds = []
    for _ in range(100):
        level = np.repeat(random.multivariate_normal(np.zeros(3), 0.5 * world().correlations, 8), 3, axis=0)
        a, b, y = (level + random.multivariate_normal(np.zeros(3), 0.5 * world().correlations, 24)).T
        test = known(family_jackknife(a, b, y, families))
        finds.append(test.difference > 0 and test.p_value < 0.05)
    assert power(world(), 8, 3, None, 1234) == pytest.approx(np.mean(finds), abs=0.15)  # three standard errors


def test_the_power_is_seeded_and_grows_with_everything():
    expected = power(world(), 6, 2, 500, 1)
    assert power(world(), 6, 2, 500, 1) == expected
    assert power(world(rival=0.9), 6, 2, 500, 1) < expected < power(world(), 9, 2, 500, 1)
    assert power(world(), 6, 2, 100, 1) < expected < power(world(), 6, 3, 500, 1)


def test_no_three_quantities_have_impossible_correlations():
    assert world().is_possible
    assert not world(between=0.5).is_possible
    assert world(between=0.5).possible_between == "give one above 0.643 and below 0.972"
    assert world(between=0.644).is_possible
    assert not world(between=0.973).is_possible


def test_the_reliability_of_an_outcome_falls_with_fewer_trials():
    assert outcome_reliability(world(), 10**7) == pytest.approx(1, abs=0.001)
    assert outcome_reliability(world(), 100) < outcome_reliability(world(), 500) < 1
