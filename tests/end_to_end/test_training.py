"""`HESNRCallback` in a training with several processes (DDP with gloo, on the CPU)."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.training.small_trainer import write_runs

pytestmark = pytest.mark.end_to_end

ROOT = Path(__file__).parents[2]

SCRIPT = """
import json, os, sys
from pathlib import Path
from lm_eval_hesnr import HESNRCallback
from tests.training.small_trainer import trainer

folder, runs, missing_rank, failing = Path(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4]
rank = os.environ.get("RANK", "0")
found = trainer(folder / "checkpoints", learning_rate=0.0, max_steps=2, save_strategy="no", eval_steps=1,
                metric_for_best_model="hesnr_he_snr")
found.add_callback(HESNRCallback(found, "/none.jsonl" if rank == missing_rank else runs, scopes=["action", "all"]))

def fails_at(step, in_rank, function):
    def function_or_error(*arguments, **options):
        if (found.state.global_step, rank) == (step, in_rank):
            raise ZeroDivisionError(function.__name__)
        return function(*arguments, **options)
    return function_or_error

if failing == "late":
    from lm_eval_hesnr import task
    task.pooled_result = fails_at(1, "0", task.pooled_result)
    task.SweHesnr.process_results = fails_at(2, "1", task.SweHesnr.process_results)
found.train()
(folder / f"rank_{rank}.json").write_text(json.dumps([found.state.global_step, found.state.log_history]))
"""


def train(folder, n_processes, missing_rank="none", failing="none"):
    """Return the stderr of a training, and the scores that each process logged at its first evaluation."""
    folder.mkdir()
    script = folder / "train.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={n_processes}"]
    arguments = [str(script), str(folder), write_runs(folder / "runs.jsonl"), missing_rank, failing]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=300, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    scores = []
    for path in sorted(folder.glob("rank_*.json")):
        step, history = json.loads(path.read_text())
        assert step == 2
        scores.append([entry for entry in history if "eval_hesnr_he_snr" in entry])
    return done.stderr, scores


def test_two_processes_give_the_numbers_of_one(tmp_path):
    _, ((one, _),) = train(tmp_path / "one", 1)
    _, ((first, _), (second, _)) = train(tmp_path / "two", 2)
    names = [name for name in one if "hesnr" in name and not name.endswith("seconds")]
    assert len(names) == 12
    for name in names:
        assert first[name] == second[name]
        assert first[name] == pytest.approx(one[name], rel=1e-6)


def test_if_one_process_fails_all_of_them_go_on_training(tmp_path):
    errors, scores = train(tmp_path / "two", 2, missing_rank="1")
    assert scores == [[], []]
    (line,) = [line for line in errors.splitlines() if "HESNRCallback" in line]  # only the first process logs
    assert line.startswith("HESNRCallback: not scored, the training goes on: process 1: ")
    assert "/none.jsonl" in line


def test_an_error_after_the_model_in_one_process_stops_no_other(tmp_path):
    """The first process alone aggregates. An error of another process reaches it only after it got the values."""
    errors, scores = train(tmp_path / "two", 2, failing="late")
    assert scores == [[], []]
    lines = [line.partition("goes on: ")[2] for line in errors.splitlines() if "HESNRCallback" in line]
    assert lines == ["ZeroDivisionError('pooled_result')", "process 1: ZeroDivisionError('process_results')"]
