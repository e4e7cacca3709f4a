"""The analysis of made-up readings in which the answer is known, and the controls that must fail."""

import re

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from lab.experiment import NOT_MADE
from lab.readings import Readings
from lab.tax.compared import AT_BEST, AT_CALIBRATED, AT_EQUAL, compare
from lab.tax.experiment import EXPERIMENT
from lab.tax.from_readings import pass_at, study_of
from lab.tax.plan import IN_STYLE, LOSSES, RATES
from lab.tax.study import HELD_OUT, S, at_equal_loss, of
from lab.tax.verdicts import (
    AGAINST,
    EQUAL,
    FAILED,
    HIGHER,
    LOWER,
    MISREADS,
    NO_FALL,
    OPEN,
    SUPPORTS,
    TAX,
    TEMPERATURE,
    UNDECIDED,
    changes,
    claim,
    verdict,
)
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.metrics.bootstrap import Difference, Interval
from tests.lab.tax.made_up import Truth, fill, world

START = Truth(passed=0.3)
KEYS = ("calibrated_he_snr", "pass@8")


def found(tmp_path, truth):
    readings = Readings(tmp_path)
    fill(readings, truth)
    return EXPERIMENT.analyse(readings, False)


@pytest.mark.parametrize(
    ("tuned", "of_best", "of_all"),
    [
        (Truth(s=0.09, calibrated=0.08, passed=0.1), TAX, SUPPORTS),
        (Truth(s=0.09, calibrated=0.11, passed=0.1), TEMPERATURE, AGAINST),
        (Truth(s=0.09, calibrated=0.11, passed=0.6), TEMPERATURE, AGAINST),
        (Truth(s=0.09, calibrated=0.08, passed=0.6), MISREADS, UNDECIDED),  # the start knows no form of an action
        (Truth(s=0.12, calibrated=0.11, passed=0.1), NO_FALL, UNDECIDED),
        (Truth(s=0.14, calibrated=0.11, passed=0.6), NO_FALL, UNDECIDED),
        (Truth(s=0.14, calibrated=0.08, passed=0.1), TAX, SUPPORTS),
    ],
)
def test_each_world_gets_its_verdict_and_no_temperature_is_called_a_tax(tmp_path, tuned, of_best, of_all):
    data = found(tmp_path, world(START, tuned)).data
    rows = data["comparisons"]["since_start"]
    assert {row["verdict"] for some in rows.values() for row in some} == {of_best}
    assert data["verdict_of_the_experiment"] == data["claim"] == of_all
    controls = {row["title"]: row["verdict"] for some in data["comparisons"]["controls"].values() for row in some}
    assert controls == {"T = 0.8": NO_FALL, "T = 1.25": TEMPERATURE}  # though pass@8 is lower in both


@pytest.mark.parametrize(
    ("more", "of_more", "of_all"),
    [
        (Truth(s=0.09, calibrated=0.08, passed=0.1), TAX, SUPPORTS),
        (Truth(s=0.09, calibrated=0.11, passed=0.1), TEMPERATURE, AGAINST),
        (Truth(s=0.09, calibrated=0.08, passed=0.6), MISREADS, AGAINST),
    ],
)
def test_more_fine_tuning_gets_its_verdict(tmp_path, more, of_more, of_all):
    truth = world(Truth(passed=0), Truth())

    def by_rate(loss, rate, temperature):
        one = truth(loss, rate, temperature)
        return more._replace(loss=one.loss) if rate == RATES[-1] else one

    data = found(tmp_path, by_rate).data
    assert {row["verdict"] for some in data["comparisons"]["more"].values() for row in some} == {of_more}
    assert data["claim"] == of_all


@pytest.mark.parametrize(("changed", "passed"), [(0.7, 0.03), (0.7, 0.1), (1.3, 0.1)])
def test_if_a_temperature_changes_calibrated_he_snr_no_verdict_counts(tmp_path, changed, passed):
    truth = world(START, Truth(s=0.09, calibrated=0.08, passed=0.1))

    def broken(loss, rate, temperature):
        one = truth(loss, rate, temperature)
        return one if temperature == 1 else one._replace(calibrated=changed * one.calibrated, passed=passed)

    analysis = found(tmp_path, broken)
    assert analysis.data["verdict_of_the_experiment"] == FAILED
    assert "no verdict counts" in analysis.blocks["verdict"]


