"""What the pieces of work make: whole readings of a small random model, and which checkpoint each piece takes."""

import gzip
import json
from dataclasses import replace

import numpy as np
import pytest

from lab.context import make as context
from lab.context.plan import LONG, SHORT
from lab.families.plan import FLOOR
from lab.micro_swe import dataset
from lab.micro_swe.__main__ import GOLD
from lab.scoring import token_scores
from lab.shift import make_choices as shift
from lab.shift.layout import choices_of, of_pool
from lab.tax import make as tax
from lab.tax.plan import CROSS_ENTROPY, GROUPS
from lab.threshold import make as threshold
from lab.threshold.grid import EPSILONS, KS, static_rows
from lab.tuning.tasks import Tasks
from lm_eval_hesnr.assets import EMBEDDED_MODEL
from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.metrics.edges import EPSILON
from tests import builders

N_RUNS = 2 * GROUPS


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "runs.jsonl"
    path.write_text("\n".join(gzip.decompress(GOLD.read_bytes()).decode().splitlines()[:N_RUNS]) + "\n")
    return path


@pytest.fixture(scope="module")
def tasks():
    some = dataset("train", 0, 12, 7, 1)
    return Tasks([(one.prompt, one.action) for one in some[:10]], some[10:])


def as_json(value):
    return json.loads(json.dumps(value, allow_nan=False))


def test_thresholds_are_read_with_each_size_of_the_candidate_set(random_model, runs, tmp_path, monkeypatch):
    monkeypatch.setattr(threshold, "checkpoint", lambda families, name: random_model)
    monkeypatch.setattr(threshold, "trajectories_of", lambda out, data: runs)
    monkeypatch.setattr(threshold, "about_with_training", lambda model, name: {"name": name})
    made = threshold.make_reading(tmp_path / "threshold" / "x", "x")
    value = as_json(made.value)
    assert made.about == {"name": "x"}
    assert value["n_documents"] == N_RUNS
    for k in KS:
        scores = token_scores(random_model, runs, metadata={"k": k, "score": "action"})
        chosen = [one.in_scope(SCOPES["action"]) for one in scores]
        found = value["sums"][str(k)]
        assert found["tokens"] == sum(int(which.sum()) for which in chosen) > 0
        decided = [one.decisions(EPSILON) & which for one, which in zip(scores, chosen, strict=True)]
        n, snr = static_rows(found["static"])[EPSILONS.index(EPSILON)][:2]
        assert n == sum(int(one.sum()) for one in decided)
        assert n or k < 10
        expected = sum(float(one.snr[which].sum()) for one, which in zip(scores, decided, strict=True))
        assert snr == pytest.approx(expected, rel=1e-5)


@pytest.fixture
def context_work(random_model, tmp_path, monkeypatch):
    """The folder of a piece, and the checkpoints that were read or tuned."""
    used = []

    def _scores_of(model, window):
        used.append((model.name, window))
        found = [builders.with_extras(300, seed=10 * i + (model.name != "base")) for i in range(4)]
        labels = [builders.with_extras(300, seed=10 * i).labels for i in range(4)]
        ids = [np.arange(300, dtype=np.int32) + i for i in range(4)]
        return [replace(one, token_ids=t, labels=x) for one, t, x in zip(found, ids, labels, strict=True)]

    def _outcome(model, tasks):
        used.append(model.name)
        return {"near": "1"}

    names = {"recipe-100.0": "base"}
    monkeypatch.setattr(context, "scores_of", _scores_of)
    monkeypatch.setattr(context, "outcome", _outcome)
    monkeypatch.setattr(context, "tasks_of", lambda folder, level: None)
    monkeypatch.setattr(context, "checkpoint", lambda families, name: tmp_path / names[name])
    monkeypatch.setattr(context, "write_floor", lambda families: tmp_path / FLOOR)
    monkeypatch.setattr(context, "extended", lambda out, found: tmp_path / found.name)
    monkeypatch.setattr(context, "about", lambda model, name: {"model_sha256": model.name})
    monkeypatch.setattr(context, "digest_of_weights", lambda model: model.name)
    return tmp_path / "context" / "piece", used


