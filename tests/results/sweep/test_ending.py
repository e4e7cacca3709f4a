from pathlib import Path

from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.metrics.scope_result import scope_result
from lm_eval_hesnr.results.documents import documents_config
from lm_eval_hesnr.results.run import Run
from lm_eval_hesnr.results.sweep.checkpoint import Checkpoint, step_of
from lm_eval_hesnr.results.sweep.ending import ending, summary_line, verdict_lines
from lm_eval_hesnr.results.sweep.rows import Row
from tests.builders import token_scores


def run(name, better, *, with_documents=True):
    """A run over eight made-up trajectories; `better` moves every log-probability towards 0."""
    scores = {f"run {i}": token_scores(seed=i, better=better) for i in range(8)}
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
    assert lines[2].endswith(" is the least that 8 trajectories can give in 2 comparisons.")
    assert any(line.startswith("Take step3: it has the highest he_snr") for line in lines[3:])


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
