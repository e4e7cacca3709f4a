import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics.bootstrap import RESAMPLES, Interval, fewest_documents
from lm_eval_hesnr.metrics.calibration import Replicates
from lm_eval_hesnr.metrics.profile import SUMS
from lm_eval_hesnr.results.compare.verdict import holm, least_p_line, smallest_shown, verdicts
from tests.builders import compared_run

N = 30
NOISE = np.random.default_rng(0).normal(0, 0.01, (9, N))
NOISE -= NOISE.mean(axis=1, keepdims=True)
BASE = 0.1 + NOISE[0]


def base(n=N, **signature):
    return compared_run("base", BASE[:n], **signature)


def verdict(run, first=None):
    (found,) = verdicts([first or base(), run], "action")
    return found


def test_better_and_worse_are_said_with_the_numbers():
    up, down = (
        verdict(compared_run(name, BASE + move + NOISE[1] / 10)) for name, move in (("up", 0.01), ("down", -0.01))
    )
    low, high = up.differences["he_snr"].interval
    number = up.differences["he_snr"].value
    assert (
        up.sentence
        == f"up is better than base: he_snr {number:+.4f} (95 % {low:+.4f} to {high:+.4f}, p = {up.p_value:.2g})"
    )
    assert (up.kind, down.kind) == ("better", "worse")
    assert down.sentence.startswith("down is worse than base: he_snr -0.0100 (95 % -0.0")


def test_p_values_after_holm_are_those_of_a_second_implementation():
    rng = np.random.default_rng(1)
    for n in (1, 2, 7):
        p_values = rng.uniform(0, 0.1, n).tolist()
        order = np.argsort(p_values)
        expected = np.minimum(1, np.maximum.accumulate([(n - i) * p_values[j] for i, j in enumerate(order)]))
        assert [holm(p_values)[j] for j in order] == pytest.approx(expected.tolist())
    assert holm([]) == []


def test_only_comparisons_with_a_verdict_are_counted():
    alone = verdict(compared_run("up", BASE + 0.004 + NOISE[1]))
    runs = [base(), compared_run("up", BASE + 0.004 + NOISE[1]), compared_run("half", BASE, dtype="bfloat16")]
    first, no = verdicts(runs, "action")
    assert (first.p_value, first.sentence) == (alone.p_value, alone.sentence)
    assert no.p_value is None
    runs[2] = compared_run("other", BASE + NOISE[2])
    assert verdicts(runs, "action")[0].p_value == pytest.approx(2 * alone.p_value, rel=0.3)  # of other resamples
    assert " after Holm)" in verdicts(runs, "action")[0].sentence
    assert verdicts(runs, "action")[0].comparisons == 2


def test_a_difference_within_chance_tells_how_many_trajectories_would_show_it():
    found = verdict(compared_run("b", BASE + 0.001 + NOISE[1]))
    difference = found.differences["he_snr"]
    sd = (difference.interval.high - difference.interval.low) / 2 / stats.norm.ppf(0.975) * math.sqrt(N)
    power = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    expected = (power * sd / difference.value) ** 2
    assert found.kind == "not distinguishable"
    (number,) = [int(word) for word in found.sentence.split("; about ")[1].split()[:1]]
    assert expected <= number <= 1.1 * expected + 1
    assert found.sentence.endswith(f"would show a difference of {abs(difference.value):.4f}")


def test_the_advised_number_shows_the_difference_in_four_of_five_cases():
    rng = np.random.default_rng(2)
    sd, n = 0.02, 50
    half = stats.t.ppf(0.975, n - 1) * sd / math.sqrt(n)
    smallest = smallest_shown(Interval(-half, half), n, 200)
    sample = rng.normal(smallest, sd, (2000, 200))
    shown = (stats.ttest_1samp(sample, 0, axis=1).pvalue < 0.05).mean()
    assert 0.76 < shown < 0.87


def test_no_number_of_trajectories_is_advised_for_a_difference_of_nearly_nothing():
    found = verdict(compared_run("b", BASE + NOISE[1] - NOISE[1].mean() + 1e-7))
    assert "10000 trajectories like these would show no difference under 0.000" in found.sentence
    same = verdict(compared_run("b", BASE))
    assert (same.p_value, same.kind) == (1.0, "not distinguishable")
    assert same.sentence.endswith("both are equal to rounding in every trajectory")


@pytest.mark.parametrize("size", [1e-9, 5e-7])
def test_differences_of_the_size_of_rounding_are_no_differences(size):
    found = verdict(compared_run("b", BASE * (1 + size + size / 2 * NOISE[1]), ppl=4 * (1 + size)))
    assert (found.kind, found.p_value) == ("not distinguishable", 1.0)
    assert found.sentence.endswith("; both are equal to rounding in every trajectory")
    assert found.differences["ppl"].p_value == 1.0
    assert verdict(compared_run("b", BASE * (1 + 1e-5))).kind == "better"