def test_the_loss_that_keeps_decisions_and_the_one_that_also_pays_are_named(tmp_path):
    truth = world(
        START, Truth(), smoothing=Truth(calibrated=0.13, passed=0.6), gem=Truth(calibrated=0.13), kl=Truth(passed=0.1)
    )  # fmt: skip
    analysis = found(tmp_path, truth)
    for place in (AT_EQUAL, AT_CALIBRATED, AT_BEST):
        rows = {row["title"]: row for row in analysis.data["comparisons"]["against_cross_entropy"][place]}
        assert list(rows) == list(LOSSES.values())[1:]
        assert [rows[LOSSES["smoothing"]]["changes"][key] for key in KEYS] == [HIGHER, HIGHER]
        calibrated, solved = (rows[LOSSES["gem"]]["changes"][key] for key in KEYS)
        assert calibrated == HIGHER
        assert solved in (EQUAL, OPEN)
        assert [rows[LOSSES["kl"]]["changes"][key] for key in KEYS] == [EQUAL, LOWER]
    said = analysis.blocks["verdict"]
    assert "over the in-style runs: label smoothing 0.1; GEM, beta 0.7. Of these" in said
    assert said.endswith("more tasks are solved (pass@8) with: label smoothing 0.1.")


def test_every_block_of_the_page_is_there_and_the_picture_has_every_model(tmp_path):
    analysis = found(tmp_path, world(START, Truth()))
    assert analysis.picture.count("<circle") == 4 * (7 * 3 + 2) + 7
    assert "N/A" not in "".join(block for name, block in analysis.blocks.items() if name != "after")
    assert "nan" not in analysis.picture


def test_after_the_fact_compares_at_one_learning_rate(tmp_path):
    truth = world(START, Truth(), smoothing=Truth(calibrated=0.13), gem=Truth(calibrated=0.14))
    block, on_set = found(tmp_path, truth).blocks["after"].split("On the tokens that are decisions before")
    since_start, losses = block.split("At the learning rate 0.002, ")[1:]
    assert since_start.startswith("minus the start:")
    assert since_start.count("| cross entropy |") == 2  # in-style and out-of-style
    assert losses.startswith("minus cross entropy:")
    assert "| cross entropy |" not in losses
    assert losses.count("| label smoothing 0.1 | 0.002 | 0.002 |") == 2
    assert losses.count(" higher |") == 4  # calibrated S of two losses over both
    assert "| before fine-tuning | 1400 | 0.500 | " in on_set
    (line,) = re.findall(r"^\| cross entropy \| (.*) \|$", on_set.partition("The parts of the change")[2], re.MULTILINE)
    total, within, entering, leaving, kept = (float(one) for one in line.split(" | ")[:5])
    assert [within, entering, leaving] == pytest.approx([2 * total, -total, 0], abs=1e-4)  # see `made_up.reading`
    assert kept == 0.5


def test_rho_is_over_all_models_and_in_the_column_of_its_trajectories(tmp_path):
    truth = world(START, Truth(), smoothing=Truth(calibrated=0.13, passed=0.3), gem=Truth(calibrated=0.14, passed=0.1))
    block = found(tmp_path, truth).blocks["after"]
    models = [one for some in study_of(Readings(tmp_path), fast=False).tuned.values() for one in some]
    solved = [one.measured["pass@8"].value for one in models]
    (line,) = [one for one in block.splitlines() if one.startswith("| calibrated S |")]
    cells = line.strip("| ").split(" | ")[1:]
    for column, data in ((0, "micro_swe"), (2, "swe_mini")):
        rho = stats.spearmanr([one.measured[of("calibrated_he_snr", data)].value for one in models], solved).statistic
        assert cells[column] == f"{rho:+.2f}"
    assert cells[0] != cells[2]


def test_rho_is_not_known_for_a_measure_that_is_the_same_in_all_models(tmp_path):
    block = found(tmp_path, world(START, Truth())).blocks["after"]
    (line,) = [one for one in block.splitlines() if one.startswith("| KL to the start |")]
    assert line.count("N/A") == 4


def test_losses_are_compared_at_the_smallest_loss_that_both_reach(tmp_path):
    readings = Readings(tmp_path)
    worse = {3e-4: 0.9, 2e-3: 0.55, 4e-3: 0.56}
    truth = world(START, Truth())
    fill(
        readings,
        lambda loss, rate, temperature: (
            truth(loss, rate, temperature)._replace(s=0.2, loss=worse[rate])
            if loss == "gem"
            else truth(loss, rate, temperature)._replace(s=0.1 if rate == 3e-4 else 0.12)
        ),
    )
    study = study_of(readings, fast=False)
    pair = at_equal_loss(study.tuned["gem"], study.tuned["cross_entropy"], HELD_OUT)
    assert pair is not None
    assert [one.numbers[HELD_OUT] for one in pair] == pytest.approx([0.55, 0.55])
    one, other = (model.measured[of(S, IN_STYLE)].value for model in pair)
    assert one == pytest.approx(0.2, rel=0.05)
    assert other == pytest.approx(0.11, rel=0.05)  # halfway between 0.6 and 0.5
    assert [model.title for model in pair] == ["0.002", "0.0003 to 0.002, 50 %"]


