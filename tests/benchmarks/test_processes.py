"""A command of a benchmark leaves no process behind, also not one in a session of its own."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.processes import ROOT, run

WORKER = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1], str(os.getpid())).touch(); time.sleep(600)"
PARENT = f"""
import pathlib, subprocess, sys, time
worker = [sys.executable, "-c", {WORKER!r}, sys.argv[1]]
subprocess.Popen(worker, start_new_session=True, stdout=subprocess.DEVNULL)
while not any(pathlib.Path(sys.argv[1]).iterdir()):
    time.sleep(0.1)
print("started", flush=True)
"""


def wait_for(folder, n):
    """Return the processes that have written their number into the folder, as soon as they are `n`."""
    for _ in range(2000):
        if len(found := [int(path.name) for path in folder.iterdir()]) == n:
            return found
        time.sleep(0.1)
    raise AssertionError(f"{n} processes were not started")


def runs(pid):
    """Whether the process is there, and is not only waiting for its parent to read its exit status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # the second one if it ends while the file is read
        return False


def has_ended(pid):
    """Whether the process ends, or has ended. A killed process is still there for a moment."""
    for _ in range(100):
        if not runs(pid):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.end_to_end
def test_lines_are_given_and_the_exit_status_is_returned(tmp_path):
    lines: list[str] = []
    code = "import os, sys; print(os.environ['HF_HUB_OFFLINE']); print('why', file=sys.stderr); sys.exit(3)"
    assert run([sys.executable, "-c", code], 600, tmp_path / "log", lines.append) == 3
    assert lines == ["1\n"]
    assert (tmp_path / "log").read_text() == "why\n"


@pytest.mark.end_to_end
@pytest.mark.parametrize(("last", "limits", "status"), [("", [600], 0), ("time.sleep(600)", [5, 20, 80, 320], None)])
def test_nothing_is_left_after_the_end_or_the_limit(tmp_path, last, limits, status):
    for limit in limits:  # two processes may need more than the first one to start
        folder = tmp_path / str(limit)
        folder.mkdir()
        command = [sys.executable, "-c", PARENT + last, str(folder)]
        lines: list[str] = []
        assert run(command, limit, tmp_path / "log", lines.append) == status
        if lines:
            break
    [pid] = wait_for(folder, 1)
    assert has_ended(pid)


@pytest.mark.end_to_end
def test_torchrun_and_its_workers_end_when_the_benchmark_is_stopped(tmp_path):
    worker = tmp_path / "worker.py"
    worker.write_text(WORKER)
    (tmp_path / "pids").mkdir()
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [sys.executable, *launcher, str(worker), str(tmp_path / "pids")]
    code = f"from pathlib import Path; from benchmarks.processes import run; run({command!r}, 600, Path('log'))"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)})
    try:
        pids = wait_for(tmp_path / "pids", 2)
        process.terminate()
        assert process.wait() == 128 + signal.SIGTERM
        assert all(has_ended(pid) for pid in pids)
    finally:
        process.kill()
        process.wait()
