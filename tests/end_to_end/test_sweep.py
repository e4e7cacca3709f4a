"""`hesnr sweep` with a program in place of the harness that is quick, and fails or waits as its checkpoint says."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from lm_eval_hesnr.cli import main
from lm_eval_hesnr.results.sweep.readiness import sizes_in
from tests.builders import first_turns, results_json, write_slowly

pytestmark = pytest.mark.end_to_end

PROGRAM = """
import json, os, sys, time, yaml
from pathlib import Path
config = yaml.safe_load(Path(sys.argv[sys.argv.index("--config") + 1]).read_text())
folder = Path(config["model_args"]["pretrained"])
with open("journal", "a") as journal:
    size = (folder / "model.safetensors").stat().st_size
    journal.write(f"{folder.name} {size} {os.environ.get('CUDA_VISIBLE_DEVICES', '')}\\n")
does = (folder / "does").read_text() if (folder / "does").exists() else ""
if "slow" in does:
    (folder / "began").write_text("")
    while not (folder / "go").exists():
        time.sleep(0.02)
if "fail" in does:
    sys.exit("error: the weights of " + folder.name + " are strange")
if "die" in does:
    os.kill(os.getpid(), 9)
results = json.loads(Path("template.json").read_text())
results["results"]["swe_hesnr"]["he_snr,action"] = 0.1 + int(folder.name.split("-")[1]) / 1e6
out = Path(config["output_path"]) / "model"
out.mkdir(parents=True, exist_ok=True)
(out / f"results_{time.time_ns()}.json").write_text(json.dumps(results))
"""


@pytest.fixture
def work(tmp_path, monkeypatch, ends_in_any_case):
    """The current folder, with the program and short trajectories."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "program.py").write_text(PROGRAM)
    (tmp_path / "template.json").write_text(json.dumps(results_json(0.1)))
    first_turns(tmp_path / "t.jsonl", 2)
    (tmp_path / "runs").mkdir()
    return tmp_path


def write(work, model, *steps, does="", closed=True):
    for step in steps:
        folder = shutil.copytree(model, work / "runs" / f"checkpoint-{step}", copy_function=os.link)
        (folder / "does").write_text(does)
        if closed:
            (folder / "trainer_state.json").write_text("{}")


def arguments(*more, runs="runs"):
    launcher = f"{sys.executable} program.py"
    return ["sweep", runs, "-o", "OUT", "--trajectories", "t.jsonl", "--launcher", launcher, *more]


def sweep(*more, runs="runs"):
    return main(arguments(*more, runs=runs))


