"""Counts, shares and speeds of micro-SWE, as the lines of a report."""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator, Sequence

from lab.grader import Pool
from lab.micro_swe.canonical import digest
from lab.micro_swe.dataset import LEVELS, dataset, evaluation
from lab.micro_swe.random_edits import all_edits, edits_of_row
from lab.micro_swe.splits import is_of, template_is_kept
from lab.micro_swe.task import Task
from lab.micro_swe.templates import TEMPLATES

SEED = 7
N_GUESSED = 300
"""Tasks for which all edits of one token are graded."""


def measure(n: int) -> Iterator[str]:
    """The lines of the report.

    Args:
        n: number of training tasks that are made for it.
    """
    yield from _templates()
    train: dict[int, list[Task]] = {}
    for level in LEVELS:
        start = time.monotonic()
        train[level] = dataset("train", level, n, SEED)
        seconds = time.monotonic() - start
        yield from _counts(f"level {level}, {n} training tasks", train[level])
        yield f"  made {n / seconds:.0f} per second with two children"
    with Pool(2) as pool:
        for level in LEVELS:
            yield from _graded(pool, level, train[level])
        for level in LEVELS:
            kept = evaluation(level)
            for split, tasks in kept.items():
                yield from _counts(f"level {level}, split {split}, {len(tasks)} tasks", tasks)
                yield from _graded(pool, level, tasks)
                yield _overlap(train[level], tasks)
        yield from _guessing(pool, train[1][:N_GUESSED])
    for who, name in ((resource.RUSAGE_SELF, "parent"), (resource.RUSAGE_CHILDREN, "largest child")):
        yield f"peak memory of the {name}: {resource.getrusage(who).ru_maxrss >> 10} MiB"


def _templates() -> Iterator[str]:
    functions = {template.name: {digest(text) for text in template.variants()} for template in TEMPLATES}
    kept = {name for name in functions if template_is_kept(name)}
    every = set().union(*functions.values())
    yield f"{len(TEMPLATES)} templates, {len(every)} functions up to names"
    yield f"  {len(kept)} templates are kept whole, with {sum(len(functions[name]) for name in kept)} functions"
    texts = [text for template in TEMPLATES if template.name not in kept for text in template.variants()]
    n_test = len({digest(text) for text in texts if is_of(text, "test")})
    n_others = len(every) - sum(len(functions[name]) for name in kept)
    yield f"  of the other {n_others}, {n_test} are kept for the split test"


def _counts(name: str, tasks: Sequence[Task]) -> Iterator[str]:
    kinds = {task.bug.kind for task in tasks}
    yield (
        f"{name}: {len({task.template for task in tasks})} templates, {len({task.canon for task in tasks})} functions "
        f"up to names, {len({task.prompt for task in tasks})} prompts, {len(kinds)} kinds of bugs"
    )
    chars, action = _mean(len(task.prompt) for task in tasks), _mean(len(task.action) for task in tasks)
    rows = _mean(task.broken.count("\n") for task in tasks)
    yield f"  means: {chars:.0f} characters of prompt, {action:.0f} of action, {rows:.1f} rows"


def _graded(pool: Pool, level: int, tasks: Sequence[Task]) -> Iterator[str]:
    start = time.monotonic()
    solved = sum(grade.solved for grade in pool.grade(tasks, [task.cut(task.action) for task in tasks]))
    seconds = time.monotonic() - start
    untouched = pool.grade(tasks, [_no_change(task) for task in tasks])
    passing = sum(grade.solved for grade in untouched)
    yield (
        f"  level {level}: the gold action solves {solved} of {len(tasks)}, the file as it is {passing}; "
        f"{len(tasks) / seconds:.0f} grades per second"
    )


def _no_change(task: Task) -> str:
    """An action that leaves the file as it is."""
    return "sed -i 's/QQQ/QQ/' m.py" if task.dialect == "sed" else f"1|{task.broken.splitlines()[0]}"


def _overlap(train: Sequence[Task], kept: Sequence[Task]) -> str:
    """How many kept tasks have a function, right or wrong, that training tasks have too."""
    shown = {canon for task in train for canon in (task.canon, task.broken_canon)}
    right = sum(task.canon in shown for task in kept)
    wrong = sum(task.broken_canon in shown for task in kept)
    return f"  functions that the training tasks also have, up to names: {right} right, {wrong} with the bug"


def _guessing(pool: Pool, tasks: Sequence[Task]) -> Iterator[str]:
    for name, edits in (("any row", all_edits), ("the row with the bug", edits_of_row)):
        pairs = [(task, action) for task in tasks for action in edits(task)]
        grades = pool.grade([task for task, _ in pairs], [action for _, action in pairs])
        shares: dict[str, list[bool]] = {}
        for (task, _), grade in zip(pairs, grades, strict=True):
            shares.setdefault(task.id, []).append(grade.solved)
        share = sum(_mean(iter(solved)) for solved in shares.values()) / len(tasks)
        yield (
            f"level 1: {len(pairs) / len(tasks):.1f} edits of one token of {name}, of which "
            f"{sum(grade.solved for grade in grades) / len(tasks):.2f} solve the task; a random one solves it in "
            f"{100 * share:.1f} %"
        )


def _mean(numbers: Iterator[int] | Iterator[bool]) -> float:
    values = list(numbers)
    return sum(values) / len(values)
