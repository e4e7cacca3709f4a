import os
import sys
import time
from pathlib import Path

import pytest

from lm_eval_hesnr.results.sweep.command import Command
from lm_eval_hesnr.results.sweep.job import Job

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc"),
]

CHILD = """
import signal, subprocess, sys, time
ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN)" if "stubborn" in sys.argv else "pass"
code = f"import signal, time; {ignore}; print('on', flush=True); time.sleep(600)"
child = subprocess.Popen([sys.executable, "-S", "-c", code], stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
if "fail" in sys.argv:
    sys.exit("error: a launcher")
child.wait()
"""


def start(tmp_path, *words):
    return Job(Command([sys.executable, "-S", "-c", CHILD, *words], ()), tmp_path, (tmp_path / "lock").open("wb"))


def child_of(job, tmp_path):
    """The number of the child, as soon as it runs."""
    while not (lines := [line for line in (tmp_path / "log.txt").read_text().splitlines() if line.isdigit()]):
        time.sleep(0.01)
    return int(lines[0])


def wait_for_end(pid):
    """Waits until a process has ended. It may not be reaped yet."""
    status = Path(f"/proc/{pid}/stat")
    while status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)


def test_what_a_failed_launcher_leaves_behind_is_ended_with_its_job(tmp_path):
    job = start(tmp_path, "fail")
    child = child_of(job, tmp_path)
    while job.poll() is None:
        time.sleep(0.01)
    assert job.reason() == "error: a launcher"
    os.kill(child, 0)  # it runs
    job.close()
    wait_for_end(child)


def test_several_jobs_get_the_time_to_end_together(tmp_path, monkeypatch):
    monkeypatch.setattr("lm_eval_hesnr.results.sweep.job._PATIENCE", 0.2)
    folders = [tmp_path / name for name in "ab"]
    for folder in folders:
        folder.mkdir()
    jobs = [start(folder, "stubborn") for folder in folders]
    children = [child_of(job, folder) for job, folder in zip(jobs, folders, strict=True)]
    for job in jobs:
        job.ask_to_end("stopped")
    for job in jobs:
        job.end()
        assert job.poll() is not None
        assert job.reason() == "stopped"
        job.close()
    for child in children:
        wait_for_end(child)


WRITER = "from pathlib import Path; p = Path({!r}); p.parent.mkdir(exist_ok=True); p.write_text('{{}}')"


def test_a_results_file_that_is_written_again_is_that_of_the_new_attempt(tmp_path):
    """The sweep was killed after the first attempt had written it."""
    path = tmp_path / "results" / "results_1.json"
    for expected in ("results/results_1.json", "results/results_1.json", None):
        words = [sys.executable, "-S", "-c", WRITER.format(str(path)) if expected else ""]
        job = Job(Command(words, ()), tmp_path, (tmp_path / "lock").open("wb"))
        while job.poll() is None:
            time.sleep(0.01)
        assert job.results() == (expected and Path(expected))
        job.close()