def start(*more):
    command = [sys.executable, "-m", "lm_eval_hesnr.cli", *arguments(*more)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def wait_for(path):
    while not path.exists():
        time.sleep(0.02)


def states(work):
    return {path.parent.name: json.loads(path.read_text()) for path in (work / "OUT").glob("*/state.json")}


def statuses(work):
    return {name: state["status"] for name, state in sorted(states(work).items())}


def journal(work):
    return [line.split()[0] for line in (work / "journal").read_text().splitlines()]


def test_every_checkpoint_is_evaluated_once_in_the_order_of_the_steps(work, tiny_model, capsys):
    write(work, tiny_model, 20, 100, 3)
    assert sweep() == 0
    assert journal(work) == ["checkpoint-3", "checkpoint-20", "checkpoint-100"]
    out = capsys.readouterr().out
    assert re.search(r"checkpoint-100: done in \d+ s; he_snr 0\.1001 \(.*\); 3 of 3\n", out)
    assert re.search(r"checkpoint-3: done .*; about \d+ s left", out)
    assert out.index("\ncheckpoint-3 ") < out.index("\ncheckpoint-20 ") < out.index("\ncheckpoint-100 ")
    assert json.loads((work / "OUT" / "sweep.json").read_text())["checkpoints"] == [
        "checkpoint-3", "checkpoint-20", "checkpoint-100",
    ]  # fmt: skip
    assert "\n\nswe_hesnr, scope action\n" in out
    assert out.endswith("OUT/table.csv: 3 checkpoints: 3 done\nOUT/report.html: the report, for a browser\n")
    report = (work / "OUT" / "report.html").read_text()
    assert all(f"checkpoint-{step}" in report for step in (3, 20, 100))
    assert sweep() == 0
    assert len(journal(work)) == 3
    assert capsys.readouterr().out.startswith("swe_hesnr, scope action\n"), "the table alone"


def test_a_new_checkpoint_and_changed_weights_are_evaluated_by_the_next_call(work, tiny_model):
    write(work, tiny_model, 1, 2)
    assert sweep() == 0
    write(work, tiny_model, 3)
    weights = work / "runs" / "checkpoint-1" / "model.safetensors"
    content = weights.read_bytes()
    weights.unlink()
    weights.write_bytes(content)
    assert sweep() == 0
    assert journal(work)[2:] == ["checkpoint-1", "checkpoint-3"]
    assert states(work)["checkpoint-1"]["attempts"] == 2


def test_a_failure_is_one_line_and_the_others_go_on(work, tiny_model, capsys):
    write(work, tiny_model, 1, 3)
    write(work, tiny_model, 2, does="fail")
    write(work, tiny_model, 4, does="die")
    assert sweep() == 1
    out = capsys.readouterr().out
    log = "OUT/checkpoint-2/log.txt"
    assert f"checkpoint-2: failed (exit 1): error: the weights of checkpoint-2 are strange; {log}\n" in out
    assert "checkpoint-4: failed (killed): killed by SIGKILL, perhaps out of memory; " in out
    assert list(statuses(work).values()) == ["done", "failed", "done", "failed"]
    (work / "runs" / "checkpoint-2" / "does").write_text("")
    (work / "runs" / "checkpoint-4" / "does").write_text("")
    assert sweep() == 0
    assert sorted(journal(work)[4:]) == ["checkpoint-2", "checkpoint-4"]
    assert (work / log).read_text().count("== ") == 2, "the log has both attempts"


def test_three_failures_in_a_row_for_the_same_reason_end_the_sweep(work, tiny_model, capsys):
    write(work, tiny_model, *range(1, 6), does="fail")
    assert sweep() == 1
    assert len(journal(work)) == 3
    assert "the last 3 checkpoints failed for the same reason" in capsys.readouterr().out


def test_weights_that_are_cut_or_missing_are_incomplete_at_once(work, tiny_model, capsys):
    write(work, tiny_model, 1, 2, 3)
    for step, n_bytes in ((1, 1000), (2, None)):
        weights = work / "runs" / f"checkpoint-{step}" / "model.safetensors"
        content = weights.read_bytes()
        weights.unlink()
        if n_bytes:
            weights.write_bytes(content[:n_bytes])
    assert sweep("--settle", "1d") == 1, "it does not wait for --settle"
    out = capsys.readouterr().out
    assert (
        "checkpoint-1: incomplete; runs/checkpoint-1: model.safetensors: its length is not the one in its header" in out
    )
    assert "checkpoint-2: incomplete; runs/checkpoint-2: has no weights" in out
    assert list(statuses(work).values()) == ["incomplete", "incomplete", "done"]


def test_folders_that_may_still_be_written_wait_together_once(work, tiny_model, capsys, monkeypatch):
    write(work, tiny_model, 1, 2, closed=False)
    write(work, tiny_model, 3)

    def changing(folder):
        """A file of checkpoint-2 has changed at each look, however long the looks are apart."""
        sizes = sizes_in(folder)
        if folder.name == "checkpoint-2":
            sizes["generation_config.json"] = (1, time.time_ns(), 2**62 + time.monotonic_ns() % 2**60)
        return sizes

    with monkeypatch.context() as patched:
        patched.setattr("lm_eval_hesnr.results.sweep.readiness.sizes_in", changing)
        assert sweep("--settle", "2") == 1
    assert sorted(journal(work)) == ["checkpoint-1", "checkpoint-3"]
    assert "checkpoint-2: incomplete; runs/checkpoint-2: is still being written" in capsys.readouterr().out
    assert sweep("--settle", "0") == 0


@contextmanager
def checkpoint_2_is_removed(work, tiny_model):
    """Write three checkpoints. While the first one is evaluated, the second one is removed."""
    write(work, tiny_model, 1, does="slow")
    write(work, tiny_model, 2, 3)

    def remove():
        wait_for(work / "runs" / "checkpoint-1" / "began")
        shutil.rmtree(work / "runs" / "checkpoint-2")
        (work / "runs" / "checkpoint-1" / "go").write_text("")

    thread = threading.Thread(target=remove, daemon=True)
    thread.start()
    yield
    thread.join()


def test_a_folder_that_is_removed_before_its_turn_is_gone(work, tiny_model, capsys):
    with checkpoint_2_is_removed(work, tiny_model):
        assert sweep() == 1
    assert "checkpoint-2: gone; runs/checkpoint-2: the folder was removed\n" in capsys.readouterr().out
    assert list(statuses(work).values()) == ["done", "gone", "done"]
    assert "checkpoint-2" in (work / "OUT" / "table.md").read_text()


def test_a_named_folder_that_is_removed_does_not_stop_the_others(work, tiny_model, capsys):
    names = [f"runs/checkpoint-{step}" for step in (1, 2, 3)]
    with checkpoint_2_is_removed(work, tiny_model):
        assert main(["sweep", *names, *arguments()[2:]]) == 1
    assert list(statuses(work).values()) == ["done", "gone", "done"]


def test_results_stay_when_a_finished_checkpoint_is_removed(work, tiny_model):
    write(work, tiny_model, 1, 2)
    assert sweep() == 0
    shutil.rmtree(work / "runs" / "checkpoint-1")
    assert sweep() == 0
    assert sweep(runs="runs/checkpoint-1") == 0
    assert "| checkpoint-1 | 1 | 0.1000 |" in (work / "OUT" / "table.md").read_text()
    assert len(journal(work)) == 2


def test_other_settings_in_the_same_folder_are_refused(work, tiny_model, capsys):
    write(work, tiny_model, 1)
    assert sweep() == 0
    assert sweep("--metadata", '{"k": 20}') == 2
    assert "OUT: was made with other settings: metadata (there " in capsys.readouterr().err
    assert sweep("--", "--limit", "1") == 2
    assert 'further (there [], now ["--limit", "1"])' in capsys.readouterr().err
    first_turns(work / "t.jsonl", 5)
    assert sweep() == 0, "nothing is to be evaluated"
    write(work, tiny_model, 2)
    assert sweep() == 2
    assert "OUT: the content of t.jsonl (swe_hesnr) has changed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--metadata", '{"max_tokens": 1}'], "all trajectories have more than max_tokens = 1 tokens"),
        (["--metadata", '{"only_resolvd": true}'], "did you mean 'only_resolved'"),
        (["--tasks", "swe_hesnrr"], "swe_hesnr"),
        (["--tasks", "swe_hesnr,gsm8kk"], "--tasks gsm8kk: did you mean 'gsm8k'? lm_eval has no such task"),
        (["--model", "nosuch"], "--model nosuch: lm_eval has no such model; hf-topk and vllm-topk score trajectories"),
        (["--", "--limt", "2"], "after --: unrecognized arguments: --limt 2"),
        (["--", "--limit", "x"], "after --: argument --limit"),
        (["--", "--tasks", "hellaswag"], "after --: --tasks is not possible here"),
        (["--model", "hf"], "swe_hesnr needs a model that scores whole trajectories"),
    ],
)
def test_mistakes_are_found_before_anything_is_run_or_written(work, tiny_model, capsys, more, message):
    write(work, tiny_model, 1)
    assert sweep(*more) == 2
    assert message in capsys.readouterr().err
    assert not (work / "OUT").exists()
    assert not (work / "journal").exists()


