from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.metrics.scope_result import scope_result
from lm_eval_hesnr.results.diagnosis.diagnose import diagnose
from lm_eval_hesnr.results.documents import documents_config
from lm_eval_hesnr.results.run import Run
from lm_eval_hesnr.scoring.token_table import read_token_table, write_token_table
from tests.builders import token_scores
from tests.possible_scores import possible

LABELS = sorted(label.label_name for label in SCOPES["action"])
SETTINGS = {"model": "m", "k": 10, "render": "transcript", "label_rules": 1, "scopes": {"action": LABELS}}
PER_SCOPE = ("epsilon", "totals")


def easiest(scores, share):
    """(T,) bool: this share of the decisions, those with the highest p."""
    decided = np.flatnonzero(scores.in_scope(SCOPES["action"]) & scores.decisions(EPSILON))
    by_snr = decided[np.argsort(-scores.snr[decided])]
    return np.isin(np.arange(len(scores.scored)), by_snr[: round(share * len(by_snr))])


def better(scores, share_that_leaves):
    """Scores with 1.5 times the probability of each token. The decisions with the highest p leave the set."""
    logprob = np.minimum(scores.logprob + np.float32(np.log(1.5)), np.float32(-0.01))
    entropy = np.where(easiest(scores, share_that_leaves), np.float32(1.0), scores.entropy)
    return possible(replace(scores, logprob=logprob, entropy=entropy))


def easiest_leave(scores, share=0.24):
    """The decisions with the highest p leave the set. The others are the same, and all other tokens are better."""
    same = (scores.in_scope(SCOPES["action"]) & scores.decisions(EPSILON)) | (scores.rank > scores.k)
    changed, leaves = better(scores, share), easiest(scores, share)
    fields = {
        name: np.where(same, getattr(scores, name), getattr(changed, name))
        for name in ("logprob", "rank", "top_mass", "entropy")
    }
    fields["entropy"] = np.where(leaves, np.float32(1.0), fields["entropy"])
    return possible(replace(changed, **fields))


