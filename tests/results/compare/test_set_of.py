from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.metrics.bootstrap import Sample
from lm_eval_hesnr.metrics.estimates import estimate
from lm_eval_hesnr.metrics.measures import measure
from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.results.compare.set_of import MEASURES, ReferenceSet
from tests.builders import compared_run, run_of_tables, token_scores

ACTION = {"action": SCOPES["action"]}


def reference(tmp_path, n_docs=6, **options):
    run = run_of_tables(tmp_path / "ref", [token_scores(seed=i, **options) for i in range(n_docs)])
    assert run.tables is not None
    return run, ReferenceSet.of(run.tables, ACTION, EPSILON)


def values(run):
    total = run.totals["action"].sum(axis=0)
    return {name: float(measure(name, total)) for name in MEASURES}


def test_the_reference_run_keeps_its_values(tmp_path):
    run, chosen = reference(tmp_path)
    before, after = values(run), values(chosen.measured(run))
    for name in ("he_snr", "he_ppl", "decisions", "q_over_entropy"):
        assert after[name] == pytest.approx(before[name], rel=1e-12), name
    assert after["topk_acc"] == 1.0
    assert estimate("he_snr", Sample.of(chosen.measured(run).totals["action"])).interval == pytest.approx(
        estimate("he_snr", Sample.of(run.totals["action"])).interval
    )


def test_every_run_is_asked_about_the_same_tokens(tmp_path):
    _, chosen = reference(tmp_path)
    other = [token_scores(seed=i, other=True) for i in range(6)]
    found = values(chosen.measured(run_of_tables(tmp_path / "b", other)))
    columns = []
    for i, one in enumerate(other):
        ref = token_scores(seed=i)
        for t in np.flatnonzero(ref.scored & (ref.labels == 0) & (ref.rank <= 10)):
            if float(ref.entropy[t]) > EPSILON:
                columns.append((np.exp(float(one.logprob[t])), one.entropy[t], one.rank[t], one.top_mass[t]))
    p, entropy, rank, mass = np.array(columns, np.float64).T
    assert min(entropy) < EPSILON
    assert max(rank) > 10
    bounded = np.maximum(entropy, EPSILON)
    assert found["he_snr"] == pytest.approx(np.mean(p / bounded), rel=1e-6)
    assert found["q_over_entropy"] == pytest.approx(np.mean(p / mass / bounded), rel=1e-6)
    assert found["he_ppl"] == pytest.approx(np.exp(-np.mean(np.log(p))), rel=1e-6)
    assert found["decisions"] == len(p)
    assert found["top1_acc"] == np.mean(rank == 1)
    assert found["topk_acc"] == np.mean(rank <= 10)
    assert found["mean_entropy"] == pytest.approx(np.mean(entropy), rel=1e-6)
    assert found["bits_per_byte"] == pytest.approx(-np.log2(p).sum() / (3 * len(p)), rel=1e-6)


def test_a_token_without_entropy_counts_at_most_1_over_epsilon(tmp_path):
    _, chosen = reference(tmp_path, n_docs=1)
    sure = token_scores(seed=0)
    sure.entropy[sure.scored], sure.logprob[sure.scored], sure.rank[sure.scored] = 0.0, 0.0, 1
    sure.top_mass[sure.scored] = sure.collision[sure.scored] = 1.0
    assert values(chosen.measured(run_of_tables(tmp_path / "b", [sure])))["he_snr"] == pytest.approx(1 / EPSILON)


def test_what_has_no_meaning_on_a_set_is_missing(tmp_path):
    run, chosen = reference(tmp_path)
    assert set(run.measures) - set(chosen.measured(run).measures) == {"ppl", "decision_rate", "self_he_snr"}
    nothing: Any = {"action": None}
    measured = chosen.measured(replace(run, replicates=nothing, calibrated=nothing))
    assert (measured.replicates, measured.calibrated) == ({}, {})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda one: replace(one, k=11, signature=one.signature | {"k": 11}),
            r"differ in k \(11 in the run, 10 in REF\)",
        ),
        (
            lambda one: replace(one, signature=one.signature | {"label_rules": 2}),
            r"b: --set-of needs a run with the settings of .*ref \(REF\); they differ in label_rules \(2 in the run, 1",
        ),
        (lambda one: replace(one, token_ids=one.token_ids + 1), "ref has no document with these tokens"),
        (lambda one: replace(one, scored=np.arange(400) >= 300), "position [0-9]+ is not scored, but is a decision of"),
    ],
)
def test_runs_that_cannot_be_asked_about_the_set_are_refused(tmp_path, change, message):
    _, chosen = reference(tmp_path, n_docs=1)
    with pytest.raises(InputError, match=message):
        chosen.measured(run_of_tables(tmp_path / "b", [change(token_scores(seed=0))]))
    with pytest.raises(InputError, match="b: --set-of needs token tables"):
        chosen.measured(compared_run("b", [0.1]))


def test_a_reference_run_of_actions_has_no_set_in_another_scope(tmp_path):
    one = token_scores(seed=0)
    run = run_of_tables(tmp_path / "ref", [replace(one, signature=one.signature | {"score": "action"})])
    assert run.tables is not None
    assert ReferenceSet.of(run.tables, ACTION, EPSILON).positions
    with pytest.raises(InputError, match="score=action, so its decisions in scope all are not known; use --scopes act"):
        ReferenceSet.of(run.tables, {"all": SCOPES["all"]}, EPSILON)
