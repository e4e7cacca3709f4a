"""The criteria, by hand, and on made-up readings where the answer is known."""

import subprocess
import sys

import numpy as np
import pytest

from benchmarks.repository import ROOT
from lab.context.experiment import EXPERIMENT
from lab.context.study import points, spikes
from lab.context.verdicts import (
    AGAINST,
    FAILED,
    SUPPORTED,
    UNDECIDED,
    Evidence,
    Verdict,
    passed,
    relative_parts,
    together,
    verdict,
)
from lab.experiment import NOT_MADE
from lab.page import filled
from lab.readings import Readings
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.metrics.bootstrap import Difference, Interval
from tests.lab.context import made_up


def change(low, high):
    return Difference((low + high) / 2, Interval(low, high), None)


AS_BEFORE = passed([1, 1, 0, 0, 0] * 80, [1, 1, 0, 0, 0] * 80)
FEWER = passed([1, 1, 0, 0, 0] * 80, [1, 0, 0, 0, 0] * 80)
FLOOR = passed([0] * 99 + [1], [0] * 99 + [1])
HOLDS, FALLS, WIDE, RISES = change(-0.01, 0.02), change(-0.09, -0.04), change(-0.04, 0.01), change(0.04, 0.06)
WORSE, NO_SPIKE = change(0.02, 0.04), change(-0.01, 0.04)


@pytest.mark.parametrize(
    ("ppl", "he_snr", "within", "outcomes", "expected", "why"),
    [
        (WORSE, HOLDS, HOLDS, [AS_BEFORE, AS_BEFORE], SUPPORTED, "as before"),
        (NO_SPIKE, HOLDS, HOLDS, [AS_BEFORE, AS_BEFORE], UNDECIDED, "not clearly worse"),
        (NO_SPIKE, FALLS, HOLDS, [AS_BEFORE, AS_BEFORE], UNDECIDED, "not clearly worse"),
        (WORSE, FALLS, FALLS, [AS_BEFORE, AS_BEFORE], AGAINST, "HE-SNR falls"),
        (WORSE, FALLS, FALLS, [], AGAINST, "HE-SNR falls"),
        (WORSE, WIDE, HOLDS, [AS_BEFORE, AS_BEFORE], UNDECIDED, "reaches beyond"),
        (WORSE, RISES, HOLDS, [AS_BEFORE, AS_BEFORE], UNDECIDED, "rises"),
        (WORSE, HOLDS, FALLS, [AS_BEFORE, AS_BEFORE], AGAINST, "other tokens"),
        (WORSE, HOLDS, WIDE, [AS_BEFORE, AS_BEFORE], SUPPORTED, "as before"),
        (WORSE, HOLDS, HOLDS, [AS_BEFORE, FEWER], AGAINST, "fewer tasks"),
        (WORSE, HOLDS, HOLDS, [AS_BEFORE, FLOOR], UNDECIDED, "not shown"),
        (WORSE, HOLDS, HOLDS, [], UNDECIDED, "not shown"),
        (WORSE, None, HOLDS, [AS_BEFORE], UNDECIDED, "no interval"),
    ],
)
def test_the_verdict_about_one_checkpoint(ppl, he_snr, within, outcomes, expected, why):
    found = verdict(Evidence(ppl, he_snr, within, None, outcomes))
    assert found.verdict == expected
    assert why in found.reason


def test_a_fall_that_is_one_of_confidence_alone_is_named():
    reasons = [verdict(Evidence(WORSE, FALLS, FALLS, one, [])).reason for one in (HOLDS, FALLS, None)]
    assert ["calibrated" in reason for reason in reasons] == [True, False, False]


def test_a_fall_with_fewer_solved_tasks_is_named():
    found = [verdict(Evidence(WORSE, FALLS, FALLS, None, [AS_BEFORE, one])) for one in (FEWER, AS_BEFORE)]
    assert [one.verdict for one in found] == [AGAINST, AGAINST]
    assert ["fewer tasks" in one.reason for one in found] == [True, False]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([SUPPORTED, SUPPORTED, UNDECIDED], SUPPORTED),
        ([SUPPORTED, SUPPORTED, AGAINST], UNDECIDED),
        ([AGAINST, AGAINST, UNDECIDED], AGAINST),
        ([AGAINST, AGAINST, SUPPORTED], UNDECIDED),
        ([SUPPORTED, UNDECIDED, UNDECIDED], UNDECIDED),
    ],
)
def test_two_scalings_decide_if_the_third_does_not_contradict(words, expected):
    assert together([Verdict(word, "") for word in words], Evidence(WORSE, FALLS, FALLS, None, [])) == expected


@pytest.mark.parametrize(("ppl", "he_snr"), [(NO_SPIKE, FALLS), (WORSE, HOLDS), (WORSE, WIDE), (None, FALLS)])
def test_if_the_control_does_not_fall_no_verdict_counts(ppl, he_snr):
    assert together([Verdict(SUPPORTED, "")] * 3, Evidence(ppl, he_snr, None, None, [])) == FAILED


