"""The tasks over public data sets, on local Parquet files of the same names, splits and columns."""

from __future__ import annotations

import json
import logging
import re
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lm_eval_hesnr import plugin
from lm_eval_hesnr.trajectories.hub import what_is_read

N_INSTANCES, N_RUNS = 40, 3
THOUGHT, COMMAND, ANSWER = "I look at the file.", "cat src/a.py", "x = 1"


def smith(instance, run):
    call = {"id": "c1", "type": "function", "function": {"name": "bash", "arguments": json.dumps({"command": COMMAND})}}
    messages = [
        {"role": "system", "content": "You fix code.", "agent": "main", "message_type": "system_prompt"},
        {"role": "user", "content": "Fix it.", "agent": "main", "message_type": "observation"},
        {"role": "assistant", "content": THOUGHT, "tool_calls": [call], "agent": "main", "message_type": "action"},
        {"role": "tool", "content": f"OBSERVATION:\n{ANSWER}", "tool_call_ids": ["c1"], "agent": "main"},
    ]
    row = {"messages": json.dumps(messages), "model": "claude", "patch": "diff", "resolved": run > 0}
    return row | {"instance_id": f"repo__{instance}", "traj_id": f"repo__{instance}.{run}"}


def nebius(instance, run):
    empty = {"system_prompt": None, "text": None, "mask": False, "cutoff_date": None}
    trajectory = [
        empty | {"role": "system", "system_prompt": "You fix code."},
        empty | {"role": "user", "text": "Fix it."},
        empty | {"role": "ai", "text": f"{THOUGHT}\n```\n{COMMAND}\n```", "mask": True},
        empty | {"role": "user", "text": f"{ANSWER}\n(Open file: n/a)\n(Current directory: /r)\nbash-$"},
    ]
    row = {"instance_id": f"repo__{instance}", "model_name": "llama", "target": run > 0, "trajectory": trajectory}
    return row | {"exit_status": "submitted", "generated_patch": "diff", "eval_logs": ""}


def gym(instance, run):
    function = {"name": "execute_bash", "arguments": json.dumps({"command": COMMAND})}
    call = {"id": "c1", "type": "function", "function": function}
    empty = {"content": None, "name": None, "tool_call_id": None, "tool_calls": None}
    messages = [
        empty | {"role": "system", "content": "You fix code."},
        empty | {"role": "user", "content": "Fix it."},
        empty | {"role": "assistant", "content": THOUGHT, "tool_calls": [call]},
        empty | {"role": "tool", "content": f"OBSERVATION:\n{ANSWER}", "name": "execute_bash", "tool_call_id": "c1"},
    ]
    row = {"instance_id": f"repo__{instance}", "run_id": f"run-{run}", "resolved": run > 0, "messages": messages}
    return row | {"tools": None, "test_result": {"report": {"resolved": run > 0}}}


SETS = {
    "swe_hesnr_smith": ("SWE-bench/SWE-smith-trajectories", "tool", smith),
    "swe_hesnr_nebius": ("nebius/SWE-agent-trajectories", "train", nebius),
    "swe_hesnr_gym": ("SWE-Gym/OpenHands-Sampled-Trajectories", "train.raw", gym),
}


@pytest.fixture
def loaded(tmp_path, monkeypatch, caplog, harness_logs):
    """Build a task over a local copy of its data set, which contains N_RUNS runs of N_INSTANCES instances each."""
    datasets = pytest.importorskip("datasets")
    from lm_eval.tasks import TaskManager

    def loaded(task, **metadata):
        name, split, row = SETS[task]
        (tmp_path / name / "data").mkdir(parents=True)
        rows = [row(instance, run) for instance in range(N_INSTANCES) for run in range(N_RUNS)]
        pq.write_table(pa.Table.from_pylist(rows), tmp_path / name / "data" / f"{split}-00000-of-00001.parquet")
        config = {"config_name": "default", "data_files": [{"split": split, "path": f"data/{split}-*"}]}
        (tmp_path / name / "README.md").write_text(f"---\nconfigs:\n- {json.dumps(config)}\n---\n")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
        datasets.disable_progress_bars()
        manager = TaskManager(include_defaults=False, include_path=plugin.task_folder(), metadata=metadata)
        with caplog.at_level(logging.INFO, logger="lm_eval.hesnr"):
            return manager.load(task)["tasks"][task].selection

    return loaded


@pytest.mark.parametrize("task", SETS)
def test_a_public_set_gives_the_first_resolved_run_of_each_instance(task, loaded, caplog):
    selection = loaded(task)
    assert len(selection.trajectories) == N_INSTANCES
    assert all(run.resolved for run in selection.trajectories)
    assert len({run.meta["instance_id"] for run in selection.trajectories}) == N_INSTANCES
    assert selection.counts["left_out_failed"] == N_INSTANCES
    assert selection.counts["left_out_same_instance"] == N_INSTANCES
    for run in selection.trajectories:
        assert [call.arguments["command"] for part in run.segments for call in part.calls] == [COMMAND]
    name = SETS[task][0]
    line = rf"hf://{name}@[0-9a-f]{{40}}: downloaded once, of unknown size, revision of a local copy"
    assert any(re.fullmatch(line, message) for message in caplog.messages)


def test_a_smaller_choice_is_random_and_always_the_same(loaded):
    limit = 10
    chosen = [run.meta["instance_id"] for run in loaded("swe_hesnr_smith", max_trajectories=limit).trajectories]
    assert len(set(chosen)) == len(chosen) == limit
    order = np.random.default_rng(0).permutation(N_INSTANCES * N_RUNS).tolist()
    resolved = [f"repo__{row // N_RUNS}" for row in order if row % N_RUNS]
    assert chosen == list(dict.fromkeys(resolved))[:limit] != sorted(chosen)


def test_nothing_is_read_after_the_last_one(loaded, monkeypatch):
    from lm_eval_hesnr.trajectories.readers import swe_agent_rows

    rows = []
    read = swe_agent_rows.read

    def counted(data, path):
        rows.append(data)
        return read(data, path)

    monkeypatch.setattr(swe_agent_rows, "read", counted)
    selection = loaded("swe_hesnr_smith", max_trajectories=3)
    counts = selection.counts
    assert len(rows) == counts["scored"] + counts["left_out_failed"] + counts["left_out_same_instance"] < N_INSTANCES


def test_the_log_names_the_commit_and_the_size():
    commit = "08e109b4a59eaeebf80e4675cd125d42e7ac99a4"
    builder = SimpleNamespace(
        base_path=f"hf://datasets/org/name@{commit}", info=SimpleNamespace(download_size=1114367701)
    )
    assert what_is_read(builder) == f"1,114 MB, downloaded once, revision {commit}"
