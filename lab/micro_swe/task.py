"""A task: a file with one function that has a bug, a call that fails, and the tests."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from lab.grader.grade import Case, Dialect
from lab.micro_swe.bug import Bug, Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One task of micro-SWE. `lab.grader.Pool` grades actions for it."""

    id: str
    level: int
    """0: a bug of one token, and the report names its row. 1: a bug of one token. 2: two rows, or a missing row. 3: one
    token or two rows, through `sed -i` in a session."""
    template: str
    """The name of the template."""
    function: str
    """The name of the function."""
    good: str
    """The file without the bug."""
    bug: Bug
    canon: str
    """The digest of the canonical form of `good`."""
    broken_canon: str
    """The digest of the canonical form of `broken`."""
    tests: tuple[Case, ...]
    """24 calls with their results."""
    failing: int
    """The number of tests that the file with the bug does not pass."""
    call: str
    """A call that fails, such as `tally([1, 2])`."""
    got: str
    """What the call gives with the bug: a value, or the name of an exception."""
    result: str
    """What it must give."""
    prompt: str
    """What the model reads."""
    action: str
    """The right action, with `stop` at its end: what a model learns to write after the prompt."""
    stop: str
    """The end of an action. What a model writes after it is cut off."""

    @property
    def broken(self) -> str:
        """The file with the bug."""
        return self.bug.broken

    @property
    def dialect(self) -> Dialect:
        """How actions are written, see `lab.grader.edits`."""
        return "sed" if self.level == 3 else "rows"

    def cut(self, text: str) -> str:
        """The action in what a model wrote after the prompt: the text before `stop`."""
        return text.partition(self.stop)[0]

    def to_json(self) -> dict[str, Any]:
        """The fields, as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Task:
        """The task with these fields."""
        changes = tuple(Change(**change) for change in fields["bug"]["changes"])
        bug = Bug(fields["bug"]["broken"], changes, fields["bug"]["kind"])
        tests = tuple(Case(*test) for test in fields["tests"])
        return cls(**{**fields, "bug": bug, "tests": tests})