def test_a_dry_run_shows_the_commands_and_the_gpus_and_writes_nothing(work, tiny_model, capsys):
    write(work, tiny_model, 1, 2, 3)
    (work / "runs" / "checkpoint-3" / "config.json").unlink()
    assert sweep("--gpus", "4,6", "--gpus-per-model", "1", "--dry-run", "--", "--limit", "2") == 0
    out = capsys.readouterr().out
    command = (
        rf"{re.escape(sys.executable)} program.py -m lm_eval_hesnr run --config OUT/checkpoint-\d/run.yaml --limit 2"
    )
    assert re.search(rf"checkpoint-1: step 1; ready\n +CUDA_VISIBLE_DEVICES=4 {command}\n", out)
    assert re.search(rf"checkpoint-2: step 2; ready\n +CUDA_VISIBLE_DEVICES=6 {command}\n", out)
    assert "checkpoint-3: step 3; incomplete, has no config.json\n" in out
    assert "2 of 3 checkpoints would be evaluated, 2 at a time" in out
    assert re.search(r"\nrun of checkpoint-1: \d \w+, [\d,]+ tokens: [\d,]+ to score, [\d,]+ to read in windows", out)
    assert "\nruns/checkpoint-1: 3.41 M parameters; at least " in out
    assert not (work / "OUT").exists()
    assert not (work / "journal").exists()


