"""`hesnr sweep` with the real harness and the embedded model."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from lm_eval_hesnr.cli import main
from tests.builders import first_turns, write_slowly

pytestmark = pytest.mark.end_to_end

FILES = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]


def write_noisy(model, folder, noise):
    """Write a copy of the model with noise in its weights."""
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(model, folder)
    random = torch.Generator().manual_seed(0)
    weights = load_file(model / "model.safetensors")
    noisy = {
        name: (one.float() + noise * torch.randn(one.shape, generator=random)).to(one.dtype)
        for name, one in weights.items()
    }
    save_file(noisy, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "trainer_state.json").write_text('{"num_input_tokens_seen": 4096}')


def start(*more):
    command = [sys.executable, "-m", "lm_eval_hesnr.cli", "sweep", "runs", "-o", "OUT", "--trajectories", "t.jsonl"]
    return subprocess.Popen([*command, *more], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def states(work):
    return {path.parent.name: json.loads(path.read_text()) for path in (work / "OUT").glob("*/state.json")}


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    first_turns(tmp_path / "t.jsonl", 3, only_resolved=True)
    return tmp_path


def test_a_killed_sweep_continues_in_two_shards_past_a_broken_checkpoint(work, tiny_model, capsys):
    for step, noise in ((30, 0.0), (20, 0.01), (10, 0.02)):
        write_noisy(tiny_model, work / "runs" / f"checkpoint-{step}", noise)
    broken = shutil.copytree(work / "runs" / "checkpoint-10", work / "runs" / "checkpoint-25")
    (broken / "config.json").write_text('{"model_type": "nothing"}')

    process = start()
    while len(list(work.glob("OUT/store/*/*.parquet"))) < 4:  # one trajectory of the second checkpoint is scored
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.02)
    process.kill()
    process.wait()
    running = states(work)["checkpoint-20"]
    assert running["status"] == "running"
    os.killpg(running["pid"], signal.SIGKILL)

    shards = [start("--shard", f"{i}/2") for i in (1, 2)]
    output = "".join(shard.communicate()[0] for shard in shards)
    assert sorted(shard.returncode for shard in shards) == [0, 1], output
    assert "checkpoint-25: failed (exit 1): error: hf-topk, pretrained=runs/checkpoint-25: " in output
    found = states(work)
    assert {name: (state["status"], state["attempts"]) for name, state in found.items()} == {
        "checkpoint-10": ("done", 1),
        "checkpoint-20": ("done", 2),
        "checkpoint-25": ("failed", 1),
        "checkpoint-30": ("done", 1),
    }
    assert found["checkpoint-10"]["tokens_seen"] == 4096
    log = (work / "OUT" / "checkpoint-20" / "log.txt").read_text()
    (from_store,) = re.findall(r"(\d) of 3 trajectories read, \d scored", " ".join(log.split()))
    assert int(from_store) > 0, "the second attempt takes what the killed one had scored from the store"
    lines = (work / "OUT" / "table.md").read_text().splitlines()
    assert [line.split()[1] for line in lines if line.startswith("| checkpoint-")] == sorted(found)

    shutil.rmtree(broken)
    assert main(["sweep", "runs", "-o", "OUT", "--trajectories", "t.jsonl"]) == 0
    assert {name: state["attempts"] for name, state in states(work).items()}["checkpoint-30"] == 1
    assert capsys.readouterr().out.startswith("swe_hesnr, scope action\n")
    tables = [work / "OUT" / name / "tokens" for name in ("checkpoint-10", "checkpoint-30")]
    assert main(["measure", *map(str, tables)]) == 0


def test_a_watch_evaluates_a_checkpoint_that_is_written_while_it_looks(work, tiny_model):
    folder = work / "runs" / "checkpoint-1"
    thread = threading.Thread(
        target=write_slowly, args=(tiny_model, folder, FILES), kwargs={"closed": False}, daemon=True
    )
    thread.start()
    process = start("--watch", "0.2", "--settle", "1", "--until-step", "1", "--", "--limit", "1")
    output = process.communicate()[0]
    thread.join()
    assert process.returncode == 0, output
    assert states(work)["checkpoint-1"]["attempts"] == 1
    assert "checkpoint-1: done in " in output
