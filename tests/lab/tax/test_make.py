"""Wrong actions, objectives, and what a model says: on real tasks and small models."""

import gzip
import json

import numpy as np
import pytest
import torch
from transformers import AutoTokenizer, LlamaForCausalLM

from lab.before_after import RANKS, SET_COLUMNS, Decided
from lab.grader import Pool
from lab.micro_swe import dataset
from lab.micro_swe.__main__ import GOLD
from lab.tax.make import keep
from lab.tax.models import kl_to_start, set_temperature
from lab.tax.objectives import CONSTANTS, objective, wrong_tokens
from lab.tax.plan import GROUPS, LOSSES
from lab.tax.read import SCOPE, reading_of, scored
from lab.tax.trajectories import beginnings
from lab.tax.wrong_action import Contrast, first_difference, unchanged_row, with_wrong
from lab.tuning.fine_tune import Settings, action_loss, fine_tune
from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.metrics.calibration import calibration
from lm_eval_hesnr.metrics.decomposition import COLUMNS as PART_COLUMNS
from lm_eval_hesnr.metrics.edges import EPSILON
from lm_eval_hesnr.results.documents import COLUMNS

PROMPT = "$ cat -n m.py\n1 def f(x):\n2     return x - 1\n$ python t.py\nf(1) gave 0, not 2 (row 2)\n$ fix "


@pytest.fixture(scope="module")
def tasks():
    return dataset("train", 0, 6, 7, 1)


def test_the_wrong_action_keeps_the_row():
    assert unchanged_row(PROMPT, "2|    return x + 1\n") == "2|    return x - 1\n"


@pytest.mark.parametrize("action", ["2|    return x - 1\n", "3|x\n", "9|x\n", "sed\n", "2+|x\n"])
def test_an_action_that_replaces_no_shown_row_is_named(action):
    with pytest.raises(InputError, match="does not replace a row"):
        unchanged_row(PROMPT, action)


def test_wrong_actions_are_edits_that_solve_nothing(tasks):
    with Pool(1) as pool:
        grades = pool.grade(tasks, [task.cut(unchanged_row(task.prompt, task.action)) for task in tasks])
    assert {grade.reason for grade in grades} <= {"wrong", "error", "steps"}


def test_only_the_first_token_that_differs_is_wrong():
    examples = [
        Contrast([1], [5, 6, 7], [5, 8, 9, 7]),
        Contrast([1], [5, 6], [5, 6, 7]),
        Contrast([1], [4], [3]),
        Contrast([1], [4], []),
    ]
    assert [first_difference(one) for one in examples] == [1, None, 0, None]
    assert wrong_tokens(examples).tolist() == [-1, 8, -1, -1, -1, 3, -1]


@pytest.fixture(scope="module")
def examples(random_model, tasks):
    found = with_wrong(AutoTokenizer.from_pretrained(random_model), [(task.prompt, task.action) for task in tasks])
    return [one for one in found if len(one.prompt) + len(one.action) < 250][:3]


def loaded(folder):
    return LlamaForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()


def test_at_the_start_the_kl_term_is_0(random_model, examples):
    start, model = loaded(random_model), loaded(random_model)
    found = objective("kl", start)(model, examples)
    assert found.item() == pytest.approx(action_loss(model, examples).item(), rel=1e-3)  # bfloat16 products


def test_the_margin_uses_the_whole_wrong_action(random_model, examples):
    model = loaded(random_model)

    def logprob(prompt, action):
        log_p = model(input_ids=torch.tensor([prompt + action])).logits[0].log_softmax(-1)
        return sum(log_p[len(prompt) + i - 1, token].item() for i, token in enumerate(action))

    hinges = [
        max(0.0, 1 - (logprob(one.prompt, one.action) - logprob(one.prompt, one.wrong)) / len(one.action))
        for one in examples
    ]
    found = objective("margin", model)(model, examples).item()
    expected = action_loss(model, examples).item() + 0.5 * np.mean(hinges)
    assert found == pytest.approx(expected, rel=5e-3)  # bfloat16 products
    assert sum(hinges) > 0


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_falls_and_leaves_the_start_as_it_is(name, random_model, examples):
    start, model = loaded(random_model), loaded(random_model)
    settings = Settings(seed=0, steps=4, lr=3e-3, tokens=100, warmup_steps=1)
    before = objective(name, start)(model, examples).item()
    fine_tune(model, examples, settings, objective(name, start))
    assert objective(name, start)(model, examples).item() < before
    assert name in CONSTANTS
    for one, other in zip(start.parameters(), loaded(random_model).parameters(), strict=True):
        torch.testing.assert_close(one, other)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "runs.jsonl"
    path.write_text("\n".join(gzip.decompress(GOLD.read_bytes()).decode().splitlines()[:56]) + "\n")
    return path


@pytest.fixture(scope="module")
def readings(runs, tmp_path_factory):
    """The scores and the reading of the tiny model, as it is and at T = 1.25."""
    from lm_eval_hesnr.assets import EMBEDDED_MODEL

    found: dict = {}
    before: list[Decided] = []
    for temperature in (1.0, 1.25):
        folder = tmp_path_factory.mktemp("model")
        model = loaded(EMBEDDED_MODEL)
        set_temperature(model, temperature)
        model.save_pretrained(folder)
        AutoTokenizer.from_pretrained(EMBEDDED_MODEL).save_pretrained(folder)
        scores = scored(folder, runs)
        before = before or [Decided.of(one) for one in scores]
        kl = kl_to_start(loaded(EMBEDDED_MODEL), model, scores[:5])
        found[temperature] = scores, {**reading_of(scores, before), "kl": kl}
    return found


