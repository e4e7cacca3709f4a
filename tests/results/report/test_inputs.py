"""Which runs a report has, their names, and their token tables."""

import json
import shutil
from pathlib import Path

import pytest

from lm_eval_hesnr.errors import InputError
from lm_eval_hesnr.results.report.inputs import read_inputs
from lm_eval_hesnr.results.report.tables import table_of
from tests.results.report.in_browser.synthetic_runs import documents, write_sweep


def change(path, **keys):
    """Change keys of the configuration of the task in a results file; None removes a key."""
    data = json.loads(path.read_text())
    config = data["configs"]["swe_hesnr"]
    data["configs"]["swe_hesnr"] = {key: value for key, value in (config | keys).items() if value is not None}
    path.write_text(json.dumps(data))


@pytest.fixture
def copies(runs, tmp_path):
    """Copies of the folders of A and B, whose results name no folder of token tables."""
    for path in runs:
        shutil.copytree(path.parent, tmp_path / path.parent.name)
        change(tmp_path / path.parent.name / path.name, metadata=None)
    return [tmp_path / path.parent.name for path in runs]


def test_the_tables_of_a_run_are_in_the_folder_that_its_results_name(runs):
    found = read_inputs(runs, None).runs
    assert [run.tables for run in found] == [path.parent / "tokens" for path in runs]


def test_a_folder_that_the_results_name_with_tables_of_another_run_is_not_used(runs, tmp_path):
    path = tmp_path / runs[0].name
    shutil.copy(runs[0], path)
    change(path, metadata={"token_table": str(runs[1].parent / "tokens")})
    assert read_inputs([path], None).runs[0].tables is None


def test_else_the_tables_are_those_with_the_same_signature(copies):
    found = read_inputs([copies[1].parent], None).runs
    assert {run.name: run.tables for run in found} == {folder.name: folder / "tokens" for folder in copies}


def test_tables_of_another_signature_belong_to_no_run(copies):
    change(next(copies[0].glob("*.json")), signature={"model": "/models/other", "k": 10, "epsilon": 1.2})
    (run,) = read_inputs([copies[0]], None).runs
    assert run.tables is None


def test_equal_runs_take_the_tables_in_the_order_in_which_they_are_given(copies, tmp_path):
    shutil.copytree(copies[0], tmp_path / "C")
    found = read_inputs([tmp_path / "C", copies[0]], None).runs
    assert [run.tables for run in found] == [tmp_path / "C" / "tokens", copies[0] / "tokens"]


def test_equal_names_get_a_number_that_no_other_run_has(tmp_path):
    write_sweep(tmp_path, {"a": 1, "a-2": 2}, documents(5, 50))
    names = [run.name for run in read_inputs([tmp_path, tmp_path], None).runs]
    assert names == ["a", "a-2", "a-3", "a-2-2"]


def test_a_results_file_of_an_older_version_is_shown_without_a_verdict(copies):
    path = next(copies[0].glob("*.json"))
    change(path, documents=None)
    (run,) = read_inputs([path], None).runs
    assert run.compared is None
    assert "older version" in str(run.not_compared)


def test_only_one_task_is_in_a_report(copies):
    path = next(copies[0].glob("*.json"))
    data = json.loads(path.read_text())
    for part in ("configs", "results"):
        data[part]["second"] = data[part]["swe_hesnr"]
    path.write_text(json.dumps(data))
    found = read_inputs([path], None)
    assert (found.task, found.other_tasks, len(found.runs)) == ("swe_hesnr", ["second"], 1)
    assert read_inputs([path], "second").task == "second"
    with pytest.raises(InputError, match="--task third: the results have swe_hesnr, second"):
        read_inputs([path], "third")


def test_a_folder_with_two_runs_of_tables_is_two_runs(copies):
    for folder in copies:
        next(folder.glob("*.json")).unlink()
    assert [run.name for run in read_inputs([copies[0].parent], None).runs] == ["A", "B"]


def test_the_table_of_a_trajectory_has_its_tokens(runs):
    (run,) = read_inputs([runs[0]], None).runs
    assert run.compared is not None
    folder, name, digest = run.tables, run.compared.ids[2], run.compared.digests[2]
    assert isinstance(folder, Path)
    table = table_of(folder, name, digest, with_text=True)
    assert table is not None
    assert table.scores.digest == digest
    assert "".join(table.texts or ()) == next(one.text for one in documents(6, 300) if one.name == name)
    assert table_of(folder, name, "0" * 16, with_text=True) is None
    assert table_of(folder, "another", digest, with_text=True) is None


def test_runs_that_are_given_one_by_one_keep_their_order(runs):
    assert [run.name for run in read_inputs([runs[1], runs[0]], None).runs] == ["B", "A"]