def test_a_loss_that_is_better_at_every_learning_rate_is_not_compared_at_equal_loss(tmp_path):
    readings = Readings(tmp_path)
    truth = world(START, Truth())
    fill(readings, lambda loss, *rest: truth(loss, *rest)._replace(loss=0.1 if loss == "gem" else 0.5 + rest[0]))
    rows = compare(study_of(readings, fast=False)).against_cross_entropy
    assert LOSSES["gem"] not in [row.title for row in rows[AT_EQUAL]]
    assert LOSSES["gem"] in [row.title for row in rows[AT_BEST]]


def test_the_fast_form_says_so_and_has_no_verdict_of_the_experiment(tmp_path):
    readings = Readings(tmp_path)
    fill(readings, world(START, Truth(s=0.09, calibrated=0.08, passed=0.1)), fast=True)
    analysis = EXPERIMENT.analyse(readings, True)
    assert analysis.data["verdict_of_the_experiment"] == NOT_MADE
    assert all(block.startswith("**Fast form**") for block in analysis.blocks.values())
    assert "No pair of models" in analysis.blocks["more"]
    with pytest.raises(InputError, match=r"has no part 'lr 0\.0003, seed 0'"):
        EXPERIMENT.analyse(readings, False)


def test_readings_that_do_not_belong_together_are_named(tmp_path):
    readings = Readings(tmp_path)
    fill(readings, world(START, Truth()), fast=True)
    path = tmp_path / "gem.json"
    text = path.read_text()
    for old, new, message in (
        ('"tasks_sha256": "t"', '"tasks_sha256": "u"', "gem.json, lr 0.002, seed 0: tasks_sha256: expected 't'"),
        ('"model_sha256": "m"', '"model_sha256": "n"', "model_sha256"),
        ('"documents_sha256": "d"', '"documents_sha256": "e"', "documents_sha256,micro_swe"),
        ('"greedy": "', '"greedy": "5', "greedy: expected 200 digits from 0 to 1"),
    ):
        path.write_text(text.replace(old, new))
        with pytest.raises(InputError, match=message):
            EXPERIMENT.analyse(readings, True)


def test_a_missing_calibrated_value_gives_no_verdict_but_a_table(tmp_path):
    readings = Readings(tmp_path)
    truth = world(START, Truth(s=0.09, calibrated=0.08, passed=0.1))
    fill(readings, truth, fast=True)
    path = tmp_path / "cross_entropy.json"
    text = path.read_text()
    start = text.index('"calibrated_he_snr": ') + len('"calibrated_he_snr": ')
    path.write_text(text[:start] + "null" + text[text.index(",", start) :])
    analysis = EXPERIMENT.analyse(readings, True)
    assert analysis.data["comparisons"]["since_start"][IN_STYLE][0]["verdict"] == UNDECIDED
    assert "N/A open" in analysis.blocks["since-start"]


def difference(value, half, p):
    return Difference(value, Interval(value - half, value + half), p)


def test_a_change_by_hand():
    some = [difference(0.1, 0.05, 0.001), difference(-0.1, 0.05, 0.02), difference(0.01, 0.005, 0.03), None]
    # after Holm: 0.003, 0.04, 0.04
    assert changes(some, [0.05] * 4) == [HIGHER, LOWER, EQUAL, OPEN]
    assert changes([difference(-0.1, 0.05, 0.02)] * 3, [0.05] * 3) == [OPEN] * 3
    assert changes([difference(0.01, 0.05, 0.7)], [0.05]) == [OPEN]


def test_the_criteria_by_hand():
    assert verdict(LOWER, LOWER, EQUAL, LOWER) == TAX
    assert verdict(LOWER, OPEN, LOWER, HIGHER) == TEMPERATURE
    assert verdict(LOWER, OPEN, OPEN, HIGHER) == MISREADS
    assert verdict(LOWER, LOWER, LOWER, HIGHER) == MISREADS
    assert verdict(LOWER, LOWER, LOWER, OPEN) == UNDECIDED
    assert verdict(OPEN, EQUAL, EQUAL, LOWER) == UNDECIDED
    assert claim([TAX, MISREADS], [EQUAL, OPEN]) == SUPPORTS
    assert claim([TAX], [EQUAL, LOWER]) == claim([UNDECIDED], [HIGHER, EQUAL]) == FAILED
    assert claim([MISREADS, UNDECIDED], []) == AGAINST
    assert claim([NO_FALL, UNDECIDED], []) == UNDECIDED


def test_pass_at_k_is_the_share_of_draws_that_contain_a_passed_attempt():
    assert pass_at(1, 8, np.array([0, 2, 8])).tolist() == [0, 0.25, 1]
    assert pass_at(2, 4, np.array([1, 2, 3])) == pytest.approx([1 / 2, 5 / 6, 1])
    assert pass_at(8, 8, np.array([0, 1, 5])).tolist() == [0, 1, 1]
