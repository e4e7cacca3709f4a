"""The criteria of lab/PREREG.md at their edges: numbers just on one side and on the other side of each limit."""

from dataclasses import replace
from itertools import permutations
from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from lab.predict import verdicts as of_verdicts
from lab.predict.equal_loss import EqualLoss, equal_loss
from lab.predict.made_up import Size, made_up
from lab.predict.study import CALIBRATED, HE_SNR, RIVALS, SELF
from lab.predict.verdicts import AGAINST, SUPPORTS, UNDECIDED, Verdict, p1, p2, p3, p4, p5, p6, verdicts
from lm_eval_hesnr.metrics.bootstrap import Interval
from lm_eval_hesnr.metrics.correlation.one_measure import Coefficient
from lm_eval_hesnr.metrics.correlation.two_measures import Contrast
from lm_eval_hesnr.metrics.measures import HIGHER_IS_BETTER
from lm_eval_hesnr.results.correlate.differences import Difference
from lm_eval_hesnr.results.correlate.points import NULL


@pytest.fixture(scope="module")
def study():
    return made_up("better", 0)


def difference(rival, value=0.2, p_value=0.01, high=0.4, measure=HE_SNR) -> Difference:
    test = Contrast(value, Interval(-0.1, high), p_value)
    return Difference(label=measure, rival=rival, r=0.9, r_rival=0.7, r_between=0.8, test=test, p_value=p_value)


@pytest.mark.parametrize(
    ("p_value", "value", "high", "verdict"),
    [
        (0.049, 0.2, 0.4, SUPPORTS),
        (0.049, -0.2, 0.4, AGAINST),
        (0.051, 0.2, 0.051, UNDECIDED),
        (0.051, 0.2, 0.049, AGAINST),
    ],
)
def test_p1(study, monkeypatch, p_value, value, high, verdict):
    found = difference("ppl,action", value, p_value, high)
    monkeypatch.setattr(of_verdicts, "differences", lambda *_: [found])
    assert p1(study).verdict == verdict


BETTER = {rival: difference(rival) for rival in (*RIVALS, NULL)}


@pytest.mark.parametrize(
    ("changed", "calibrated", "verdict"),
    [
        ({}, difference("ppl,action"), SUPPORTS),
        ({"ppl,all": difference("ppl,all", p_value=0.06)}, difference("ppl,action"), UNDECIDED),
        # (a) for self_he_snr and log(tokens) only: not significant, and a gain of 0.05 is excluded
        ({SELF: difference(SELF, p_value=0.06, high=0.049)}, difference("ppl,action"), AGAINST),
        ({NULL: difference(NULL, p_value=0.06, high=0.049)}, difference("ppl,action"), AGAINST),
        ({SELF: difference(SELF, p_value=0.06, high=0.051)}, difference("ppl,action"), UNDECIDED),
        ({"ppl,all": difference("ppl,all", p_value=0.06, high=0.049)}, difference("ppl,action"), UNDECIDED),
        # (b) for every rival: significantly better than HE-SNR
        ({"ppl,all": difference("ppl,all", -0.2, 0.049)}, difference("ppl,action"), AGAINST),
        ({"ppl,all": difference("ppl,all", -0.2, 0.051)}, difference("ppl,action"), UNDECIDED),
        # (c) calibrated HE-SNR
        ({}, difference("ppl,action", -0.2, 0.049), AGAINST),
        ({}, difference("ppl,action", 0.01, 0.9, 0.049), AGAINST),
        ({}, difference("ppl,action", 0.01, 0.9, 0.051), SUPPORTS),
        # a rival that is a linear function of an earlier one is left out, one that is a function of HE-SNR is not
        ({"he_ppl,action": replace(difference("he_ppl,action"), test=None, p_value=None, same_as="ppl,all")},
         difference("ppl,action"), SUPPORTS),
        ({"he_ppl,action": replace(difference("he_ppl,action"), test=None, p_value=None, same_as=HE_SNR)},
         difference("ppl,action"), UNDECIDED),
    ],
)  # fmt: skip
def test_p2(study, monkeypatch, changed, calibrated, verdict):
    of_he_snr = list({**BETTER, **changed}.values())
    monkeypatch.setattr(
        of_verdicts, "differences", lambda _points, one, *_: [calibrated] if one[0].label == CALIBRATED else of_he_snr
    )
    assert p2(study).verdict == verdict


