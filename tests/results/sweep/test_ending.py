import os
from pathlib import Path

import pytest

from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.metrics.scope_result import scope_result
from lm_eval_hesnr.results.compare.compared_run import from_results
from lm_eval_hesnr.results.compare.comparison import compare
from lm_eval_hesnr.results.documents import documents_config
from lm_eval_hesnr.results.run import Run
from lm_eval_hesnr.results.sweep.checkpoint import Checkpoint, step_of
from lm_eval_hesnr.results.sweep.ending import ending, summary_line, verdict_lines, write_new_report
from lm_eval_hesnr.results.sweep.rows import Row
from tests.builders import token_scores


def run(name, better, *, with_documents=True):
    """A run over twelve made-up trajectories; `better` moves every log-probability towards 0."""
    scores = {f"run {i}": token_scores(seed=i, better=better) for i in range(12)}
    profiles = [one.profile(one.scored, EPSILON) for one in scores.values()]
    digests = [one.digest for one in scores.values()]
    found = scope_result(profiles, list(scores), method="static", epsilon=EPSILON, digests=digests)
    documents = {"documents": documents_config({"action": found})} if with_documents else {}
    signature = {"model": name, "k": 10, "epsilon": EPSILON, "threshold": "static", "scopes": {"action": ["code"]}}
    config = {"signature": signature, "summary": {"action": found.summary}, **documents}
    results = {f"{measure},action": estimate.value for measure, estimate in found.estimates.items()}
    return Run(name, "swe_hesnr", results, config)


def test_the_best_is_compared_with_the_first_and_with_the_one_before_it():
    runs = [run("step1", 0.0), run("step2", 0.2), run("step3", 0.201), run("step4", 0.1)]
    lines = list(verdict_lines(runs))
    assert lines[0].startswith("step1 is worse than step3: he_snr -")
    assert "after Holm" in lines[0]
    assert lines[1].startswith("step2 is ")
    assert " step3: he_snr " in lines[1]
    assert lines[2].endswith(" is the least that 12 trajectories can give in 5 comparisons.")
    assert any(line.startswith("Take step3: it has the highest he_snr") for line in lines[3:])


def test_the_verdicts_have_the_p_values_of_measure():
    runs = [run(f"step{i}", better) for i, better in enumerate((0.0, 0.02, 0.021, 0.03, 0.029, 0.01))]
    page = compare([from_results(one, Path(one.name)).named(one.name) for one in runs], "action")
    best = page.runs[0].name
    lines = list(verdict_lines(runs))
    assert lines[0].startswith("step0 is ")
    assert f" {best}: he_snr -" in lines[0]
    assert f"p = {page.verdicts[best].p_value:.2g} after Holm" in lines[0]
    assert lines[-len(page.choice.sentences) :] == list(page.choice.sentences)


def test_a_best_that_is_the_first_is_compared_with_no_other():
    lines = list(verdict_lines([run("step1", 0.2), run("step2", 0.0)]))
    assert lines[0].startswith("Take step1: ")


def test_there_is_no_verdict_on_one_run_and_a_line_without_documents():
    assert list(verdict_lines([run("step1", 0.2)])) == []
    (line,) = verdict_lines([run("step1", 0.2), run("step2", 0.0, with_documents=False)])
    assert line.startswith(
        "no verdict: step2: an older version of lm_eval_hesnr wrote this results file, without the sums"
    )


def test_a_sweep_without_checkpoints_says_so():
    assert list(ending([])) == ["no checkpoints yet"]


def test_the_last_line_has_the_number_of_each_status():
    statuses = ["gone", "done", "failed", "done", "incomplete"]
    rows = [Row(Checkpoint(f"a{i}", f"a{i}"), status, None, ()) for i, status in enumerate(statuses)]
    line = summary_line(rows, Path("OUT"))
    assert line == "OUT/table.csv: 5 checkpoints: 2 done, 1 failed, 1 incomplete, 1 gone"


def test_the_verdicts_come_after_the_table_and_before_the_findings():
    names = ("step1", "step2")
    rows = [
        Row(Checkpoint(name, f"runs/{name}", step=step_of(name)), "done", None, (run(name, better),))
        for name, better in zip(names, (0.0, 0.2), strict=True)
    ]
    lines = list(ending(rows))
    verdict = next(i for i, line in enumerate(lines) if line.startswith("step1 is worse than step2"))
    assert lines[0] == "swe_hesnr, scope action"
    assert "finding" in lines[-1]
    assert 3 < verdict < len(lines) - 1


@pytest.fixture
def reports(tmp_path, monkeypatch):
    """The reports that are made in a folder with the state of one checkpoint."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "state.json").write_text("")
    made = []

    def make(inputs, path):
        made.append(inputs)
        path.write_text("report")

    monkeypatch.setattr("lm_eval_hesnr.results.report.report.write_report", make)
    return made


ROWS = [Row(Checkpoint("a", "a"), "done", None, (run("a", 0.1),))]


def test_the_report_is_made_again_only_after_a_checkpoint_has_ended(tmp_path, reports):
    assert write_new_report(ROWS, tmp_path) is None
    assert write_new_report(ROWS, tmp_path) is None
    assert reports == [[tmp_path]]
    written = (tmp_path / "report.html").stat().st_mtime
    os.utime(tmp_path / "a" / "state.json", (written + 1, written + 1))
    assert write_new_report(ROWS, tmp_path) is None
    assert len(reports) == 2


def test_without_results_there_is_no_report(tmp_path, reports):
    assert write_new_report([ROWS[0]._replace(runs=())], tmp_path) is None
    assert reports == []


@pytest.mark.parametrize("error", [OSError("the disk is full"), KeyError("he_snr")])
def test_a_report_that_cannot_be_made_does_not_end_the_sweep(tmp_path, reports, monkeypatch, error):
    def fail(inputs, path):
        raise error

    monkeypatch.setattr("lm_eval_hesnr.results.report.report.write_report", fail)
    assert write_new_report(ROWS, tmp_path) == f"no new report: {error}"