def test_a_control_without_a_fall_is_seen_in_the_readings(tmp_path):
    readings = Readings(tmp_path)
    made_up.fill(readings, lambda name: made_up.easy_tokens_worse, control=made_up.easy_tokens_worse)
    found = EXPERIMENT.analyse(readings, False)
    assert found.data["verdict_of_the_experiment"] == FAILED
    assert found.blocks["verdicts"].split("\n\n")[1].startswith("**The control failed.** ")


def test_solved_tasks_are_paired_by_task():
    before = [1, 0] * 50
    same = passed(before, before)
    turned = passed(before, before[::-1])
    assert (same.change.value, turned.change.value) == (0, 0)
    assert same.change.interval == Interval(0, 0)
    assert turned.change.interval is not None
    assert turned.change.interval.low < -0.1
    assert not turned.is_as_before
    assert not turned.is_lower


def test_the_parts_add_up_to_the_change_of_he_snr():
    rows = np.array([[10, 2.0, 8, 1.7, 1.5, 9, 1.6], [20, 3.0, 15, 2.5, 2.0, 18, 2.6]])
    found = {name: one.value for name, one in relative_parts(rows).items() if one}
    assert found["total"] == pytest.approx((4.2 / 27) / (5.0 / 30) - 1)
    assert found["within"] + found["entering"] + found["leaving"] == pytest.approx(found["total"])


@pytest.mark.parametrize(
    ("after", "solved", "expected", "why"),
    [
        (made_up.easy_tokens_worse, 0.3, SUPPORTED, "as before"),
        (made_up.easy_tokens_worse, 0.05, AGAINST, "fewer tasks"),
        (made_up.all_tokens_worse, 0.3, AGAINST, "falls"),
        (made_up.compensated, 0.3, AGAINST, "other tokens"),
        (made_up.unchanged, 0.3, UNDECIDED, "not clearly worse"),
        (made_up.all_tokens_better, 0.3, UNDECIDED, "not clearly worse"),
    ],
)
def test_the_verdict_on_made_up_readings(tmp_path, after, solved, expected, why):
    readings = Readings(tmp_path)
    made_up.fill(readings, lambda name: after, lambda name, kind: 0.3 if name == "as-it-is" else solved, fast=True)
    found = points(readings, fast=True)
    assert [point.verdict().verdict for point in found[1:]] == [expected] * 2
    assert why in found[1].verdict().reason


def test_the_spike_is_the_highest_perplexity_and_decides(tmp_path):
    readings = Readings(tmp_path)
    changes = {"yarn-010": made_up.all_tokens_worse, "linear-000": made_up.all_tokens_worse}
    made_up.fill(readings, lambda name: changes.get(name, made_up.unchanged))
    found = spikes(points(readings, fast=False))
    assert (found["yarn"].name, found["linear"].name) == ("yarn-010", "linear-000")
    analysis = EXPERIMENT.analyse(readings, False)
    data = analysis.data
    assert data["verdict_of_the_experiment"] == AGAINST
    assert data["sentence"].startswith("**Against.** linear at its highest perplexity (0 steps): against")
    assert data["checkpoints"]["yarn-300"]["verdict"]["verdict"] == UNDECIDED
    page = (ROOT / "docs" / "lab" / "context.md").read_text()
    assert "(10 steps)" in filled(page, analysis.blocks)


def test_the_fast_form_has_no_verdict_of_the_experiment(tmp_path):
    readings = Readings(tmp_path)
    made_up.fill(readings, lambda name: made_up.easy_tokens_worse, fast=True)
    found = EXPERIMENT.analyse(readings, True)
    assert found.data["verdict_of_the_experiment"] == NOT_MADE
    assert all(block.startswith("**Fast form**: 3 checkpoints.") for block in found.blocks.values())
    with pytest.raises(InputError, match=r"linear-000\.json: has no part 'reading'"):
        EXPERIMENT.analyse(readings, False)


@pytest.mark.parametrize(
    ("key", "text"), [("tasks_sha256", '"tasks_sha256": "0"'), ("documents_sha256", '"documents_sha256": "')]
)
def test_readings_of_other_trajectories_or_tasks_are_refused(tmp_path, key, text):
    readings = Readings(tmp_path)
    made_up.fill(readings, lambda name: made_up.unchanged, fast=True)
    path = tmp_path / "yarn-010.json"
    path.write_text(path.read_text().replace(text, f'"{key}": "1' + text.removeprefix(f'"{key}": "')))
    with pytest.raises(InputError, match=f"different {key}"):
        points(readings, fast=True)


def test_the_analysis_needs_no_torch():
    code = "import sys; import lab.context.experiment; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
