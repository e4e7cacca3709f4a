"""One half-open range."""

from typing import NamedTuple


class Span(NamedTuple):
    """[start, end): start belongs to it, end does not."""

    start: int
    end: int

    def __bool__(self):
        return self.end > self.start

    def length(self):
        return max(self.end - self.start, 0)

    def overlaps(self, other):
        """Whether the two share at least one number."""
        return self.start < other.end and other.start < self.end

    def intersection(self, other):
        """What both have in common; empty (false) if nothing."""
        return Span(max(self.start, other.start), min(self.end, other.end))

    def __str__(self):
        return f"{self.start}-{self.end}"