def test_p2_corrects_its_seven_p_values_by_holm_and_calibrated_he_snr_stands_alone():
    study = made_up("better", 0, Size(hidden=0.3))
    single = {one.label: of_verdicts._difference(study, study.he_snr, one).p_value or 0 for one in study.all_rivals}
    order = sorted(single, key=lambda label: single[label])
    steps = np.maximum.accumulate([(len(order) - i) * single[label] for i, label in enumerate(order)])
    numbers = p2(study).numbers
    assert len(order) == 7
    assert {label: numbers[label] for label in order} == pytest.approx(
        dict(zip(order, np.minimum(1, steps), strict=True))
    )
    assert len({numbers[label] for label in order}) > 2
    alone = of_verdicts._difference(study, study.calibrated, study.ppl)
    assert numbers[CALIBRATED] == alone.p_value
    assert alone.gain == 0.05


@pytest.mark.parametrize("name", ["mean_entropy,action", SELF])
def test_a_measure_without_a_direction_gets_the_sign_of_its_own_r(study, name):
    def numbers(label, sign, *, has_direction):
        rivals = [
            replace(one, values=sign * one.values, x=sign * one.x, has_direction=has_direction)
            if one.label == label else one for one in study.rivals
        ]  # fmt: skip
        return p2(replace(study, rivals=rivals)).numbers

    assert numbers(name, -1, has_direction=False) == numbers(name, 1, has_direction=False) == p2(study).numbers
    assert numbers(name, -1, has_direction=True) != p2(study).numbers
    assert HIGHER_IS_BETTER[name.removesuffix(",action")] is None


@pytest.mark.parametrize(
    ("r0", "ways", "squares", "verdict"),
    [
        (0.5, 36, 0, SUPPORTS),
        (0.5, 37, 0, UNDECIDED),
        (0.0, 36, 0, AGAINST),
        (0.5, 36, 62, SUPPORTS),
        (0.5, 36, 64, AGAINST),  # rho = 1 - 6 * 64 / 210 = -29/35
    ],
)
def test_p3(study, monkeypatch, r0, ways, squares, verdict):
    first = np.array(study.points.families) == "family0"
    ranks = np.argsort(np.argsort(study.points.y[first]))
    chosen = next(order for order in permutations(range(6)) if ((np.array(order) - ranks) ** 2).sum() == squares)
    x = study.points.y.copy()
    x[first] = chosen
    swaps = SimpleNamespace(by_label={HE_SNR: (r0, ways / 720, None)})
    monkeypatch.setattr(of_verdicts, "swaps_of", lambda *_: swaps)
    assert p3(replace(study, he_snr=replace(study.he_snr, values=x, x=x))).verdict == verdict


@pytest.mark.parametrize(("families", "pairs", "ways"), [(4, 22, 24), (5, 36, 120), (6, 54, 720)])
def test_how_many_pairs_and_ways_there_are(families, pairs, ways):
    study = made_up("better", 0, Size(families=families))
    assert p4(study).numbers["pairs"] == pairs
    perfect = replace(study, he_snr=replace(study.he_snr, values=study.points.y, x=study.points.y))
    assert p3(perfect).numbers["p_value"] == pytest.approx(1 / ways)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(1e-9, 0.5, SUPPORTS), (0.0, 0.5, UNDECIDED), (-0.2, 0.15, UNDECIDED), (-0.2, 0.1499, AGAINST)],
)
def test_p4(study, monkeypatch, low, high, verdict):
    found = EqualLoss(54, 0.1, 0.7, 0.6, Interval(low, high), None)
    monkeypatch.setattr(of_verdicts, "equal_loss", lambda *_: found)
    assert p4(study).verdict == verdict


