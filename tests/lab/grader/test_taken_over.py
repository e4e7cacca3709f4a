"""A child that foreign code has taken over, or that others disturb, does not hang the parent or change later grades."""

import os
import signal
import sys
import threading
from dataclasses import replace

import pytest

from lab.grader import Pool
from lab.grader.grade import Case
from lab.grader.workers import Workers
from tests.lab.grader.test_pool import TASK

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the limits are those of Linux"),
]

RIGHT, WRONG = "4|        n += x", "4|        n += 1"
HANDLER = "tests.lab.grader.taken_over:answer"


def late(*_):
    raise TimeoutError


@pytest.fixture(autouse=True)
def little_patience(monkeypatch):
    """Children that wait are ended soon, and a test that hangs fails."""
    monkeypatch.setattr("lab.grader.worker.PATIENCE", 1.0)
    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(40)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def answers(*requests, longest_reply=100):
    """What one child at a time answers, in the order of the requests."""
    with Workers(1, HANDLER, 0.2, longest_reply) as workers:
        return [reply.failed or reply.answer for _, reply in workers.replies(requests)]


HONEST = {"do": "nothing"}


def test_an_answer_without_the_nonce_of_the_request_is_not_an_answer():
    assert answers(HONEST, {"do": "stay"}, HONEST, HONEST) == ["honest", "killed", "honest", "honest"]


def test_a_child_that_writes_a_byte_now_and_then_is_ended_after_the_time():
    assert answers({"do": "drip"}, HONEST) == ["killed", "honest"]


def test_a_child_that_ends_after_its_answer_costs_the_next_request_nothing():
    assert answers({"do": "leave"}, HONEST, HONEST) == ["left", "honest", "honest"]


def test_a_long_answer_is_refused():
    assert answers({"do": "nothing", "answer": "x" * 200}, HONEST) == ["killed", "honest"]


def test_a_child_that_does_not_read_is_ended_and_a_new_one_gets_the_request():
    long = replace(TASK, broken="def f(xs):\n    return 0\n", tests=(Case(f'["{"a" * 200_000}"]', "200000"),))
    with Pool(1) as pool:
        assert pool.grade([TASK], [RIGHT])[0].solved
        os.kill(pool.workers.pids()[0], signal.SIGSTOP)
        assert pool.grade([long], ["2|    return len(xs)"])[0].solved
        assert pool.workers.n_started == 2


def test_after_an_exception_the_pool_grades_as_before():
    with Pool(2) as pool:
        with pytest.raises(TypeError):
            pool.grade([TASK, TASK, replace(TASK, tests=None)], [RIGHT] * 3)  # type: ignore[arg-type]
        assert [grade.reason for grade in pool.grade([TASK] * 3, [WRONG] * 3)] == ["wrong"] * 3
        assert len(pool.workers.pids()) <= 2


@pytest.mark.parametrize("action", [None, b"2|", ["2|"]])
def test_an_action_that_is_not_a_text_is_an_error_before_a_child_is_asked(action):
    with Pool(1) as pool:
        with pytest.raises(ValueError, match="action 1 is"):
            pool.grade([TASK] * 2, [RIGHT, action])
        assert pool.workers.n_started == 0


def test_what_a_grade_has_left_in_memory_does_not_change_the_next_one():
    large = "2|    xs.append(xs)\n3|    for i in range(20): xs.append([0] * 999999)\n4|    return 0"
    with Pool(1) as pool:
        reasons = [grade.reason for grade in pool.grade([TASK] * 5, [large] * 4 + [RIGHT])]
        assert reasons == ["wrong"] * 4 + ["solved"]
        assert pool.workers.n_started == 1


def test_when_the_thread_that_has_started_a_child_ends_the_grades_stay_right():
    with Pool(1) as pool:
        thread = threading.Thread(target=pool.grade, args=([TASK], [RIGHT]))
        thread.start()
        thread.join()
        assert all(grade.solved for grade in pool.grade([TASK] * 3, [RIGHT] * 3))