def test_equal_values_of_other_decisions_are_a_difference():
    found = verdict(compared_run("b", BASE, decisions=np.where(BASE > 0.1, 200, 100))).differences["he_snr"]
    assert found.value > 0.001
    assert found.p_value < 1


def least(n_documents, n_comparisons):
    """The p-value after Holm if the difference has the same sign in all resamples, by a second implementation."""
    z = stats.norm.ppf(1 - 1 / (n_comparisons * RESAMPLES + 1)) * math.sqrt((n_documents - 1) / n_documents)
    return n_comparisons * 2 * stats.t.sf(z, n_documents - 1)


def test_the_least_p_value_of_few_trajectories_is_said_once():
    runs = [base(8), *(compared_run(f"b{i}", BASE[:8] + NOISE[i, :8]) for i in range(1, 6))]
    found = verdicts(runs, "action")
    assert {one.kind for one in found} == {"not distinguishable"}
    assert least_p_line(found) == f"p = {least(8, 5):.2g} is the least that 8 trajectories can give in 5 comparisons"
    assert not any("least" in one.sentence for one in found)
    assert least_p_line([verdict(compared_run("b", BASE + NOISE[1]))]) is None
    assert least_p_line([verdict(compared_run("b", BASE + 0.1))]) == (
        f"p = {least(30, 1):.2g} is the least that 30 trajectories can give"
    )


HEAVY = np.array([1000, 300, 200, 200, 100, 100, 100, 50, 50, 50])
"""Decisions of ten trajectories whose effective number is below five."""


def five_far_better(times):
    """The verdicts on five runs that are better in every one of ten trajectories, each of which is there n times."""
    values = np.tile(BASE[:10], times)
    moved = [values + 0.05 + np.tile(NOISE[i, :10], times) / 10 for i in range(1, 6)]
    first, *others = (
        compared_run(f"b{i}", one, decisions=np.tile(HEAVY, times)) for i, one in enumerate([values, *moved])
    )
    return verdicts([first, *others], "action")


def test_the_advised_number_can_give_a_small_p_value():
    (number,) = {int(found.sentence.split("; about ")[1].split()[0]) for found in five_far_better(1)}
    assert least_p_line(five_far_better(1)) == "p = 0.15 is the least that 10 trajectories can give in 5 comparisons"
    assert 20 < number <= 40
    assert {found.kind for found in five_far_better(2)} == {"not distinguishable"}
    assert {found.kind for found in five_far_better(4)} == {"better"}


def test_the_least_p_value_is_not_above_the_p_value_when_other_runs_differ_clearly():
    clear = [compared_run(f"b{i}", BASE + 0.05 + NOISE[i] / 10) for i in (1, 2, 3)]
    heavy = np.array([1000, *[1] * 29])
    runs = [base(), *clear, *(compared_run(f"c{i}", BASE + 0.05, decisions=heavy) for i in (1, 2))]
    *better, one, two = verdicts(runs, "action")
    assert {found.kind for found in better} == {"better"}
    assert (one.p_value, two.p_value) == (one.least_p, two.least_p)


def test_many_comparisons_have_more_resamples():
    runs = [base(), *(compared_run(f"b{i}", BASE + 0.05 + NOISE[1]) for i in range(51))]
    assert {one.kind for one in verdicts(runs, "action")} == {"better"}


def test_so_many_comparisons_that_no_p_value_is_small_are_too_many():
    first, *others = (compared_run(f"b{i}", BASE[:5] + 0.05 * i) for i in range(40))
    found = verdicts([first, *others], "action")[0]
    assert found.kind == "not distinguishable"
    assert not found.sentence.endswith("compare fewer runs")
    assert fewest_documents(np.ones(30), 0.05 / 600, 20_000) > 10_000


@pytest.mark.parametrize(
    ("signature", "reason"),
    [
        ({"dtype": "bfloat16"}, "they differ in dtype (bfloat16 in b, float32 in base)"),
        (
            {"k": 20, "dtype": "bfloat16"},
            "they differ in k (20 in b, 10 in base), dtype (bfloat16 in b, float32 in base)",
        ),
        ({"scopes": {"action": ["code", "markup"]}}, "they differ in scopes (code markup in b, code in base)"),
    ],
)
def test_other_settings_allow_no_verdict(signature, reason):
    found = verdict(compared_run("b", BASE + 0.1, **signature))
    assert (found.kind, found.reason, found.differences) == ("no verdict", reason, {})
    assert found.sentence == f"b and base: no verdict: {reason}"


def test_other_scopes_and_unknown_settings_are_not_compared():
    more = compared_run("b", BASE + 0.1, scopes={"action": ["code"], "all": ["code", "thought"]})
    assert verdict(more).kind == "better"
    store = replace(more, signature={"k": 10})
    assert verdict(store).kind == "better"
    assert verdict(replace(more, totals={})).reason == "b has no scope action"


