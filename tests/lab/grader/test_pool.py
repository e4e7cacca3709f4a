"""Children with limits: they grade, they stop what is too much, and they are replaced."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.grader import Pool
from lab.grader.grade import Case
from lab.grader.hostile_edits import Host
from lab.grader.probes import PROBES
from lab.grader.workers import Workers

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limits are those of Linux"),
]

TASK = Host(
    broken="def f(xs):\n    n = 0\n    for x in xs:\n        n -= x\n    return n\n",
    function="f",
    tests=(Case("[[1, 2]]", "3"), Case("[[]]", "0")),
    dialect="rows",
)
REASONS = {
    "4|        n += x": "solved",
    "5|    return -n": "solved",
    "4|        n += 1": "wrong",
    "4|        n += y": "error",
    "2|    while True: pass": "steps",
    "2|    import os": "forbidden",
    "9|    n = 0": "no edit",
    "2|    n = [0] * 999999 * 999999": "memory",
    "4|        xs.extend(xs)": "memory",
    "2|    n = [sorted(list(range(1999)) * 99)[0] for i in range(1990)]": "time",
}


def test_an_action_gets_the_grade_of_its_tests_or_of_the_limit_that_it_meets():
    with Pool(2) as pool:
        grades = pool.grade([TASK] * len(REASONS), list(REASONS))
    assert {action: grade.reason for action, grade in zip(REASONS, grades, strict=True)} == REASONS


def test_grades_come_in_the_order_of_the_actions_and_a_child_that_is_stopped_is_replaced():
    actions = ["4|        n += x", "4|        xs.extend(xs)"] * 3
    with Pool(2) as pool:
        assert [grade.solved for grade in pool.grade([TASK] * 6, actions)] == [True, False] * 3
        assert pool.workers.n_started >= 3
        pids = pool.workers.pids()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_each_task_needs_one_action():
    with Pool(1) as pool, pytest.raises(ValueError, match="1 tasks and 2 actions"):
        pool.grade([TASK], ["", ""])


def test_a_child_that_cannot_start_is_an_error_and_not_a_grade():
    with Workers(1, "lab.grader.nothing:answer", 0.5) as workers, pytest.raises(RuntimeError, match="did not start"):
        list(workers.replies([{}]))


@pytest.mark.parametrize("handler", ["lab.grader.probes:answer", "tests.lab.grader.unfiltered:answer"])
def test_the_limits_refuse_what_the_check_of_syntax_might_miss_also_without_the_filter(handler, tmp_path):
    (tmp_path / "canary").write_text("alive")
    probes = ["fork", "thread", "start program", "read file", "write file", "connect", "more memory", "more files"]
    if os.geteuid() == 0 or handler.startswith("lab"):
        probes += ["signal parent", "become root", "read memory of parent"]
    with socket.create_server(("127.0.0.1", 0)) as server, Workers(1, handler, 0.5) as workers:
        place = {"folder": str(tmp_path), "port": server.getsockname()[1], "parent": os.getpid()}
        requests = [{"probe": probe, **place} for probe in probes]
        answers = {probes[i]: reply.answer for i, reply in workers.replies(requests)}
        filtered = "system calls" in workers.defences
    assert answers == dict.fromkeys(probes, "refused")
    assert filtered is not handler.startswith("tests")


@pytest.mark.parametrize(
    "probe", ["all memory", "long operation", "endless loop", "many words", "another reply", "crash"]
)
def test_a_child_that_does_not_end_or_writes_nonsense_is_ended(probe):
    assert probe in PROBES
    with Workers(1, "lab.grader.probes:answer", 0.2) as workers:
        ((_, reply), (_, next_reply)) = workers.replies([{"probe": probe}, {"probe": "fork"}])
    assert reply.failed in ("memory", "time", "killed")
    assert next_reply.answer == "refused"


def test_of_some_hostile_edits_nothing_gets_out():
    # in a process of its own: the memory of the largest child is that of all children which a process has had
    command = [sys.executable, "-m", "lab.grader.attack", "-n", "40", "--seed", "5"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("40 edits: ")
    assert done.stdout.endswith("\nnothing got out\n")


def test_a_child_that_has_ended_while_it_had_nothing_to_do_costs_no_grade():
    with Pool(1) as pool:
        assert pool.grade([TASK], ["4|        n += x"])[0].solved
        os.kill(pool.workers.pids()[0], signal.SIGKILL)
        time.sleep(0.2)
        assert pool.grade([TASK], ["4|        n += x"])[0].solved
        assert pool.workers.n_started == 2


def test_sets_of_texts_have_the_same_order_in_all_children():
    source = "def f(xs):\n    return ''.join(set(xs))\n"
    results = set()
    for _ in range(3):
        with Workers(1, "tests.lab.grader.unfiltered:result", 0.5) as workers:
            ((_, reply),) = workers.replies([{"source": source, "arguments": '[["a", "b", "c", "d", "e"]]'}])
            results.add(reply.answer)
    assert len(results) == 1
