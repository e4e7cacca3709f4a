"""Makes tasks. It runs functions with bugs, so that it runs only in a child with limits, see `dataset`."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from tokenize import TokenError
from typing import Any

from lab.grader.execute import Outcome, outcome
from lab.grader.grade import Case
from lab.grader.syntax import ForbiddenError, compiled
from lab.grader.values import fresh
from lab.micro_swe.arguments import argument
from lab.micro_swe.bug import Bug
from lab.micro_swe.canonical import digest
from lab.micro_swe.larger import larger_bugs
from lab.micro_swe.names import own_names, random_names, renamed
from lab.micro_swe.one_token import one_token_bugs
from lab.micro_swe.rendering import prompt, text_of
from lab.micro_swe.splits import Split, is_of, template_is_kept
from lab.micro_swe.task import Task
from lab.micro_swe.template import Template
from lab.micro_swe.templates import TEMPLATES

N_TESTS = 24
LEAST_FAILING = 3
"""A bug must fail this many tests at least."""
LONGEST_SHOWN = 120
"""A wrong result with more characters is not shown: a prompt must be short."""
LEAST_RESULTS = 4
"""A function must give this many results at least, so that it is not nearly a constant."""
_TRIES = 400
"""Random arguments that are tried to find the tests of one function."""


class NoTaskError(RuntimeError):
    """No template gives a task for this request."""


def answer(request: dict[str, Any]) -> dict[str, Any]:
    """The task for a request of `dataset`, as JSON."""
    return make(request["split"], request["level"], request["key"]).to_json()


def make(split: Split, level: int, key: str) -> Task:
    """A task. The same arguments give the same task.

    Args:
        split: which templates and functions may be used.
        level: kind of bug and of text, see `Task`.
        key: the seed.

    Raises:
        NoTaskError: none was found.
    """
    rng = random.Random(f"micro-swe {split} {level} {key}")
    templates = [template for template in TEMPLATES if template_is_kept(template.name) == (split == "templates")]
    for _ in range(_TRIES):
        template = rng.choice(templates)
        roles = template.pick(rng)
        if not is_of(roles, split):
            continue
        good = renamed(roles, random_names(roles, rng))
        tests = tests_of(good, template, rng)
        task = tests and _with_bug(split, level, key, template.name, good, tests, rng)
        if task:
            return task
    raise NoTaskError(f"no task for {split}, level {level}, {key}")


def tests_of(good: str, template: Template, rng: random.Random) -> tuple[Case, ...]:
    """Calls with different arguments and their results; empty if the function gives too few different results."""
    code, function = compiled(good), own_names(good)[0]
    tests: dict[str, Case] = {}
    for _ in range(_TRIES):
        arguments = json.dumps([argument(kind, rng) for kind in template.kinds])
        if arguments not in tests:
            kind, text = outcome(code, function, arguments)
            if kind == "value":
                tests[arguments] = Case(arguments, text)
        if len(tests) == N_TESTS:
            enough = len({test.result for test in tests.values()}) >= LEAST_RESULTS
            return tuple(tests.values()) if enough else ()
    return ()


def outcomes(source: str, function: str, tests: tuple[Case, ...]) -> list[Outcome] | None:
    """What each test gives with another version of the function; None if it cannot be run, or needs all memory."""
    try:
        code = compiled(source)
        return [outcome(code, function, test.arguments) for test in tests]
    except (ForbiddenError, MemoryError):
        return None


def _with_bug(
    split: Split, level: int, key: str, template: str, good: str, tests: tuple[Case, ...], rng: random.Random
) -> Task | None:
    function = own_names(good)[0]
    for bug in _bugs(good, level, rng):
        failed = _failed(bug.broken, function, tests, split)
        if len(failed) < LEAST_FAILING or not _needs_all_changes(bug, function, tests):
            continue
        test, found = min(failed, key=lambda pair: len(pair[0].arguments))
        got = {"steps": "no result", "size": "a huge value"}.get(found.kind, found.text)
        got = "a long value" if len(got) > LONGEST_SHOWN else got
        call = f"{function}({', '.join(map(repr, fresh(test.arguments)))})"
        text = text_of(level, function, bug, call, got, test.result)
        return Task(
            id=f"micro-swe/{split}/{level}/{key}", level=level, template=template, function=function, good=good,
            bug=bug, canon=digest(good), broken_canon=digest(bug.broken), tests=tests, failing=len(failed), call=call,
            got=got, result=test.result, prompt=prompt(level, text), action=text.action + text.stop, stop=text.stop,
        )  # fmt: skip
    return None


def _bugs(good: str, level: int, rng: random.Random) -> Iterator[Bug]:
    one_token = level <= 1 or (level == 3 and rng.random() < 0.5)
    return one_token_bugs(good, rng) if one_token else larger_bugs(good, rng)


def _failed(broken: str, function: str, tests: tuple[Case, ...], split: Split) -> list[tuple[Case, Outcome]]:
    """The tests that do not pass; empty if the broken function belongs to another split or cannot be run."""
    try:
        if not is_of(broken, split):
            return []
    except (SyntaxError, TokenError):  # rows in an order that is not Python
        return []
    found = outcomes(broken, function, tests)
    if found is None:
        return []
    return [(test, got) for test, got in zip(tests, found, strict=True) if got != Outcome("value", test.result)]


def _needs_all_changes(bug: Bug, function: str, tests: tuple[Case, ...]) -> bool:
    """Whether no part of the fix passes all tests."""
    if len(bug.changes) < 2:
        return True
    for change in bug.changes:
        rows = bug.broken.splitlines()
        rows[change.row - 1] = change.text
        found = outcomes("\n".join(rows) + "\n", function, tests)
        if found is not None and all(got == Outcome("value", t.result) for t, got in zip(tests, found, strict=True)):
            return False
    return True
