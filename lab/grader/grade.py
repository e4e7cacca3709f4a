"""What the grader needs to know about a task, and its answer about an action."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, get_args

Dialect = Literal["rows", "sed"]
"""How an action is written, see `edits` and `sed`."""

Reason = Literal["solved", "no edit", "forbidden", "wrong", "steps", "error", "time", "memory", "killed"]
REASONS: tuple[str, ...] = get_args(Reason)


class Case(NamedTuple):
    """One call of the function, and its result."""

    arguments: str
    """A JSON list. JSON gives every call fresh values, so that no call sees what another has changed."""
    result: str
    """The result as `values.shown` writes it."""


class Gradable(Protocol):
    """A task: a file with one function that has a bug, and the tests of the function."""

    @property
    def broken(self) -> str:
        """The text of the file."""

    @property
    def function(self) -> str:
        """The name of the function."""

    @property
    def tests(self) -> Sequence[Case]:
        """The edited function must pass all of them."""

    @property
    def dialect(self) -> Dialect:
        """How the action is written."""


@dataclass(frozen=True, slots=True)
class Grade:
    """What the tests say about one action."""

    reason: Reason
    """The first reason that was found. "wrong", "error" and "steps" are those of the first test that did not pass:
    another result, an exception, too many steps. "no edit": the action is not an edit of the file. "forbidden": the
    edited file is not Python, or has syntax that the grader does not run. "killed": the child process was ended."""

    @property
    def solved(self) -> bool:
        """Whether all tests pass."""
        return self.reason == "solved"
