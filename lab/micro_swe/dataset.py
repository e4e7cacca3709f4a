"""Tasks of a split, made in child processes with limits. The same arguments give the same tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lab.grader.worker import Reply
from lab.grader.workers import Workers
from lab.micro_swe.splits import SPLITS, Split
from lab.micro_swe.task import Task
from lm_eval_hesnr.errors import InputError

HANDLER = "lab.micro_swe.generate:answer"
SECONDS = 20.0
"""Processor time of one task. It needs some milliseconds."""
N_TEST, N_TEMPLATES = 400, 200
EVALUATION_SEED = 2601
LEVELS = (0, 1, 2, 3)
_ROUNDS = 20


def dataset(split: Split, level: int, n: int, seed: int, n_workers: int = 2) -> list[Task]:
    """`n` tasks. No two have the same bug in the same function up to names.

    Args:
        split: "train", "test" (functions that training never sees) or "templates" (nor their templates).
        level: 0 to 3, see `Task`.
        n: number of tasks.
        seed: the first `n` tasks of a longer list with the same seed are the same.
        n_workers: number of child processes.

    Raises:
        ValueError: another split or level.
        RuntimeError: a child could not start or failed.
        InputError: there are not as many different tasks.
    """
    if split not in SPLITS or level not in LEVELS:
        raise ValueError(f"split {split!r}, level {level!r}: a split is one of {', '.join(SPLITS)}, a level 0 to 3")
    tasks: dict[object, Task] = {}
    with Workers(n_workers, HANDLER, SECONDS) as workers:
        for first in range(0, _ROUNDS * n, max(n, 1)):
            for task in _made(workers, split, level, [f"{seed}-{i}" for i in range(first, first + n)]):
                tasks.setdefault((task.canon, task.broken_canon), task)
            if len(tasks) >= n:
                return list(tasks.values())[:n]
    raise InputError(
        f"split {split}, level {level}, seed {seed}: expected {n} different tasks, found {len(tasks)}; ask for fewer"
    )


def sft_examples(level: int, n: int, seed: int, n_workers: int = 2) -> list[tuple[str, str]]:
    """(prompt, action) of `n` tasks to fine-tune on. The action ends with `Task.stop`."""
    return [(task.prompt, task.action) for task in dataset("train", level, n, seed, n_workers)]


def evaluation(level: int, n_workers: int = 2) -> dict[Split, list[Task]]:
    """The fixed tasks to evaluate on: 400 of the split "test" and 200 of "templates"."""
    return {
        "test": dataset("test", level, N_TEST, EVALUATION_SEED, n_workers),
        "templates": dataset("templates", level, N_TEMPLATES, EVALUATION_SEED, n_workers),
    }


def _made(workers: Workers, split: Split, level: int, keys: Sequence[str]) -> Iterator[Task]:
    """The tasks for the keys, in their order."""
    requests = [{"split": split, "level": level, "key": key} for key in keys]
    replies: list[Reply | None] = [None] * len(keys)
    for i, reply in workers.replies(requests):
        replies[i] = reply
    for key, made in zip(keys, replies, strict=True):
        if made is None or made.failed or not isinstance(made.answer, dict):
            raise RuntimeError(f"the task {split} {level} {key} could not be made: {made and made.failed}")
        yield Task.from_json(made.answer)
