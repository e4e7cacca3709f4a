"""A template: a function with slots, and the kinds of its arguments.

A slot `«a|b|c»` is one of its alternatives. All names of variables and functions are roles (see `names`), which are
replaced by random names, so that they say nothing about the bug.
"""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

_SLOT = re.compile(r"«([^«»]*)»")
_BLANKS = re.compile(r" +$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Template:
    """A family of functions."""

    name: str
    kinds: tuple[str, ...]
    """The kind of each argument, see `arguments`."""
    text: str

    def slots(self) -> list[list[str]]:
        """The alternatives of each slot, in the order of the text."""
        return [slot.split("|") for slot in _SLOT.findall(self.text)]

    def filled(self, choices: tuple[str, ...] | list[str]) -> str:
        """The function with one alternative in each slot. Rows have no blanks at their end, if one is empty."""
        rest = iter(choices)
        return _BLANKS.sub("", _SLOT.sub(lambda _: next(rest), self.text))

    def pick(self, rng: random.Random) -> str:
        """The function with random alternatives."""
        return self.filled([rng.choice(slot) for slot in self.slots()])

    def variants(self) -> Iterator[str]:
        """Every function of the template."""
        return map(self.filled, itertools.product(*self.slots()))


def read_templates(text: str) -> list[Template]:
    """The templates in a text. Before each function, a line `# NAME: KIND, KIND` says its name and its arguments."""
    parts = re.split(r"^# (\w+): (.*)\n", text, flags=re.MULTILINE)[1:]
    return [
        Template(name, tuple(kinds.split(", ")), body.strip("\n") + "\n")
        for name, kinds, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    ]
