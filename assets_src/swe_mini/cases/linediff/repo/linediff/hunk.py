"""One hunk of a diff."""

from dataclasses import dataclass, field


@dataclass
class Hunk:
    line_no: int
    """Where its header stands in the diff, from 1."""
    old_start: int
    """The first line of the old text that it speaks of, from 1."""
    new_start: int
    changes: list = field(default_factory=list)
    """(sign, line) pairs; the sign is a space, a minus or a plus, the line has no line break."""

    def old_lines(self):
        return [line for sign, line in self.changes if sign in " -"]

    def new_lines(self):
        return [line for sign, line in self.changes if sign in " +"]
