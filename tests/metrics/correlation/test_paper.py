"""What the Kendall coefficients in the paper's ablation of filters say about its number of checkpoints."""

import math

import pytest

from lm_eval_hesnr.metrics.correlation.one_measure import fisher_interval

TAUS = (0.979, 0.968, 0.956, 0.944, 0.519)
"""arXiv 2601.20255, ablation of the filters: whole Action filter, and with fewer filters; the last one is Thinking."""


def discordant_pairs(tau, n, tied_x, tied_y, tied_both):
    """Return the numbers of discordant pairs of n checkpoints that give this tau-b to three digits."""
    pairs = n * (n - 1) // 2
    ordered = pairs - tied_x - tied_y + tied_both
    below = math.sqrt((pairs - tied_x) * (pairs - tied_y))
    middle = round((ordered - tau * below) / 2)
    near = range(max(0, middle - 1), min(ordered, middle + 1) + 1)  # one pair more changes tau by more than .001
    return [d for d in near if abs(round((ordered - 2 * d) / below, 3) - tau) < 1e-9]


def fits(n, most_ties=12):
    """Yield the ties and the discordant pairs that give all five coefficients, with at most so many ties an axis."""
    for tied_x in range(most_ties + 1):
        for tied_y in range(tied_x, most_ties + 1):
            for both in range(tied_x + 1):
                found = []
                for tau in TAUS:
                    found.append(discordant_pairs(tau, n, tied_x, tied_y, both))
                    if not found[-1]:
                        break
                else:
                    yield (tied_x, tied_y, both), [numbers[0] for numbers in found]


def test_nineteen_checkpoints_with_three_tied_pairs_fit():
    assert list(fits(19)) == [((0, 3, 0), [1, 2, 3, 4, 40]), ((1, 2, 0), [1, 2, 3, 4, 40])]


@pytest.mark.parametrize("n", [*range(6, 19), *range(20, 27), *range(28, 41)])
def test_no_other_number_of_checkpoints_up_to_forty_fits(n):
    assert list(fits(n)) == []


def test_twenty_seven_fit_only_with_twelve_ties_on_each_axis():
    assert {ties[:2] for ties, _ in fits(27)} == {(12, 12)}


@pytest.mark.parametrize(("r", "low", "high"), [(0.965, 0.909, 0.987), (0.67, 0.310, 0.862), (-0.29, -0.658, 0.189)])
def test_what_interval_nineteen_checkpoints_leave(r, low, high):
    assert fisher_interval(r, 1 / 4) == pytest.approx((low, high), abs=5e-4)
