from dataclasses import replace

import numpy as np
import pytest
from scipy import stats  # type: ignore[import-untyped]

from lm_eval_hesnr.metrics.bootstrap import Interval
from lm_eval_hesnr.metrics.correlation.one_measure import Coefficient
from lm_eval_hesnr.metrics.correlation.partial import dummies, left_out_error, partial
from lm_eval_hesnr.results.correlate.correlation import Given, correlate
from lm_eval_hesnr.results.correlate.legends import of_given
from lm_eval_hesnr.results.correlate.outcomes import TaskOutcomes
from lm_eval_hesnr.results.correlate.points import FAMILIES, FEW_FAMILIES, INDEPENDENT, NULL, ONE_RUN, Points, Spec
from lm_eval_hesnr.results.correlate.scores import Score
from lm_eval_hesnr.results.correlate.sentences import cautions, headline
from lm_eval_hesnr.results.correlate.tables import tables
from tests.builders import compared_run

HE_SNR, PPL, BITS = Spec("he_snr", "action"), Spec("ppl", "action"), Spec("bits_per_byte", "action")


def points(n=12, *, family=None, order=True, noise=0.0, seed=0, **columns):
    """Return n checkpoints whose he_snr and ppl improve with the outcome; 8 trajectories each."""
    random = np.random.default_rng(seed)
    shared = 1 + 0.1 * random.normal(size=8)
    pairs = []
    for i in range(n):
        ability = i / n + noise * random.normal()
        values = {"he_snr": 0.08 + 0.02 * ability, "ppl": 9 - 2 * ability} | {k: v[i] for k, v in columns.items()}
        run = compared_run(f"c{i:02}", values["he_snr"] * shared, ppl=values["ppl"] * shared)
        passed = np.array([int(100 + 200 * i / n)])
        score = Score(
            checkpoint=f"c{i:02}", family=family and family(i), order=float(100 * (i + 1)) if order else None,
            passed=passed, trials=np.array([500]),
        )  # fmt: skip
        pairs.append((score, run))
    return Points(pairs, seed=1)


def pairs(found):
    """Return the pairs of score and run of which the points are made."""
    return zip(found.scores, found.runs, strict=True)


def result(found, measures=(HE_SNR,), rivals=(PPL,)):
    return correlate(found, found.predictors(measures), found.predictors(rivals))


@pytest.mark.parametrize(
    ("family", "design"),
    [
        (None, ONE_RUN),
        (lambda i: "one", ONE_RUN),
        (str, INDEPENDENT),
        (lambda i: str(i % 3), FEW_FAMILIES),
        (lambda i: str(i % 4), FAMILIES),
    ],
)
def test_the_design_follows_from_the_families(family, design):
    found = points(family=family)
    assert found.design == design
    assert (found.no_test is None) is (design in (INDEPENDENT, FAMILIES))


def test_numbers_are_those_of_scipy():
    found = points(noise=0.3)
    row = result(found).row("ppl,action")
    y = np.log((found.passed + 0.5) / (500 - found.passed + 0.5))
    ppl = -np.log(row.predictor.values)
    assert row.pearson.value == pytest.approx(stats.pearsonr(ppl, y).statistic)
    assert row.spearman.value == pytest.approx(stats.spearmanr(ppl, y).statistic)
    assert row.tau == pytest.approx(stats.kendalltau(ppl, y).statistic)
    assert 2 * row.decisions.accuracy - 1 == pytest.approx(row.tau)


def test_log_step_is_always_the_last_row():
    assert [row.predictor.label for row in result(points()).rows] == ["he_snr,action", "ppl,action", NULL]
    row = result(points(order=False)).row(NULL)
    assert (row.reason, row.pearson) == ("not known for c00 and 11 more", None)


def test_without_an_order_there_is_no_smoothing():
    row = result(points(order=False, noise=0.2)).row("he_snr,action")
    assert (row.r_smoothed, row.signal_to_noise) == (None, None)
    row = result(points(noise=0.2)).row("he_snr,action")
    assert row.r_smoothed > row.pearson.value
    assert row.signal_to_noise > 1


def test_a_measure_that_one_run_does_not_know_has_no_statistic():
    found = points()
    (he_snr,) = found.predictors([HE_SNR])
    he_snr.x[3] = np.nan
    row = correlate(found, [he_snr], []).row("he_snr,action")
    assert (row.reason, row.pearson, row.noise) == ("not known for c03", None, None)