def test_an_extended_checkpoint_is_compared_with_the_one_as_it_is_which_is_read_if_needed(context_work):
    folder, used = context_work
    made = context.make_reading(folder, "yarn-010")
    assert used == [("yarn-010", SHORT), ("yarn-010", LONG), ("base", SHORT)]
    assert (made.about["model_sha256"], made.about["extension"]["steps"]) == ("yarn-010", 10)
    value = as_json(made.value)
    alone = context.make_reading(folder, "as-it-is").value
    assert used[3:] == [("base", SHORT), ("base", LONG)]
    parts = np.array([[float(one) for one in line.split(" ")] for line in value["windows"][str(SHORT)]["parts"]])
    before = builders.with_extras(300, seed=0).decisions(EPSILON).sum()
    assert parts[0, 0] == before
    assert value["documents_sha256"] == alone["documents_sha256"]
    context.make_reading(folder, "yarn-030")
    assert used[5:] == [("yarn-030", SHORT), ("yarn-030", LONG)]  # the reference is kept


@pytest.mark.parametrize(
    ("name", "taken", "steps"), [("as-it-is", "base", None), ("linear-300", "linear-300", 300), (FLOOR, FLOOR, None)]
)
def test_each_outcome_is_of_its_checkpoint(context_work, name, taken, steps):
    folder, used = context_work
    made = context.make_outcome(folder, name)
    assert used == [taken]
    assert made.about["model_sha256"] == taken
    assert made.about["base"] == {"model_sha256": "base"}
    assert (made.about["extension"] or {}).get("steps") == steps


@pytest.fixture
def tax_work(random_model, runs, tasks, tmp_path, monkeypatch):
    monkeypatch.setattr(tax, "checkpoint", lambda families, name: random_model)
    monkeypatch.setattr(tax, "tasks_of", lambda folder, level: tasks)
    monkeypatch.setattr(tax, "trajectories", lambda out, data, left_out: runs)
    monkeypatch.setattr(tax, "about", lambda model, name: {"name": name})
    monkeypatch.setattr(tax, "STEPS", 2)
    monkeypatch.setattr(tax, "SAMPLES", 2)
    return tmp_path / "tax" / "piece"


def test_before_tuned_and_control_are_of_one_start(tax_work, monkeypatch):
    before = as_json(tax.make_before(tax_work).value)
    tuned = tax.make_tuned(tax_work, CROSS_ENTROPY, tax.CONTROL_RATE, 1)
    monkeypatch.setattr(tax, "fine_tune", None)  # the control takes the tuned model that was kept
    control = tax.make_control(tax_work, 1.25, 1)
    assert dict(tuned.about) == dict(control.about) == {"name": tax.START, "loss": CROSS_ENTROPY, "constants": {}}
    tuned_value, control_value = as_json(tuned.value), as_json(control.value)
    assert len(before["greedy"]) == len(before["sampled"]) == 2
    assert before["tasks_sha256"] == tuned_value["tasks_sha256"] == control_value["tasks_sha256"]
    assert before["micro_swe"]["kl"] == pytest.approx(0, abs=1e-6)
    assert tuned_value["micro_swe"]["kl"] > 0
    assert control_value["greedy"] == tuned_value["greedy"]
    assert control_value["micro_swe"]["ranks"] == tuned_value["micro_swe"]["ranks"]  # a temperature moves no rank
    assert control_value["micro_swe"]["totals"] != tuned_value["micro_swe"]["totals"]
    assert control_value["settings"] == tuned_value["settings"]


def test_a_control_without_the_kept_model_tunes_it_again(tax_work):
    first = as_json(tax.make_control(tax_work, 1.25, 0).value)
    for kept in tax_work.parent.glob("control-*"):
        kept.rename(kept.with_name("away"))
    assert as_json(tax.make_control(tax_work, 1.25, 0).value) == first


def test_generated_choices_are_read_after_fine_tuning(tmp_path, monkeypatch):
    monkeypatch.setattr(shift, "checkpoint", lambda families, name: EMBEDDED_MODEL)
    monkeypatch.setattr(shift, "about_with_training", lambda model, name: {"name": name})
    monkeypatch.setattr(shift, "TEXTS", 3)
    value = as_json(shift.make_choices(tmp_path / "shift" / "x", "x", 2, 0).value)
    found = choices_of(value, 1.0)
    assert len(found) == 3
    sizes = [int(one) for line in value["sizes"] for one in line.split(" ")]
    entropies = [float(one) for line in value["entropies"] for one in line.split(" ")]
    assert len(sizes) == len(entropies)
    for size in set(sizes):
        assert of_pool(found.sum(axis=0), size, "choices") == sizes.count(size)
        of_size = [one for one, its in zip(entropies, sizes, strict=True) if its == size]
        assert float(of_pool(found.sum(axis=0), size, "entropy")) == pytest.approx(sum(of_size), abs=1e-3 * len(sizes))
    assert value["loss"] > 0
