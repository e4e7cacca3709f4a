from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lm_eval_hesnr.metrics.bootstrap import RESAMPLES, Interval
from lm_eval_hesnr.metrics.calibration import Replicates
from lm_eval_hesnr.metrics.estimates import Estimate
from lm_eval_hesnr.metrics.profile import SUMS
from lm_eval_hesnr.results.compare.choice import choice
from lm_eval_hesnr.results.compare.comparison import compare
from lm_eval_hesnr.results.compare.verdict import Family, verdicts
from tests.builders import compared_run

N = 30
NOISE = np.random.default_rng(0).normal(0, 0.002, (9, N))
NOISE -= NOISE.mean(axis=1, keepdims=True)
FEW = np.array([100.0] * 4 + [0.0] * (N - 4))
"""Decisions in only four trajectories."""


def run(name, he_snr, ppl=4.0, **signature):
    i = sum(map(ord, name)) % 9
    return compared_run(name, he_snr + NOISE[i], ppl=ppl + 10 * NOISE[i], **signature)


def answer(*runs):
    return compare(runs, "action").choice


def test_a_name_in_a_list_is_quoted_if_it_has_a_comma():
    found = answer(run("a", 0.1), run("b", 0.12, ppl=3.5), replace(run("c", 0.1199), name="c, window 2048"))
    assert '"c, window 2048" is not distinguishable from it' in found.sentences[0]


def test_the_highest_he_snr_is_taken_if_all_others_are_worse():
    found = answer(run("a", 0.1), run("b", 0.12, ppl=3.5), run("c", 0.11))
    assert "top1_acc" not in found.sentences[0]  # it is equal in all runs
    assert (found.take, found.highest, found.as_good) == (["b"], "b", [])
    assert found.sentences[0].startswith("Take b: it has the highest he_snr (0.1200)")
    assert "the lowest ppl" in found.sentences[0]
    assert found.sentences[0].endswith("All other runs are worse.")


def test_runs_that_may_be_as_good_are_named():
    found = answer(run("a", 0.1), run("b", 0.12, ppl=3.5), run("c", 0.1199), run("d", 0.1198))
    assert (found.take, found.as_good) == (["b"], ["c", "d"])
    assert found.sentences[0].endswith("c and d are not distinguishable from it on these trajectories.")


def test_ppl_decides_between_runs_that_he_snr_does_not_distinguish():
    found = answer(run("a", 0.12), run("b", 0.1199, ppl=3.5))
    assert (found.take, found.highest, found.as_good) == (["b"], "a", ["b"])
    assert found.sentences == [
        "Take b: he_snr does not distinguish it from a on these trajectories, and its ppl is lower by more than "
        "chance (3.5 against 4). a has the highest he_snr (0.1200)."
    ]


def test_all_that_may_be_the_best_are_named():
    found = answer(run("a", 0.12), run("b", 0.1199, ppl=3.5), run("c", 0.1198), run("d", 0.1))
    assert found.take == ["b"]
    assert found.sentences[0].endswith(" a has the highest he_snr (0.1200). Also not distinguishable from a: c.")


def test_several_are_named_if_neither_decides():
    found = answer(run("a", 0.12), run("b", 0.1199, ppl=3.9999))
    assert found.take == ["a", "b"]
    assert found.sentences[0].startswith("Take a or b: neither he_snr nor ppl distinguishes the best of them")


def test_a_worse_run_with_a_better_ppl_is_a_caution():
    found = answer(run("a", 0.1, ppl=3), run("b", 0.12))
    assert found.take == ["b"]
    assert found.sentences[0].startswith("By he_snr, take b: it has the highest he_snr (0.1200)")
    assert found.sentences[1].startswith("Caution: by ppl, a is better than b (3 against 4). Our tests do not sho")
    assert len(answer(run("a", 0.1, ppl=5), run("b", 0.12)).sentences) == 1


def test_a_worse_run_is_looked_at_by_two_measures_so_a_p_value_of_0_04_is_no_caution():
    found: Any
    b = run("b", 0.12)
    for move in np.linspace(0.003, 0.02, 60):
        a = run("a", 0.1, ppl=4 - move)
        found = verdicts([b, a], "action")[0].differences["ppl"]
        if 0.03 < found.p_value < 0.05:
            break
    assert found.p_value > 0.03
    assert len(answer(a, b).sentences) == 1
    a.totals["action"][:, SUMS.index("rank_1")] += 100  # by top1_acc the p-value is small; the other one is not doubled
    assert "by ppl and top1_acc, a is better than b" in answer(a, b).sentences[1]