def test_as_many_checkpoints_run_at_the_same_time_as_the_gpus_allow(work, tiny_model):
    write(work, tiny_model, 1, 2, 3, does="slow")

    def go():
        for step in (1, 2):
            wait_for(work / "runs" / f"checkpoint-{step}" / "began")
        assert not (work / "runs" / "checkpoint-3" / "began").exists()
        for step in (3, 2, 1):
            (work / "runs" / f"checkpoint-{step}" / "go").write_text("")

    thread = threading.Thread(target=go, daemon=True)
    thread.start()
    assert sweep("--gpus", "0,1,2,3,4", "--gpus-per-model", "2") == 0
    thread.join()
    gpus = {line.split()[0]: line.split()[2] for line in (work / "journal").read_text().splitlines()}
    assert (gpus["checkpoint-1"], gpus["checkpoint-2"]) == ("0,1", "2,3")


def test_a_checkpoint_that_takes_too_long_is_ended(work, tiny_model, capsys):
    write(work, tiny_model, 1, does="slow")
    assert sweep("--timeout", "1") == 1
    assert "checkpoint-1: failed (killed): --timeout: was not finished after 1 s" in capsys.readouterr().out
    assert statuses(work) == {"checkpoint-1": "failed"}


def test_two_shards_at_the_same_time_are_disjoint_and_together_complete(work, tiny_model):
    write(work, tiny_model, *range(1, 8))
    processes = [start("--shard", f"{i}/2") for i in (1, 2)]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], outputs
    assert sorted(journal(work)) == sorted(f"checkpoint-{step}" for step in range(1, 8))
    assert set(statuses(work).values()) == {"done"}
    assert (work / "OUT" / "table.md").read_text().count("| checkpoint-") == 7
    assert len(json.loads((work / "OUT" / "sweep.json").read_text())["checkpoints"]) == 7


def test_two_sweeps_at_the_same_time_share_the_work(work, tiny_model):
    write(work, tiny_model, *range(1, 6))
    processes = [start("--order", order) for order in ("oldest", "newest")]
    assert [process.wait() for process in processes] == [0, 0]
    assert sorted(journal(work)) == [f"checkpoint-{step}" for step in range(1, 6)]


@pytest.mark.parametrize("with_its_process", [True, False])
def test_a_killed_sweep_continues(work, tiny_model, with_its_process):
    write(work, tiny_model, 1, 3)
    write(work, tiny_model, 2, does="slow")
    process = start()
    wait_for(work / "runs" / "checkpoint-2" / "began")
    process.kill()
    process.wait()
    state = states(work)["checkpoint-2"]
    assert state["status"] == "running"
    if with_its_process:
        os.killpg(state["pid"], signal.SIGKILL)
    again = start()
    if not with_its_process:
        assert again.stdout is not None
        while "another process evaluates it" not in again.stdout.readline():
            pass
    (work / "runs" / "checkpoint-2" / "go").write_text("")
    assert again.wait() == 0
    assert set(statuses(work).values()) == {"done"}
    assert journal(work).count("checkpoint-1") == journal(work).count("checkpoint-3") == 1
    assert journal(work).count("checkpoint-2") == 2


