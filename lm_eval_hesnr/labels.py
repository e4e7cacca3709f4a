"""What a character of a trajectory is, and the named sets of labels that measures are taken over."""

from __future__ import annotations

from enum import IntEnum

LABEL_RULES_VERSION = 4
"""Raised whenever the same trajectory would be labelled differently; part of every run's signature."""


class Label(IntEnum):
    """What one character (and then one token) of a rendered trajectory is; the value is its code in uint8 arrays."""

    CODE = 0
    """Action text that is kept: what the headline scope counts."""
    MARKUP = 1
    """Action text that only carries the action: fences, tags, the braces, keys and quotes of a tool call."""
    COMMENT = 2
    """Comments of the action's code."""
    WHITESPACE = 3
    """Blanks and line ends of the action's code."""
    DECORATION = 4
    """Runs of three or more of one punctuation sign drawn as a rule, such as `-----`."""
    THOUGHT = 5
    """Text the model wrote that is not an action."""
    OBSERVATION = 6
    """What the environment answered."""
    SYSTEM = 7
    TASK = 8
    """The issue and other instructions."""
    OTHER = 9
    """Text that no model generated and no environment printed: exit notes, nudges, the echoed patch."""
    TEMPLATE = 10
    """What the rendering added: role headings, template tags."""

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
"""Named sets of labels. Every scope counts only tokens after the context, the leading system and task segments."""