def test_the_same_trajectories_are_drawn_for_all_checkpoints():
    """he_snr of each trajectory is the same multiple of the whole, so no draw changes the order of checkpoints."""
    row = result(points(noise=0.2)).row("he_snr,action")
    assert row.noise.reliability_x > 0.98
    assert row.noise.of_x < 0.01 < row.noise.of_y


def test_few_checkpoints_of_several_runs_are_not_compared():
    found = result(points(7, family=str))
    assert (found.differences, found.given, found.predictions) == ([], [], [])
    assert found.no_differences == "7 checkpoints; at least 8 are needed to compare two measures"
    assert found.row("he_snr,action").p_value == pytest.approx(1 / 5040)


def test_three_training_runs_are_too_few():
    found = result(points(family=lambda i: str(i % 3), noise=0.2))
    assert found.no_differences == "the checkpoints come from 3 training runs; at least 4 are needed"
    assert [one.answer for one in found.differences] == ["not known"] * 2


def test_training_runs_at_different_steps_have_no_p_value():
    found = result(points(family=lambda i: str(i % 4), noise=0.2))
    assert found.no_p_values == "the training runs do not have two steps in common, each with one checkpoint"
    assert found.differences[0].p_value is not None


def test_the_control_is_the_rival_given_its_other_half():
    found = points(family=lambda i: str(i % 4), noise=0.3, n=16)
    (ppl,) = found.predictors([PPL])
    ppl.halves[1][:] += 0.1 * np.random.default_rng(0).normal(size=16)
    control = correlate(found, found.predictors([HE_SNR]), [ppl]).given[0].control
    assert control == partial(ppl.halves[0], found.y, np.column_stack([ppl.halves[1], dummies(found.families)]))


@pytest.mark.parametrize(
    ("of_measure", "above"),
    [((0.3, 0.8), True), ((0.2, 0.8), False), (None, None)],
    ids=["above", "overlap", "unknown"],
)
def test_a_partial_correlation_counts_only_above_the_whole_interval_of_the_control(of_measure, above):
    measure = of_measure and Coefficient(0.6, Interval(*of_measure))
    given = Given(label="a", rival="b", measure=measure, control=Coefficient(0.1, Interval(-0.1, 0.25)))
    assert given.above_control is above
    if measure:
        begin = "a says something about the outcome that b does not say" if above else "No evidence that a says more"
        assert of_given([given])[0].startswith(begin)


def test_independent_trainings_have_a_partial_correlation_given_the_rival_only():
    found = points(family=str, noise=0.3)
    (he_snr,), (ppl,) = found.predictors([HE_SNR]), found.predictors([PPL])
    assert correlate(found, [he_snr], [ppl]).given[0].measure == partial(he_snr.x, found.y, ppl.x[:, None])


@pytest.mark.parametrize("family", [None, str, lambda i: str(i % 2), lambda i: str(i % 4)])
def test_no_column_and_no_row_is_without_numbers(family):
    for table in tables(result(points(family=family, noise=0.3, n=16))):
        head, *rows = table.rows
        assert rows
        assert all(set(cells[1:]) != {"N/A"} for cells in (*rows, *zip(*table.rows, strict=True)))
        assert ("p" in head) is (head[0] == "predictor" and family is str)


@pytest.mark.parametrize(
    ("family", "tables_of"),
    [
        (None, ["predictor", "noise of r"]),
        (lambda i: str(i % 2), ["predictor", "noise of r", "error of a prediction (logits)"]),
        (str, ["predictor", "noise of r", "given the rival", "error of a prediction (logits)"]),
    ],
    ids=["one run", "two runs", "independent"],
)
def test_a_page_has_only_the_tables_that_its_checkpoints_allow(family, tables_of):
    found = points(family=family, noise=0.3, n=16)
    (ppl,) = found.predictors([PPL])
    ppl.halves[1][:] += 0.1 * np.random.default_rng(0).normal(size=16)
    assert [table.rows[0][0] for table in tables(correlate(found, found.predictors([HE_SNR]), [ppl]))] == tables_of


@pytest.mark.parametrize(("n_runs", "is_named"), [(2, False), (3, True)])
def test_training_runs_are_left_out_from_three_on_and_only_then_named(n_runs, is_named):
    table = tables(result(points(family=lambda i: str(i % n_runs), noise=0.3, n=16)))[-1]
    assert ("training run left out" in table.rows[0]) is ("or its whole training run" in table.notes[0]) is is_named


@pytest.mark.parametrize(("family", "head"), [(None, "95 % (too narrow)"), (str, "95 %")])
def test_intervals_over_checkpoints_of_the_same_run_are_marked(family, head):
    found = tables(result(points(family=family, noise=0.3)))[0]
    assert found.rows[0].count(head) == 2
    assert any(note.startswith("95 %: the intervals take") for note in found.notes) is (family is None)


