"""Which trajectories a report shows."""

import shutil

import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.report import tables
from lm_eval_hesnr.results.report.inputs import read_inputs
from lm_eval_hesnr.results.report.subject import documents_of, subject_of
from lm_eval_hesnr.results.report.views import views_of
from lm_eval_hesnr.scoring.token_table import write_token_table
from tests.builders import with_extras


@pytest.fixture
def subject(runs):
    return subject_of(read_inputs(runs, None).runs, None, None)


def shown(subject, show):
    """Return the ids of the trajectories that are shown, and the notes."""
    views, notes = views_of(subject, documents_of(subject), show, with_text=True)
    return [view.document.id for view in views], notes


def test_those_with_the_largest_effect_are_shown_first(subject):
    ids = [one.id for one in documents_of(subject)]
    assert shown(subject, "2") == (ids[:2], [])
    assert shown(subject, "100") == (ids, [])
    assert shown(subject, "0") == ([], [])


def test_named_ones_are_shown_in_their_order(subject):
    assert shown(subject, "run-003, run-001,run-003") == (["run-003", "run-001"], [])
    with pytest.raises(InputError, match=r"--show run-03: did you mean 'run-003'\? .* is named run-03"):
        shown(subject, "run-03")


def test_only_the_tables_of_shown_trajectories_are_opened(subject, monkeypatch):
    opened = []
    read = tables.read_scores

    def _read(path, extras):
        opened.append(path.stem.partition("-")[2])
        return read(path, extras)

    monkeypatch.setattr(tables, "read_scores", _read)
    ids, _ = shown(subject, "2")
    assert sorted(opened) == sorted([*ids, *ids])


def test_a_trajectory_without_a_table_is_left_out_and_the_next_one_is_shown(runs, tmp_path):
    folders = []
    for path in runs:
        shutil.copytree(path.parent / "tokens", tmp_path / path.parent.name)
        folders.append(tmp_path / path.parent.name)
    subject = subject_of(read_inputs(folders, None).runs, None, None)
    first, second, third = [one.id for one in documents_of(subject)][:3]
    for folder in folders:
        next(folder.glob(f"*-{first}.parquet")).unlink()
    damaged = next(folders[1].glob(f"*-{second}.parquet"))
    damaged.write_bytes(damaged.read_bytes()[:-100])
    tables._by_name.cache_clear()
    views, notes = views_of(subject, documents_of(subject), "2", with_text=True)
    assert [(view.document.id, list(view.runs)) for view in views] == [(second, ["A"]), (third, ["A", "B"])]
    assert len(notes) == 1
    assert notes[0].startswith(f"note: {damaged}: not a token table")


def test_the_worst_token_costs_the_second_run_most(subject):
    (view, *_), _ = views_of(subject, documents_of(subject), "1", with_text=True)
    costs = [one.surprisal[1] - one.surprisal[0] for one in view.worst]
    assert len(costs) == 20
    assert costs == sorted(costs, reverse=True)
    assert costs[0] > 0


def test_candidates_have_the_text_that_the_trajectory_has_for_them(tmp_path):
    scores = with_extras(60)
    assert scores.top_ids is not None
    known = scores.top_ids[scores.top_ids[:, 0] >= 0][0, :2]
    scores.token_ids[:2] = known
    write_token_table(tmp_path, 0, "run", scores, "".join(f"{i:03d}" for i in range(60)))
    subject = subject_of(read_inputs([tmp_path], None).runs, None, None)
    (view,), _ = views_of(subject, documents_of(subject), "1", with_text=True)
    assert {view.token_names[int(token)] for token in known} == {"000", "001"}
    assert set(view.token_names) <= set(scores.token_ids.tolist())