def run(name, scores, folder, task="swe_hesnr"):
    """A run of these scores, with its documents, and its token tables in the folder."""
    names = [f"run {i}" for i in range(len(scores))]
    for i, one in enumerate(scores):
        write_token_table(folder, i, names[i], one)
    profiles = [one.profile(one.in_scope(SCOPES["action"]), EPSILON) for one in scores]
    found = {
        "action": scope_result(
            profiles, names, method="static", epsilon=EPSILON, digests=[one.digest for one in scores]
        )
    }
    results = {f"{measure},action": one.value for measure, one in found["action"].estimates.items()}
    config = {
        "signature": SETTINGS, "summary": {"action": found["action"].summary}, "documents": documents_config(found),
        "metadata": {"token_table": str(folder)},
    }  # fmt: skip
    return Run(name, task, results, config)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two runs. The second one is better at every token, and its he_snr is about the same."""
    folder = tmp_path_factory.mktemp("tables")
    scores = [token_scores(seed=i, signature={"k": 10}) for i in range(8)]
    return [
        run("a", sorted(scores, key=lambda one: one.digest), folder / "a"),
        run("b", sorted([better(one, 0.24) for one in scores], key=lambda one: one.digest), folder / "b"),
    ]


def set_moved(*runs):
    (found,) = [one.evidence for one in diagnose(runs) if one.code == "set-moved"]
    return found


def scores_of(one):
    return [read_token_table(path)[1] for path in sorted(Path(one.config["metadata"]["token_table"]).iterdir())]


def changed(one, **config):
    return one._replace(config=one.config | config)


def test_a_change_that_other_decisions_hide_is_shown_in_its_parts(pair):
    values = [one.value("he_snr", "action") for one in pair]
    assert values[1] == pytest.approx(values[0], rel=0.1)
    head, _, parts = set_moved(*pair).partition(" (")
    assert head.startswith("tokens that enter or leave the decisions hide at least half of a change: action he_snr 0.")
    numbers = [float(part.rstrip(")").split()[-1]) for part in parts.split(", ")]
    assert numbers[0] > 0.05
    assert numbers[2] < -0.05
    assert sum(numbers) == pytest.approx(values[1] - values[0], abs=1e-4)


def test_a_change_that_other_decisions_cause_is_shown_in_its_parts(pair, tmp_path):
    after = run("b", [easiest_leave(one) for one in scores_of(pair[0])], tmp_path)
    evidence = set_moved(pair[0], after)
    before = pair[0].value("he_snr", "action")
    assert evidence.startswith(
        f"he_snr moves because tokens enter or leave the decisions: action he_snr {before:.4f} -> "
    )
    assert "(common decisions +0.0000, entering +0.0000, leaving -0." in evidence


def test_runs_whose_change_is_hidden_are_not_also_called_flat(pair, tmp_path):
    scores = [read_token_table(path)[1] for path in sorted(Path(pair[0].config["metadata"]["token_table"]).iterdir())]
    after = run("b", [better(one, 0.29) for one in scores], tmp_path)
    assert after.value("he_snr", "action") == pytest.approx(pair[0].value("he_snr", "action"), rel=0.01)
    found = [one.code for one in diagnose([pair[0], after])]
    assert "set-moved" in found
    assert "flat" not in found


def test_a_change_of_other_tokens_alone_is_not_one_of_the_decisions(pair, tmp_path):
    scores = [read_token_table(path)[1] for path in sorted(Path(pair[0].config["metadata"]["token_table"]).iterdir())]
    after = run("b", [easiest_leave(one, share=0) for one in scores], tmp_path)
    assert after.value("ppl", "action") < 0.95 * pair[0].value("ppl", "action")
    assert "set-moved" not in [one.code for one in diagnose([pair[0], after])]


HIDDEN = "he_snr moves much less than ppl, in per cent: action he_snr 0."


@pytest.mark.parametrize("metadata", [{}, None, [], {"token_table": 5}, {"token_table": "a\0b"}, {"token_table": "no"}])
def test_without_token_tables_only_the_two_measures_are_named(pair, metadata):
    assert set_moved(pair[0], changed(pair[1], metadata=metadata)).startswith(HIDDEN)


def in_two_scopes(one):
    """The run, with all of it once more in the scope `again`."""
    config = one.config
    documents = {key: config["documents"][key] | {"again": config["documents"][key]["action"]} for key in PER_SCOPE}
    return one._replace(
        results=one.results | {key.replace(",action", ",again"): value for key, value in one.results.items()},
        config=config | {
            "signature": SETTINGS | {"scopes": {"action": LABELS, "again": LABELS}},
            "summary": config["summary"] | {"again": config["summary"]["action"]},
            "documents": config["documents"] | documents,
        },
    )  # fmt: skip


def test_each_table_is_read_once_for_all_scopes_and_neighbours(pair, tmp_path, monkeypatch):
    scores = [scores_of(one) for one in (*pair, pair[1])]
    scores[2] = [better(one, 0.24) for one in scores[2]]
    runs = [in_two_scopes(run(name, one, tmp_path / name)) for name, one in zip("abc", scores, strict=True)]
    opened = []

    class Spy(pq.ParquetFile):
        def __init__(self, source, **options):
            opened.append(source.name)
            super().__init__(source, **options)

    monkeypatch.setattr(pq, "ParquetFile", Spy)
    found = [one.evidence for one in diagnose(runs) if one.code == "set-moved"]
    assert all("action he_snr" in one and "again he_snr" in one for one in found)
    assert len(found) == 3
    assert len(opened) == len(set(opened)) == 3 * 8


def test_tables_that_are_written_again_are_read_again(pair, tmp_path):
    scores = scores_of(pair[1])
    run("b", [easiest_leave(one) for one in scores], tmp_path)
    after = changed(pair[1], metadata={"token_table": str(tmp_path)})
    assert set_moved(pair[0], after).startswith(HIDDEN)
    run("b", scores, tmp_path)
    assert "common decisions" in set_moved(pair[0], after)


def test_tables_of_another_run_are_not_used(pair):
    assert set_moved(changed(pair[0], metadata=pair[1].config["metadata"]), pair[1]).startswith(HIDDEN)


@pytest.mark.parametrize("scopes", [None, {"action": "code"}, {"action": [[]]}, {"action": ["no label"]}, {}])
def test_a_signature_without_the_labels_of_the_scope_is_not_guessed(pair, scopes):
    strange = [changed(one, signature=SETTINGS | {"scopes": scopes}) for one in pair]
    assert set_moved(*strange).startswith(HIDDEN)


def test_a_damaged_table_is_no_error(pair, tmp_path):
    (tmp_path / "00000-x.parquet").write_text("x")
    assert set_moved(pair[0], changed(pair[1], metadata={"token_table": str(tmp_path)})).startswith(HIDDEN)


def test_with_several_tasks_the_tables_are_in_a_folder_of_the_task(pair, tmp_path):
    folder = tmp_path / pair[1].task
    folder.symlink_to(pair[1].config["metadata"]["token_table"])
    assert "common decisions" in set_moved(pair[0], changed(pair[1], metadata={"token_table": str(tmp_path)}))


def test_tables_of_other_trajectories_are_not_used(pair, tmp_path):
    for i in range(8):
        write_token_table(tmp_path, i, f"run {i}", token_scores(300 + i, seed=20 + i, signature={"k": 10}))
    assert set_moved(pair[0], changed(pair[1], metadata={"token_table": str(tmp_path)})).startswith(HIDDEN)
