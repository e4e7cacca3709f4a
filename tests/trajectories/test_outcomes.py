"""Outcomes by the files next to a run: each kind of report, reports that disagree, and no report."""

import json
import os
from typing import Any

import pytest

from lm_eval_hesnr.trajectories import outcomes
from lm_eval_hesnr.trajectories.load import load_trajectories
from lm_eval_hesnr.trajectories.outcomes import is_report, resolved_by_report, resolved_by_reward


def write(path, value):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value if isinstance(value, str) else json.dumps(value))
    return path


@pytest.fixture
def run(tmp_path):
    """The one run of a folder `models/dev`."""
    return write(tmp_path / "models" / "dev" / "a.traj.json", "{}")


def outcome(path, instance="a", model=None):
    return resolved_by_report(path, instance, model)


@pytest.mark.parametrize("name", ["report.json", "results.json"])
@pytest.mark.parametrize(
    ("report", "expected"),
    [
        ({"resolved": True}, True),
        ({"resolved": False, "patch_exists": True}, False),
        ({"resolved": "yes"}, None),
        ({"resolved": 1}, None),
        ({"a": {"resolved": True}, "b": {"resolved": False}}, True),
        ({"a": {"resolved": False}, "resolved": True}, False),  # the one with the name knows
        ({"b": {"resolved": True}}, None),
        ({"resolved_ids": ["a"], "unresolved_ids": ["b"]}, True),
        ({"resolved_ids": ["b"], "unresolved_ids": ["a"]}, False),
        ({"resolved_ids": ["b"], "empty_patch_ids": ["a"]}, False),
        ({"resolved_ids": ["b"], "error_ids": ["a"]}, False),
        ({"resolved_ids": ["b"]}, None),
        ({"resolved_ids": "abc"}, None),
        ({"resolved_ids": 3, "error_ids": {"a": 1}}, None),
        ([], None),
        ("{cut", None),
        ("[" * 100_000, None),
    ],
)
def test_a_report_beside_the_run(run, name, report, expected):
    write(run.with_name(name), report)
    assert outcome(run) is expected


def test_without_a_report_nothing_is_known(run):
    assert outcome(run) is None
    assert outcome(run.parent / "no-such-folder" / "a.json") is None


@pytest.mark.parametrize("other", ["b.traj.json", "b.traj", "b.jsonl", "b.json.gz", "b.parquet"])
def test_a_flat_report_next_to_several_runs_has_no_answer(run, other):
    write(run.with_name("report.json"), {"resolved": True})
    assert outcome(run) is True
    write(run.with_name(other), "{}")
    assert outcome(run) is None
    write(run.with_name("report.json"), {"a": {"resolved": True}})
    assert (outcome(run), outcome(run, "b")) == (True, None)


def test_a_flat_report_next_to_several_runs_does_not_hide_other_reports(run):
    write(run.with_name("b.traj.json"), "{}")
    write(run.with_name("report.json"), {"resolved": True})
    write(run.with_name("results.json"), {"a": {"resolved": False}})
    assert outcome(run) is False
    run.with_name("results.json").unlink()
    write(run.with_name("m.dev.json"), {"total_instances": 1, "resolved_ids": [], "unresolved_ids": ["a"]})
    assert outcome(run) is False


@pytest.mark.parametrize("name", ["preds.json", "rows.jsonl", "rows.ndjson", "rows.jsonl.gz", "rows.parquet"])
def test_a_flat_report_does_not_count_for_a_file_of_many_runs(tmp_path, name):
    path = write(tmp_path / name, "{}")
    write(tmp_path / "report.json", {"resolved": True})
    assert outcome(path) is None
    write(tmp_path / "report.json", {"a": {"resolved": True}})
    assert outcome(path) is True


def test_files_that_are_not_runs_do_not_count(run):
    write(run.with_name("report.json"), {"resolved": True})
    for name in ("preds.json", "result.json", "config.json", "patch.diff", "run.log"):
        write(run.with_name(name), "{}")
    write(run.with_name("m.other.json"), {"total_instances": 1, "resolved_ids": []})
    write(run.parent / "deeper" / "b.traj.json", "{}")
    assert outcome(run) is True


def test_a_folder_is_listed_once_and_its_runs_are_not_read(tmp_path, monkeypatch):
    runs = [write(tmp_path / f"{i}.traj.json", "{}") for i in range(50)]
    write(tmp_path / "report.json", {"resolved": True})
    read: Any = []
    listed: Any = []
    json_of, has_known_ending = outcomes.json_of, outcomes.has_known_ending
    monkeypatch.setattr(outcomes, "json_of", lambda path, **how: read.append(path.name) or json_of(path, **how))
    monkeypatch.setattr(outcomes, "has_known_ending", lambda path: listed.append(path.name) or has_known_ending(path))
    assert {outcome(path) for path in runs} == {None}
    assert len(listed) == 51
    assert not [name for name in read if name.endswith(".traj.json")]


def test_loaded_runs_next_to_one_flat_report_are_unknown(tmp_path):
    data = {"trajectory_format": "mini-swe-agent-1", "messages": [{"role": "user", "content": "go"}]}
    for name in ("a", "b"):
        write(tmp_path / f"{name}.traj.json", {**data, "instance_id": name})
    write(tmp_path / "report.json", {"resolved": True, "patch_exists": True})
    assert [trajectory.resolved for trajectory in load_trajectories(tmp_path).trajectories] == [None, None]


