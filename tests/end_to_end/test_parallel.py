"""Several processes, on one machine or on two, give the same results as one process."""

import json
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from lm_eval_hesnr.labels import SCOPES
from lm_eval_hesnr.metrics.profile import EPSILON
from lm_eval_hesnr.models.hf import HFTopK
from lm_eval_hesnr.results.token_tables import measure_tables, read_tables
from lm_eval_hesnr.scoring.token_scores import PLAN_KEYS
from tests.builders import first_turns

pytestmark = pytest.mark.end_to_end

TIMES = ("date", "total_evaluation_time_seconds")


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """A file with the first turns of two trajectories."""
    return first_turns(tmp_path_factory.mktemp("two") / "two.jsonl", 2)


def launch(
    out: Path, trajectories: Path, launcher: list[str], model_args: str = "", **metadata: str
) -> subprocess.Popen[str]:
    given = json.dumps({"trajectories": str(trajectories), "only_resolved": False} | metadata)
    command = ["-m", "lm_eval", "--tasks", "swe_hesnr", "--model", "hf-topk", "--metadata", given, "--log_samples"]
    command += ["--model_args", model_args] if model_args else []
    return subprocess.Popen(
        [sys.executable, *launcher, *command, "--output_path", str(out)],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=out.parent,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def finished(process: subprocess.Popen[str]) -> str:
    printed, _ = process.communicate(timeout=600)
    assert process.returncode == 0, printed[-3000:]
    return printed


def results(out: Path) -> dict:
    (path,) = out.rglob("results*.json")
    return {key: value for key, value in json.loads(path.read_text()).items() if key not in TIMES}


def numbers(found: dict) -> dict[str, float]:
    return {name: value for name, value in found["results"]["swe_hesnr"].items() if isinstance(value, float)}


def samples(out: Path) -> list[str]:
    return sorted(line for path in out.rglob("samples*.jsonl") for line in path.read_text().splitlines())


def torchrun(*options: str) -> list[str]:
    return ["-m", "torch.distributed.run", *options]


@pytest.fixture(scope="module")
def of_one_process(two, tmp_path_factory):
    out = tmp_path_factory.mktemp("one") / "out"
    finished(launch(out, two, []))
    return results(out), samples(out)


def test_three_processes_over_two_trajectories(two, of_one_process, tmp_path):
    printed = finished(launch(tmp_path / "out", two, torchrun("--standalone", "--nproc-per-node=3")))
    assert (results(tmp_path / "out"), samples(tmp_path / "out")) == of_one_process
    assert printed.count("|swe_hesnr|") == 1  # one table
    assert len(re.findall(r"swe_hesnr, \S+: \d findings", printed)) == 1


def test_accelerate_launch_with_a_store_and_token_tables(two, of_one_process, tmp_path):
    store, tokens = tmp_path / "store", tmp_path / "tokens"
    launcher = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes=2", "--main_process_port=0"]
    for out in ("first", "second"):
        printed = finished(launch(tmp_path / out, two, launcher, f"score_store={store}", token_table=str(tokens)))
        assert numbers(results(tmp_path / out)) == numbers(of_one_process[0])
    assert printed.count("1 of 1 trajectory read, 0 scored by rank 0 of 2") == 1  # only the first rank logs
    for folder in (tokens, store):
        measured = measure_tables(read_tables(folder, {"action": SCOPES["action"]}, EPSILON), "static", EPSILON)
        of_run = of_one_process[0]["results"]["swe_hesnr"]["he_snr,action"]
        assert measured["action"]["measures"]["he_snr"] == pytest.approx(of_run, rel=1e-12)


def test_two_machines_of_one_process_each(two, of_one_process, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    agents = [
        launch(
            tmp_path / "out", two,
            torchrun("--nnodes=2", "--nproc-per-node=1", f"--node-rank={rank}", "--master-addr=127.0.0.1",
                     f"--master-port={port}"),
        )
        for rank in range(2)
    ]  # fmt: skip
    for agent in agents:
        finished(agent)
    assert (results(tmp_path / "out"), samples(tmp_path / "out")) == of_one_process


def test_a_model_split_by_tensor_parallelism_gives_the_same_and_reads_its_store_back(two, of_one_process, tmp_path):
    store = tmp_path / "store"
    launcher = torchrun("--standalone", "--nproc-per-node=2")
    for out, read in (("first", 0), ("second", 2)):
        printed = finished(launch(tmp_path / out, two, launcher, f"tp_plan=auto,score_store={store}"))
        assert printed.count(f"{read} of 2 trajectories read") == 1  # only the first process logs
        # the standard errors of two trajectories that are nearly alike are differences of nearly equal numbers
        assert numbers(results(tmp_path / out)) == pytest.approx(numbers(of_one_process[0]), rel=1e-4, abs=1e-6)


def test_weights_that_wait_elsewhere_give_the_same(two, of_one_process, tmp_path):
    """Without a GPU `parallelize` keeps all weights on disk until they are needed."""
    finished(launch(tmp_path / "out", two, [], f"parallelize=True,offload_folder={tmp_path / 'weights'}"))
    assert results(tmp_path / "out")["results"] == of_one_process[0]["results"]


def test_a_mem_budget_makes_the_plan_in_the_signature_that_of_one_process(random_model, monkeypatch):
    def plan(**options):
        signature = HFTopK(pretrained=str(random_model), device="cpu", **options).signature
        return [signature[key] for key in PLAN_KEYS]

    alone = plan(), plan(mem_budget="1MiB")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(10**9))  # memory is short
    assert plan() != alone[0]
    assert plan(mem_budget="1MiB") == alone[1]
