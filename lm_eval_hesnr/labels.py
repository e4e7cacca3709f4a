"""The labels of a trajectory's characters, and scopes: named sets of labels that measures are computed over."""

from __future__ import annotations

from enum import IntEnum

LABEL_RULES_VERSION = 3
"""Increase it whenever the labels of any trajectory change. It is part of every run's signature."""


class Label(IntEnum):
    """The label of a character or a token of a rendered trajectory. Its value is the code in uint8 arrays."""

    CODE = 0
    """The code of an action. The scope `action`, the main one, contains only this label."""
    MARKUP = 1
    """Action text around the code: fences, tags, and the braces, keys and quotes of a tool call."""
    COMMENT = 2
    """Comments in the action's code."""
    WHITESPACE = 3
    """Blanks and line ends in the action's code."""
    DECORATION = 4
    """Separator lines: one punctuation sign, repeated three or more times, such as `-----`."""
    THOUGHT = 5
    """Text that the model wrote and that is not an action."""
    OBSERVATION = 6
    """The answer of the environment."""
    SYSTEM = 7
    TASK = 8
    """The issue and other instructions."""
    OTHER = 9
    """Text that neither the model nor the environment wrote: exit notes, reminders, the repeated patch."""
    TEMPLATE = 10
    """Text that the rendering added: role headings, tags of the chat template."""

    @property
    def label_name(self) -> str:
        """The lower-case name used in token tables and on the command line."""
        return self.name.lower()


_ACTION = frozenset({Label.CODE, Label.MARKUP, Label.COMMENT, Label.WHITESPACE, Label.DECORATION})

SCOPES: dict[str, frozenset[Label]] = {
    "action": frozenset({Label.CODE}),
    "action_raw": _ACTION,
    "action_no_markup": _ACTION - {Label.MARKUP},
    "action_no_whitespace": _ACTION - {Label.MARKUP, Label.WHITESPACE, Label.DECORATION},
    "thought": frozenset({Label.THOUGHT}),
    "observation": frozenset({Label.OBSERVATION}),
    "all": frozenset(Label),
}
"""Scope name to its labels. All scopes exclude the context: the system and task segments at the beginning."""