def summary(resolved=(), unresolved=()):
    return {"total_instances": 9, "resolved_ids": list(resolved), "unresolved_ids": list(unresolved)}


@pytest.mark.parametrize("folder", [".", "..", "../.."])
def test_a_summary_by_the_name_of_a_folder(run, folder):
    for name, expected in (("m.dev.json", True), ("m.models.json", True), ("m.elsewhere.json", None)):
        path = write(run.parent / folder / name, summary(["a"]))
        assert outcome(run) is expected, name
        path.unlink()


def test_a_summary_by_the_model(run):
    write(run.parent.parent / "org__m.run_1.json", summary(["a"], ["b"]))
    assert [outcome(run, "a", "org/m"), outcome(run, "b", "org/m"), outcome(run, "c", "org/m")] == [True, False, None]
    assert [outcome(run, "a", "org/m2"), outcome(run, "a", None), outcome(run, "a", "")] == [None, None, None]


def test_a_summary_by_run_id_goes_before_one_by_model(run):
    write(run.parent.parent / "org__m.other.json", summary(["a"]))
    write(run.parent.parent / "org__m.dev.json", summary([], ["a"]))
    assert outcome(run, "a", "org/m") is False


def test_summaries_that_disagree_have_no_answer(run):
    write(run.parent.parent / "org__m.one.json", summary(["a", "b"]))
    write(run.parent.parent / "org__m.two.json", summary(["b"], ["a"]))
    assert (outcome(run, "a", "org/m"), outcome(run, "b", "org/m")) == (None, True)


def test_a_report_goes_before_a_summary_and_that_before_a_reward(run):
    write(run.parent / "result.json", {"trial_name": "t", "verifier_result": {"rewards": {"reward": 1.0}}})
    assert outcome(run) is True
    write(run.parent.parent / "m.dev.json", summary([], ["a"]))
    assert outcome(run) is False
    write(run.parent / "report.json", {"a": {"resolved": True}})
    assert outcome(run) is True


@pytest.mark.parametrize(
    ("result", "text", "expected"),
    [
        (1.0, None, True),
        (1, None, True),
        (2.5, None, True),
        (0.83, None, False),
        (0, None, False),
        (None, "1\n", True),
        (None, "0.5", False),
        (None, "nan", None),
        (None, "Infinity", None),
        (None, "", None),
        ("1.0", None, None),
        (True, None, None),
        (0.0, "1", False),
    ],
)
@pytest.mark.parametrize("place", ["trajectory.json", "agent/trajectory.json"])
def test_the_reward_of_a_harbor_trial(tmp_path, place, result, text, expected):
    verdict = {"trial_name": "t", "verifier_result": result if result is None else {"rewards": {"reward": result}}}
    write(tmp_path / "result.json", verdict)
    if text is not None:
        write(tmp_path / "verifier" / "reward.txt", text)
    assert resolved_by_reward(tmp_path / place) is expected


def test_what_is_written_later_is_seen(run):
    write(run.parent.parent / "org__m.one.json", summary(["a"]))
    assert (outcome(run, "a", "org/m"), outcome(run, "c", "org/m")) == (True, None)
    late = write(run.parent.parent / "org__m.two.json", summary([], ["a", "c"]))
    os.utime(late.parent, ns=(1, 1))
    assert (outcome(run, "a", "org/m"), outcome(run, "c", "org/m")) == (None, False)
    write(run.with_name("report.json"), {"resolved": True})
    assert outcome(run, "a", "org/m") is True


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"resolved": True, "patch_exists": True}, True),
        ({"a": {"resolved": True}, "b": {"resolved": False}}, True),
        ({"a": {"model_patch": "diff"}}, True),
        (summary(), True),
        ({"trial_name": "t", "verifier_result": None}, True),
        ({"resolved": True}, False),
        ({"resolved": True, "messages": []}, False),
        ({"a": {"resolved": True}, "b": 3}, False),
        ({}, False),
        ([], False),
        (None, False),
    ],
)
def test_what_counts_as_a_report(value, expected):
    assert is_report(value) is expected


def test_real_outcomes_are_those_of_the_reports_next_to_the_runs(real_trajectories):
    """For every run with a report or a summary. This test finds the files by their names alone."""
    counts = {True: 0, False: 0}
    for path in (real_trajectories / "mini_swe_agent_1").glob("*/*.traj.json"):
        expected = json.loads((path.parent / "report.json").read_text())["resolved"]
        assert outcome(path, path.parent.name) is expected
        counts[expected] += 1
    folder = real_trajectories / "mini_swe_agent_1.1"
    of_run = json.loads((folder / "deepseek__deepseek-chat.deepseek_chat_dev.json").read_text())
    for path in (folder / "deepseek_chat_dev").glob("*.traj.json"):
        instance = path.name.removesuffix(".traj.json")
        expected = instance in of_run["resolved_ids"]
        assert outcome(path, instance, "deepseek/deepseek-chat") is expected
        counts[expected] += 1
    assert sum(counts.values()) == 38
    assert min(counts.values()) > 5