def test_the_lowest_he_ppl_is_a_reason():
    b = run("b", 0.12)
    assert "he_ppl" not in answer(run("a", 0.1), b).sentences[0]
    b.totals["action"][:, len(SUMS) + SUMS.index("nll_top_k")] -= 10
    assert "Take b: it has the highest he_snr (0.1200) and the lowest he_ppl" in answer(run("a", 0.1), b).sentences[0]


def test_on_a_set_of_tokens_an_equal_top1_acc_is_a_caution():
    measures = ("he_snr", "he_ppl", "top1_acc")
    a, b = (replace(run(name, he_snr), measures=measures) for name, he_snr in (("a", 0.1), ("b", 0.12)))
    found = answer(a, b)
    assert found.sentences[0].startswith("By he_snr, take b: ")
    assert found.sentences[1:] == [
        "Caution: by top1_acc on these tokens, a is not distinguishable from b. So b may only be more confident."
    ]
    a.totals["action"][:, SUMS.index("rank_1")] += 100
    assert "by top1_acc on these tokens, a is better than b. So" in answer(a, b).sentences[1]
    b.totals["action"][:, SUMS.index("rank_1")] += 200
    assert len(answer(a, b).sentences) == 1


def test_calibration_that_does_not_say_that_others_are_worse_is_a_caution():
    def _calibrated(one, value):
        values = value + np.random.default_rng(4).normal(0, 1e-3, RESAMPLES)
        return replace(one, replicates={"action": Replicates(value, values, np.ones(N))})

    runs = [_calibrated(run("a", 0.1), 0.11), _calibrated(run("b", 0.12), 0.111), _calibrated(run("c", 0.08), 0.08)]
    found = answer(*runs)
    assert found.sentences[0].startswith("By he_snr, take b: ")
    assert found.sentences[1:] == [
        "Caution: calibrated_he_snr does not say that a is worse. So b may only be more confident."
    ]
    assert not found.has_opposite
    assert len(answer(_calibrated(runs[0], 0.1), *runs[1:]).sentences) == 1


def test_runs_without_a_verdict_are_not_considered():
    other = run("z", 0.2, dtype="bfloat16")
    found = answer(run("a", 0.1), run("b", 0.12), other)
    assert found.take == ["b"]
    assert found.sentences[0].endswith(". a is worse.")
    assert found.sentences[1:] == [
        "Not considered, as there is no verdict: z: they differ in dtype (bfloat16 in z, float32 in a)."
    ]
    alone = answer(run("a", 0.1), other)
    assert (alone.take, alone.highest) == ((), None)
    assert alone.sentences[0].startswith("No choice: ")


@pytest.mark.parametrize("he_snr", [0.2, 0.05])
def test_a_run_that_is_comparable_but_has_no_verdict_is_named_with_the_reason(he_snr):
    few = replace(run("c", he_snr), totals=compared_run("c", [he_snr] * N, decisions=FEW).totals)
    found = answer(run("a", 0.1), run("b", 0.08), few)
    assert (found.take, found.highest) == (["a"], "a")
    assert found.sentences[0].startswith("Take a: it has the highest he_snr of the runs with a verdict (0.1000)")
    assert found.sentences[0].endswith(". b is worse.")
    assert found.sentences[1:] == [
        "Not considered, as there is no verdict: c: c has decisions in 4 trajectories; at least 5 are needed.",
    ]


def test_two_runs_may_be_comparable_with_the_baseline_and_not_with_each_other():
    base = run("a", 0.1)
    base = replace(base, signature={"k": 10})
    found = answer(base, run("b", 0.12, score="action"), run("c", 0.14, score="all"))
    assert found.take == ["c"]
    assert found.sentences[0].endswith(". a is worse.")
    assert found.sentences[1:] == [
        "Not considered, as there is no verdict: b: they differ in score (action in b, all in c).",
    ]


def test_the_caution_is_about_the_run_that_is_taken():
    found = answer(run("a", 0.12), run("b", 0.1199, ppl=3.5), run("c", 0.1, ppl=3.0))
    assert found.take == ["b"]
    assert found.sentences[1].startswith("Caution: by ppl, c is better than b (3 against 3.5). ")


