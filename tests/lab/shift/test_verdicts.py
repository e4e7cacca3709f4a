"""The criteria of `shift`, in made-up trainings in which the answer is known."""

import math
from functools import cache

import numpy as np
import pytest

from lab.shift import windows
from lab.shift.made_up import made_up
from lab.shift.verdicts import (
    AGAINST,
    MOVES,
    NOT_LEARNED,
    STAYS,
    SUPPORTS,
    UNDECIDED,
    excess,
    of_training,
    sentence,
    together,
)  # fmt: skip


@cache
def said(world: str, seed: int = 0):
    return of_training(made_up(world, seed))


def test_ties_of_four_that_become_ties_of_three_are_a_shift():
    found = [said("shift", seed) for seed in range(3)]
    assert [one.verdict for one in found] == [SUPPORTS] * 3
    assert together(found) == SUPPORTS
    assert sentence(found, fast=False).startswith("Supported in 3 trainings")
    assert sentence(found[:1], fast=True).startswith("Supported in one training (shift 0, the fast form)")


@pytest.mark.parametrize(
    ("world", "reason"),
    [
        ("reversed", "the peak moves from ln 3 to ln 4"),
        ("drift", "there is no peak at ln 3"),
        ("bumps", "there is no peak at ln 3"),
        ("nothing", "the share near ln 3 does not rise"),
        ("four moves", "choices among four move to ln 3"),
    ],
)
def test_what_is_no_shift_is_against(world, reason):
    found = said(world)
    assert found.verdict == AGAINST
    assert reason in sentence([found], fast=True)


def test_smooth_drift_raises_the_mass_near_ln_3_without_any_peak():
    found = said("drift")
    assert found.rho == pytest.approx(1)
    assert found.rise is not None
    assert found.rise.is_clear
    assert found.excess[1.0].interval.high < 0.1


def test_bumps_that_move_with_the_temperature_are_seen_at_another_temperature_only():
    found = said("bumps")
    assert found.excess[1.0].interval.low > 0
    assert found.excess[0.8].interval.high < 0.1


def test_ties_that_leave_ln_n_at_a_high_temperature_are_still_a_shift():
    found = said("tails")
    assert found.excess[1.25].interval.high < 0.1
    assert found.verdict == SUPPORTS


@pytest.mark.parametrize("order", [(3, 0, 5, 1, 4, 2), (5, 4, 3, 2, 1, 0), (2, 5, 0, 3, 1, 4), (1, 0, 3, 2, 5, 4)])
def test_a_shuffled_order_of_checkpoints_is_not_a_shift(order):
    training = made_up("shift", 0)
    assert of_training(training).verdict == SUPPORTS
    found = of_training(training.in_order(order))
    assert found.verdict != SUPPORTS or found.rho >= 29 / 35  # neighbours exchanged: still an order of training
    assert (found.verdict == SUPPORTS) == (order == (1, 0, 3, 2, 5, 4))


def test_choices_among_four_stay_move_or_are_not_learned():
    assert [said(world).choices for world in ("shift", "four moves", "not learned")] == [STAYS, MOVES, NOT_LEARNED]
    found = said("not learned")
    assert found.verdict == UNDECIDED
    assert "did not learn" in sentence([found], fast=True)


def test_one_training_against_and_none_for_is_against_and_a_mixture_is_undecided():
    shift, drift, missing = said("shift"), said("drift"), said("not learned")
    assert together([drift, missing, missing]) == AGAINST
    assert together([shift, drift]) == together([shift, missing]) == UNDECIDED


def test_the_excess_of_a_log_linear_density_is_0_and_that_of_ties_is_their_number():
    random = np.random.default_rng(0)
    smooth = random.exponential(0.4, (8, 200_000))
    rows = np.stack([windows.counts(one) for one in smooth])
    for n in (2, 3):
        assert float(windows.excess(rows.sum(axis=0), n)) == pytest.approx(0, abs=0.03)
    expected = windows.expected(rows.sum(axis=0), 3)
    ties = np.full(int(expected) // 8 // 2, math.log(3))
    found = excess(np.stack([windows.counts(np.concatenate([one, ties])) for one in smooth]), 3)
    assert found is not None
    assert found.value == pytest.approx(0.5, abs=0.03)
    assert found.interval is not None
    assert found.interval.low < found.value < found.interval.high


def test_windows_worked_by_hand():
    entropy = math.log(3) + np.array([-0.1, -0.15, 0.07, 0.19, -0.21, 0.02, 0.05, 0.5])
    found = dict(zip(windows.COLUMNS, windows.counts(entropy), strict=True))
    assert found["tokens"] == 8
    assert (found["left3"], found["centre3"], found["right3"], found["near3"]) == (2, 1, 2, 2)