def rows(reading, key):
    return np.array([[float(one) for one in line.split(" ")] for line in reading[key]])


def columns(reading):
    return dict(zip(reading["columns"], rows(reading, "totals").T, strict=True))


def test_a_reading_has_all_tokens_and_the_packages_calibrated_value(readings):
    scores, reading = readings[1.0]
    chosen = [one.in_scope(SCOPES[SCOPE]) for one in scores]
    sums = columns(reading)
    assert list(sums) == list(COLUMNS)
    assert len(sums["scope.nll"]) == len(reading["calibrated_without"]) == GROUPS
    assert sums["scope.tokens"].sum() == sum(int(one.sum()) for one in chosen)
    assert sums["scope.nll"].sum() == pytest.approx(
        -sum(float(one.logprob[of].sum()) for one, of in zip(scores, chosen, strict=True)), rel=1e-5
    )
    profiles = [one.profile(of, EPSILON) for one, of in zip(scores, chosen, strict=True)]
    whole = calibration(profiles, [one.digest for one in scores], EPSILON)
    assert whole is not None
    assert reading["calibrated_he_snr"] == pytest.approx(whole.estimate.value, rel=1e-6)
    assert reading["temperatures"] == pytest.approx(whole.temperatures, rel=1e-6)
    assert reading["calibrated_loss"] <= sums["scope.nll"].sum() / sums["scope.tokens"].sum()
    for group in (0, GROUPS - 1):
        rest = [one for i, one in enumerate(profiles) if i // 2 % GROUPS != group]
        without = calibration(rest, [f"{i:03}" for i in range(len(rest))], EPSILON)
        assert without is not None
        assert reading["calibrated_without"][group] == pytest.approx(without.estimate.value, rel=1e-6)


def test_a_temperature_moves_he_snr_and_not_its_calibrated_value(readings):
    (_, cold), (_, warm) = readings[1.0], readings[1.25]
    snr = [columns(one)["above.snr"].sum() / columns(one)["above.top_k"].sum() for one in (cold, warm)]
    assert snr[1] < 0.9 * snr[0]
    assert warm["calibrated_he_snr"] == pytest.approx(cold["calibrated_he_snr"], rel=0.01)
    assert [1.25 * one for one in warm["temperatures"]] == pytest.approx(cold["temperatures"], rel=0.01)
    assert warm["calibrated_loss"] == pytest.approx(cold["calibrated_loss"], rel=0.002)
    assert cold["documents_sha256"] == warm["documents_sha256"]


def test_ranks_parts_and_the_decisions_before_belong_to_the_same_tokens(readings):
    for _, reading in readings.values():
        sums, of_parts = columns(reading), dict(zip(PART_COLUMNS, rows(reading, "parts").T, strict=True))
        of_set = dict(zip(SET_COLUMNS, rows(reading, "set").T, strict=True))
        np.testing.assert_array_equal(rows(reading, "ranks")[:, RANKS.index(1)], sums["scope.rank_1"])
        np.testing.assert_array_equal(rows(reading, "ranks")[:, RANKS.index(10)], sums["scope.top_k"])
        np.testing.assert_allclose(of_parts["snr_b"], sums["above.snr"], rtol=1e-6)
        np.testing.assert_array_equal(of_parts["decisions_a"], columns(readings[1.0][1])["above.top_k"])
        np.testing.assert_array_equal(of_set["tokens"], of_parts["decisions_a"])
        np.testing.assert_array_equal(of_set["rank_1"], rows(readings[1.0][1], "set")[:, 1])  # a temperature moves none
    with pytest.raises(ValueError, match="must be the same"):
        reading_of(readings[1.0][0], [Decided.of(one) for one in readings[1.0][0][::-1]])


def test_a_model_that_is_kept_for_the_controls_is_the_same(random_model, tmp_path):
    model = loaded(random_model)
    for _ in range(2):
        keep(model, tmp_path / "control")
    for one, other in zip(model.parameters(), loaded(tmp_path / "control").parameters(), strict=True):
        assert torch.equal(one, other)
    assert [path.name for path in tmp_path.iterdir()] == ["control"]


def test_kl_to_the_start_is_that_of_the_distributions_which_predict_tokens_of_actions(readings):
    from lm_eval_hesnr.assets import EMBEDDED_MODEL

    assert readings[1.0][1]["kl"] == pytest.approx(0, abs=1e-6)
    start, model = loaded(EMBEDDED_MODEL), loaded(EMBEDDED_MODEL)
    set_temperature(model, 1.25)
    one = readings[1.25][0][0]
    expected = []
    for place in np.flatnonzero(one.in_scope(SCOPES[SCOPE])):
        ids = torch.from_numpy(one.token_ids[None, :place]).long()
        with torch.inference_mode():
            p, q = (of(input_ids=ids).logits[0, -1].double().softmax(-1) for of in (start, model))
        expected.append((p * (p / q).log()).sum().item())
    assert kl_to_start(start, model, [one]) == pytest.approx(np.mean(expected), rel=1e-3)
    assert np.mean(expected) > 0.01


def test_the_out_of_style_runs_have_two_in_each_group_and_actions_in_each():
    runs = [json.loads(line) for line in beginnings().split("\n")[:-1]]
    assert len(runs) == 2 * GROUPS
    assert all(any(one["kind"] == "action" for one in run["segments"]) for run in runs)