def test_another_context_is_a_caution():
    found = verdict(
        compared_run("b", BASE + 0.1, window=8192, rope={"rope_type": "yarn", "factor": 4.0}), base(rope=None)
    )
    assert found.kind == "better"
    assert found.cautions == [
        "they differ in window (8192 in b, 2048 in base), rope (rope_type=yarn factor=4.0 in b, none in base): the "
        "difference can come from the model or from the context"
    ]


def test_measures_that_say_the_opposite_are_a_caution():
    assert verdict(compared_run("b", BASE + 0.1, ppl=5 + NOISE[3])).cautions == ["ppl (4 -> 5) says the opposite"]
    assert verdict(compared_run("b", BASE + 0.1, ppl=3 + NOISE[3])).cautions == []
    less_accurate = compared_run("b", BASE + 0.1, ppl=5 + NOISE[3])
    less_accurate.totals["action"][:, SUMS.index("rank_1")] -= 100
    assert verdict(less_accurate).cautions == ["ppl (4 -> 5), top1_acc (0.5 -> 0.4) say the opposite"]


@pytest.mark.parametrize(
    ("move", "noise", "caution"),
    [
        (0.006, 1e-4, None),
        (0.002, 1e-4, "little of the difference is left. b is more confident, and not better"),
        (0.002, 0.1, "little of the difference is left. b may be only more confident, and not better"),
        (-0.006, 1e-4, "calibrated_he_snr says the opposite: b is more confident, and not better"),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_calibration_that_leaves_at_most_a_third_of_a_difference_is_a_caution(move, noise, caution, sign):
    values = np.random.default_rng(4).normal(0, noise, RESAMPLES)
    runs = [
        replace(one, replicates={"action": Replicates(0.1 + moved, 0.1 + moved + values * moved / move, np.ones(N))})
        for one, moved in ((base(), 0.0), (compared_run("b", BASE + sign * 0.01 + NOISE[1] / 100), sign * move))
    ]
    found = verdict(runs[1], runs[0])
    if sign < 0 and caution:
        caution = caution.replace("more", "less").replace("better", "worse")
    assert [one.endswith(caution or "") for one in found.cautions] == [True] * bool(caution)


def test_other_trajectories_or_tokens_allow_no_verdict():
    fewer = compared_run("b", BASE[:29] + 0.1)
    assert verdict(fewer).reason == "they have other trajectories (29 and 30; only in one of them: run 29)"
    tokens = replace(compared_run("b", BASE + 0.1), digests=[f"{i + 1:016x}" for i in range(N)])
    assert verdict(tokens).reason == "their trajectories have different tokens (another tokenizer, or another text)"


def test_fewer_than_five_trajectories_allow_no_verdict():
    assert verdict(compared_run("b", BASE[:4] + 0.1), base(4)).reason == "4 trajectories; at least 5 are needed"
    without = np.array([100.0] * 4 + [0] * 26)
    found = verdict(compared_run("b", BASE + 0.1, decisions=without))
    assert found.reason == "b has decisions in 4 trajectories; at least 5 are needed"
    nothing = verdict(compared_run("b", BASE, decisions=0))
    assert nothing.reason == "b has decisions in 0 trajectories; at least 5 are needed"


def test_a_resample_without_decisions_allows_no_verdict():
    few = np.array([100.0] * 5 + [0] * 25)
    assert verdict(compared_run("b", BASE + 0.1, decisions=few)).reason == (
        "b has decisions in only 5 of 30 trajectories, so some resamples have no decisions"
    )


def test_a_scope_without_tokens_has_no_verdict():
    nothing = compared_run("b", BASE, decisions=0)
    nothing.totals["action"][:] = 0
    assert verdict(nothing).reason == "b scored no tokens in scope action"


def without_decisions(name, threshold):
    run = compared_run(name, BASE)
    run.totals["action"][:, len(SUMS) :] = np.nan
    return replace(run, thresholds={"action": threshold})


def test_a_run_without_a_threshold_has_no_verdict():
    none = without_decisions("b", None)
    assert verdict(none).reason == "no threshold was found in b"
    assert verdict(none, without_decisions("a", None)).reason == "no threshold was found in b and a"
    assert verdict(without_decisions("b", 1.2)).reason == "the decisions of b are not known"


def test_runs_with_different_thresholds_have_no_verdict():
    a, b = (
        replace(compared_run(name, values), thresholds={"action": threshold})
        for name, values, threshold in (("a", BASE, 1.86), ("b", BASE + 0.1, 1.3))
    )
    assert verdict(b, a).reason == "they differ in the threshold found (1.3 in b, 1.86 in a)"
    assert verdict(replace(b, thresholds=a.thresholds), a).kind == "better"


def test_the_baseline_is_any_run():
    runs = [compared_run("a", BASE + 0.01), base(), compared_run("c", BASE + 0.02)]
    found = verdicts(runs, "action", baseline=1)
    assert [(one.run, one.baseline, one.kind) for one in found] == [("a", "base", "better"), ("c", "base", "better")]