def test_predictions_leave_out_checkpoints_and_training_runs():
    found = points(family=lambda i: str(i % 4), noise=0.3, n=16)
    by_label = {one.label: one for one in result(found).predictions}
    assert list(by_label) == ["the mean", NULL, "ppl,action", "he_snr,action", "ppl,action and he_snr,action"]
    (ppl,) = found.predictors([PPL])
    z = ppl.x[:, None]
    assert by_label["ppl,action"].checkpoint == left_out_error(z, found.y, found.names)
    assert by_label["ppl,action"].family == left_out_error(z, found.y, found.families)


def test_seeds_that_differ_add_noise():
    found = points()
    spread = Points(
        [(replace(s, passed=np.array([20, 180]), trials=np.array([500, 500])), r) for s, r in pairs(found)], 1
    )
    alike = Points(
        [(replace(s, passed=np.array([100, 100]), trials=np.array([500, 500])), r) for s, r in pairs(found)], 1
    )
    assert spread.drawn_y.std(axis=0).mean() > 5 * alike.drawn_y.std(axis=0).mean()


def test_outcomes_by_task_are_drawn_task_by_task():
    """Checkpoints that pass the same tasks keep their differences in every draw."""
    found = points()
    passed = np.random.default_rng(0).integers(0, 2, 100)
    same = TaskOutcomes(passed, np.ones(100, int), passed.sum(keepdims=True), np.array([100]))
    drawn = Points([(replace(s, by_task=same), r) for s, r in pairs(found)], 1).drawn_y
    assert drawn.std(axis=0).min() > 0.1
    assert np.ptp(drawn, axis=1).max() == 0


def test_a_measure_against_itself_is_the_same_predictor():
    found = points(family=str, noise=0.2)
    (he_snr,) = found.predictors([HE_SNR])
    (other,) = found.predictors([HE_SNR])
    against = correlate(found, [he_snr], [replace(other, label="again", x=2 * other.x)])
    assert against.differences[0].same_as == "he_snr,action"
    assert headline(against)[-1] == (
        "again is the same predictor as he_snr,action here (one is a linear function of the other), so it has no row."
    )
    assert [row[0] for row in tables(against)[0].rows] == ["predictor", "he_snr,action", NULL]


def test_a_sign_that_changes_inside_runs_is_a_caution():
    """Between runs both grow, inside each run he_snr falls while the outcome grows."""
    values = [0.1 + 0.01 * (i // 3) - 0.001 * (i % 3) for i in range(12)]
    found = result(points(family=lambda i: f"run {i // 3}", he_snr=values))
    assert any("but below 0 inside run 0, run 1, run 2, ..." in sentence for sentence in cautions(found))


def test_a_diagnostic_is_used_as_it_is_and_named():
    found = points(noise=0.2)
    (he_snr,) = found.predictors([HE_SNR])
    diagnostic = replace(he_snr, label="decision_rate,action", has_direction=False)
    sentence = "It misleads if you read the sign of r of decision_rate,action: it has no better direction."
    assert sentence in cautions(correlate(found, [diagnostic], []))
    assert sentence not in cautions(correlate(found, [he_snr], []))


def test_a_diagnostic_is_compared_with_the_sign_of_its_own_r():
    found = points(family=lambda i: f"run {i // 3}", noise=0.2, ppl=[30 - 2 * i + 3 * (i % 2) for i in range(12)])
    he_snr, ppl = found.predictors([HE_SNR, PPL])
    turned = replace(ppl, label="mean_entropy,action", x=-ppl.x, has_direction=False)
    usual = correlate(found, [he_snr], [ppl]).differences[0]
    one = correlate(found, [he_snr], [turned])
    of_turned = one.differences[0]
    assert usual.test is not None
    assert of_turned.test == usual.test
    assert of_turned.r_rival == usual.r_rival
    assert (usual.turned, of_turned.turned) == ((), ("mean_entropy,action",))
    assert "(mean_entropy,action: with the other sign)" in headline(one)[0]
    in_the_table = one.row("mean_entropy,action").pearson
    assert in_the_table is not None
    assert usual.r_rival is not None
    assert in_the_table.value == pytest.approx(-usual.r_rival)


def test_the_last_caution_is_about_choices_after_the_fact():
    assert cautions(result(points()))[-1].startswith(
        "It misleads if somebody chose the measure, its scope, its epsilon or the checkpoints after a look"
    )