def test_equal_values_are_no_reason():
    found = answer(run("a", 0.12), replace(run("a", 0.12 * (1 + 1e-8)), name="b"))
    assert found.sentences == [
        "Take b: no run has a higher he_snr (0.1200). a is not distinguishable from it on these trajectories."
    ]


def test_the_lowest_ppl_of_many_runs_needs_a_smaller_p_value():
    pair = [run("a", 0.1201), run("b", 0.12, ppl=3.987)]
    assert answer(*pair).take == ["b"]
    found = answer(*pair, *(run(name, 0.12) for name in "cdefg"))
    assert len(found.take) == 7
    assert "neither he_snr nor ppl distinguishes the best of them" in found.sentences[0]


def share_left_out():
    """Of ten equally good models, the share that is called worse than the best one. Each may be the truly best one."""
    rng = np.random.default_rng(3)
    left_out = 0
    for _ in range(8):
        found = {f"r{i}": 0.1 + rng.normal(0, 0.01, 30) for i in range(10)}
        order = sorted(found, key=lambda name: -found[name].mean())
        values = {name: {"he_snr": Estimate(found[name].mean(), None, Interval(0.0, 1.0))} for name in order}
        runs = [compared_run(name, found[name]) for name in order]
        left_out += 9 - len(choice(Family("action"), runs, values).as_good)
    return left_out / 80


def test_the_truly_best_model_is_named_in_95_percent():
    assert share_left_out() <= 0.05


def test_without_holm_the_truly_best_model_would_be_left_out_too_often(monkeypatch):
    monkeypatch.setattr("lm_eval_hesnr.results.compare.verdict.holm", list)
    assert share_left_out() > 0.08


def test_the_run_to_take_is_compared_with_the_three_next_highest():
    runs = [run(name, he_snr) for name, he_snr in zip("abcdef", (0.1, 0.11, 0.12, 0.13, 0.14, 0.15), strict=True)]
    found = compare(runs, "action")
    assert found.choice.take == ["f"]
    assert [(one.run, one.baseline, one.kind) for one in found.rivals] == [("f", name, "better") for name in "edc"]
    assert {one.comparisons for one in [*found.rivals, *found.verdicts.values()]} == {5 + 4}
    assert compare(runs, "action", baseline=5).rivals == []
    assert [one.baseline for one in compare(runs, "action", baseline=4).rivals] == ["d", "c"]


def test_the_rivals_are_those_of_the_run_that_ppl_chooses():
    found = compare([run("z", 0.05), run("a", 0.12), run("b", 0.1199, ppl=3.5), run("c", 0.11)], "action")
    assert found.choice.take == ["b"]
    assert [(one.run, one.baseline, one.kind) for one in found.rivals] == [
        ("b", "a", "not distinguishable"),
        ("b", "c", "better"),
    ]
    assert {one.comparisons for one in found.rivals} == {3 + 2 + 1}  # with z, of a with b and c, of b with c


def test_another_context_of_the_run_to_take_is_said():
    found = answer(run("a", 0.12), run("b", 0.1199, ppl=3.5, window=8192))
    assert found.sentences[0].endswith("a has the highest he_snr (0.1200). b and a differ in window.")


def test_many_runs_of_a_page_have_enough_resamples():
    runs = [run("a", 0.1), *(replace(run("b", 0.12 + i / 1000), name=f"b{i}") for i in range(14))]
    assert {one.kind for one in compare(runs, "action").verdicts.values()} == {"better"}


def test_comparisons_with_the_run_of_the_answer_count_for_the_answer_too():
    """The more comparisons, the larger the p-value of each one, also of those from which the answer was made."""
    kinds = set()
    for c in np.linspace(0.1184, 0.1188, 13):
        runs = {one.name: one for one in (run("z", 0.05), run("a", 0.12), run("b", 0.1193, ppl=3.5), run("c", c))}
        found = compare(list(runs.values()), "action")
        against_highest = found.family.verdicts((runs["a"], runs[name]) for name in "bc")
        not_distinguishable = [one.run for one in against_highest if one.kind == "not distinguishable"]
        assert found.choice.as_good == not_distinguishable
        kinds.add(tuple(not_distinguishable))
    assert kinds == {("b",), ("b", "c")}