def test_the_interval_of_p4_leaves_out_the_pairs_of_one_family_at_a_time(study):
    x, rival, y, of = study.he_snr.x, study.ppl.x, study.points.y, np.array(study.points.families)
    pairs = [(i, j) for i in range(36) for j in range(i + 1, 36) if of[i] != of[j]]

    def share(near: np.ndarray, by: np.ndarray, without: str = "") -> float:
        chosen = sorted(pairs, key=lambda pair: abs(near[pair[0]] - near[pair[1]]))[:54]
        kept = [(i, j) for i, j in chosen if without not in (of[i], of[j])]
        return float(np.mean([(by[i] - by[j]) * (y[i] - y[j]) > 0 for i, j in kept]))

    value = share(rival, x) - share(x, rival)
    without = np.array([share(rival, x, name) - share(x, rival, name) for name in sorted(set(of))])
    half = stats.t.ppf(0.975, 5) * np.sqrt(5 * np.mean((without - without.mean()) ** 2))
    assert p4(study).interval == pytest.approx((value - half, value + half))


def test_of_equal_gaps_the_first_pair_of_the_table_counts_and_a_tie_counts_half():
    a, b, y = np.array([0.0, 1, 2, 3, 5, 4]), np.zeros(6), np.arange(6.0)
    families = list("sttuuu")  # 11 pairs of different families, of which one counts: that of rows 0 and 1
    assert equal_loss(a, b, y, families).share == 1
    assert equal_loss(np.array([0.0, -1, 2, 3, 5, 4]), b, y, families).share == 0
    assert equal_loss(np.array([0.0, 0, 2, 3, 5, 4]), b, y, families).share == 0.5


@pytest.mark.parametrize(
    ("mean", "half", "verdict"), [(0.05, 0.1499, AGAINST), (0.05, 0.1501, UNDECIDED), (0.05, 0.0499, SUPPORTS)]
)
def test_p5(study, monkeypatch, mean, half, verdict):
    """The errors of ln PPL are 2 everywhere, so a tenth of them is 0.2. Those of HE-SNR are smaller by mean +- half."""
    step = half / (stats.t.ppf(0.975, 5) * np.sqrt(6 / 5) / np.sqrt(6))
    names = sorted(set(study.points.families))
    smaller = {name: mean + step * (-1) ** i for i, name in enumerate(names)}

    def errors(z, _y, families):
        is_he_snr = z.shape[1] == 1 and np.array_equal(z[:, 0], study.he_snr.x)
        return np.array([2 - smaller[name] if is_he_snr else 2.0 for name in families])

    monkeypatch.setattr(of_verdicts, "left_out_errors", errors)
    assert p5(study).interval == pytest.approx((mean - half, mean + half))
    assert p5(study).verdict == verdict


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.301, 0.8, SUPPORTS), (0.299, 0.8, UNDECIDED), (-0.2, 0.45, UNDECIDED), (-0.2, 0.4499, AGAINST)],
)
def test_p6(study, monkeypatch, low, high, verdict):
    def partial(x, _y, _z):
        interval = Interval(low, high) if x is study.he_snr.x else Interval(-0.1, 0.3)
        return Coefficient(0.1, interval)

    monkeypatch.setattr(of_verdicts, "partial", partial)
    assert p6(study).verdict == verdict


@pytest.mark.parametrize("name", ["outcome", "he_snr"])
@pytest.mark.parametrize(("value", "expected"), [(0.8, AGAINST), (0.799, UNDECIDED), (None, UNDECIDED)])
def test_the_rule_about_noise(study, monkeypatch, name, value, expected):
    monkeypatch.setattr(of_verdicts, "reliabilities", lambda _: {"outcome": 1.0, "he_snr": 1.0, name: value})
    monkeypatch.setattr(of_verdicts, "TESTS", {"P1": lambda _: Verdict(name="P1", verdict=AGAINST)})
    assert [one.verdict for one in verdicts(study)] == [expected]
    monkeypatch.setattr(of_verdicts, "TESTS", {"P1": lambda _: Verdict(name="P1", verdict=SUPPORTS)})
    assert [one.verdict for one in verdicts(study)] == [SUPPORTS]
