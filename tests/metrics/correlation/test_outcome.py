import numpy as np
import pytest

from lm_eval_hesnr.metrics.correlation.outcome import (
    drawn_from_counts,
    drawn_from_tasks,
    logit,
    seed_variance,
    with_seed_noise,
)


def test_the_logit_is_finite_at_both_ends():
    found = logit(np.array([0, 250, 500]), np.array(500))
    assert found == pytest.approx([np.log(0.5 / 500.5), 0, np.log(500.5 / 0.5)])


def test_counts_vary_as_binomial_counts_do():
    passed, trials = np.array([100, 250]), np.array([500, 500])
    drawn = drawn_from_counts(passed, trials, seed=1)
    rate = passed / trials
    assert drawn.std(axis=0) == pytest.approx(np.sqrt(1 / (trials * rate * (1 - rate))), rel=0.05)
    assert (drawn == drawn_from_counts(passed, trials, seed=1)).all()


def test_tasks_are_the_same_for_all_checkpoints():
    """Two checkpoints that pass the same tasks vary together, and their difference does not vary at all."""
    passed = np.tile(np.random.default_rng(0).integers(0, 2, 200), (2, 1))
    drawn = drawn_from_tasks(passed, np.ones_like(passed), seed=1)
    assert drawn[:, 0].std() > 0.1
    assert (drawn[:, 0] == drawn[:, 1]).all()


def test_drawn_tasks_include_the_noise_of_the_attempts_once():
    random = np.random.default_rng(2)
    passed = random.binomial(3, 0.4, (1, 400))
    drawn = drawn_from_tasks(passed, np.full((1, 400), 3), seed=1)
    of_rates = (passed / 3).std(ddof=1) / np.sqrt(400)
    rate = passed.mean() / 3
    assert drawn.std() == pytest.approx(of_rates / (rate * (1 - rate)), rel=0.05)


def test_seeds_have_the_variance_beyond_that_of_their_trials():
    random = np.random.default_rng(3)
    logits = random.normal(-0.5, 0.3, (400, 3))
    passed = [random.binomial(500, 1 / (1 + np.exp(-row))) for row in logits]
    trials = [np.full(3, 500)] * 400
    assert seed_variance(passed, trials) == pytest.approx(0.09, rel=0.15)
    same = [random.binomial(500, 0.4, 3) for _ in range(400)]
    assert seed_variance(same, trials) == pytest.approx(0, abs=0.002)
    assert seed_variance([np.array([3])], [np.array([5])]) is None


def test_more_seeds_have_less_noise():
    drawn = with_seed_noise(np.zeros((2000, 2)), 0.09, np.array([1, 9]), seed=1)
    assert drawn.std(axis=0) == pytest.approx([0.3, 0.1], rel=0.05)
