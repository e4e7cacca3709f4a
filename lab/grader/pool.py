"""Grades of many actions."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any, cast

from lab.grader.edits import LONGEST_ACTION
from lab.grader.grade import REASONS, Gradable, Grade, Reason
from lab.grader.worker import Reply
from lab.grader.workers import Workers

HANDLER = "lab.grader.checks:answer"
SECONDS = 0.5
"""Processor time of one grade."""
LONGEST_REPLY = 100
"""Bytes of the reply with a grade."""


class Pool:
    """Grades actions in child processes. A context manager: `with Pool(2) as pool: pool.grade(tasks, actions)`.

    Use it from one thread. The system ends each child when the thread that has started it ends; then the next call
    of `grade` starts others.
    """

    def __init__(self, n_workers: int = 2) -> None:
        self.workers = Workers(n_workers, HANDLER, SECONDS, LONGEST_REPLY)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.workers.__exit__()

    def grade(self, tasks: Sequence[Gradable], actions: Sequence[str]) -> list[Grade]:
        """The grade of each action, in order. Everything about the actions happens in the children.

        After an exception, also `KeyboardInterrupt`, the pool can be used as before.

        Raises:
            ValueError: there are not as many actions as tasks, or an action is not a text. No child has seen any.
            RuntimeError: a child could not start.
        """
        if len(tasks) != len(actions):
            raise ValueError(f"{len(tasks)} tasks and {len(actions)} actions: each task needs one action")
        for i, action in enumerate(actions):
            if not isinstance(action, str):
                raise ValueError(f"action {i} is of type {type(action).__name__}: an action is a text (str)")
        grades = [Grade("killed")] * len(tasks)
        requests = (_request(task, action) for task, action in zip(tasks, actions, strict=True))
        with closing(self.workers.replies(requests)) as replies:
            for i, reply in replies:
                grades[i] = Grade(_reason(reply))
        return grades


def _request(task: Gradable, action: str) -> dict[str, Any]:
    return {
        "broken": task.broken,
        "function": task.function,
        "tests": [list(test) for test in task.tests],
        "dialect": task.dialect,
        "action": action[: LONGEST_ACTION + 1],  # one more than is allowed, so that the child refuses it
    }


def _reason(reply: Reply) -> Reason:
    reason = reply.failed or reply.answer
    return cast(Reason, reason) if reason in REASONS else "killed"