def test_ctrl_c_waits_for_the_running_checkpoint_and_a_second_one_does_not(work, tiny_model):
    write(work, tiny_model, 1, 2, does="slow")
    process = start()
    wait_for(work / "runs" / "checkpoint-1" / "began")
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    while "stops after 1 running checkpoint; press Ctrl-C again" not in process.stdout.readline():
        pass
    (work / "runs" / "checkpoint-1" / "go").write_text("")
    assert process.wait() == 130
    assert statuses(work) == {"checkpoint-1": "done"}
    process = start()
    wait_for(work / "runs" / "checkpoint-2" / "began")
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    while "stops after 1 running checkpoint; press Ctrl-C again" not in process.stdout.readline():
        pass  # two signals that come together are one
    process.send_signal(signal.SIGINT)
    assert "the same command continues" in process.communicate()[0]
    assert process.returncode == 130
    assert statuses(work) == {"checkpoint-1": "done", "checkpoint-2": "waiting"}


@pytest.mark.parametrize("closed", [True, False])
def test_a_watch_never_starts_before_a_checkpoint_is_whole(work, tiny_model, closed):
    shutil.rmtree(work / "runs")  # the training has not begun
    files = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]

    def train():
        for step, order in ((1, files), (2, files[::-1])):
            write_slowly(tiny_model, work / "runs" / f"checkpoint-{step}", order, closed=closed)

    thread = threading.Thread(target=train, daemon=True)
    thread.start()
    assert sweep("--watch", "0.2", "--settle", "1", "--until-step", "2") == 0
    thread.join()
    whole = (tiny_model / "model.safetensors").stat().st_size
    assert [line.split()[:2] for line in (work / "journal").read_text().splitlines()] == [
        [f"checkpoint-{step}", str(whole)] for step in (1, 2)
    ]


def test_a_watch_evaluates_the_newest_first_and_ends_when_it_is_idle(work, tiny_model, capsys):
    write(work, tiny_model, 1, 2, 3)
    assert sweep("--watch", "0.2", "--until-idle", "1s") == 0
    assert journal(work) == ["checkpoint-3", "checkpoint-2", "checkpoint-1"]
    assert "nothing new for 1 s\n" in capsys.readouterr().out


def test_a_watch_writes_the_report_after_each_checkpoint(work, tiny_model, capsys):
    write(work, tiny_model, 2)
    write(work, tiny_model, 1, does="slow")
    found = []

    def look():
        wait_for(work / "OUT" / "report.html")
        found.append((work / "OUT" / "report.html").read_text())
        (work / "OUT" / "report.html").write_text("mine")
        (work / "runs" / "checkpoint-1" / "go").write_text("")

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    assert sweep("--watch", "0.2", "--until-idle", "1s") == 0
    thread.join()
    assert "checkpoint-2" in found[0]
    out = capsys.readouterr().out
    assert out.count("\nno new report: ") == 1, "the file of someone else stays, and is named once"
    assert out.endswith("OUT/table.csv: 2 checkpoints: 2 done\n")
    assert (work / "OUT" / "report.html").read_text() == "mine"


def test_a_watch_waits_for_the_first_checkpoint(work, tiny_model):
    thread = threading.Timer(1, write, (work, tiny_model, 1))
    thread.start()
    assert sweep("--watch", "0.2", "--until-step", "1") == 0
    thread.join()
    assert journal(work) == ["checkpoint-1"]


def test_a_file_named_stop_ends_a_watch(work, tiny_model, capsys):
    write(work, tiny_model, 1)

    def stop():
        wait_for(work / "OUT" / "checkpoint-1" / "state.json")
        while statuses(work) != {"checkpoint-1": "done"}:
            time.sleep(0.05)
        (work / "OUT" / "STOP").write_text("")

    thread = threading.Thread(target=stop, daemon=True)
    thread.start()
    assert sweep("--watch", "0.2") == 0
    thread.join()
    assert sweep("--watch", "0.2") == 2
    assert "OUT/STOP: this file stops the sweep; remove it" in capsys.readouterr().err


def test_a_folder_of_another_format_says_how_to_convert_it(work, tiny_model, capsys):
    folder = work / "runs" / "step-5"
    folder.mkdir()
    Path(folder / ".metadata").write_text("")
    assert sweep() == 1
    assert "step-5: incomplete; runs/step-5: is not a Hugging Face folder; convert it" in capsys.readouterr().out
