"""Cells of a terminal, by the rectangle. (0, 0) is the upper left corner."""

from typing import NamedTuple


class Rect(NamedTuple):
    x: int
    y: int
    width: int
    height: int

    @property
    def right(self):
        """The first column that does not belong to it."""
        return self.x + self.width

    @property
    def bottom(self):
        """The first line that does not belong to it."""
        return self.y + self.height

    def overlaps(self, other):
        return self.x < other.right and other.x < self.right and self.y < other.bottom and other.y < self.bottom

    def encloses(self, other):
        """Whether every cell of the other is one of this; true for equal ones."""
        return self.x <= other.x and self.y <= other.y and other.right <= self.right and other.bottom <= self.bottom

    def carve(self, hole):
        """The largest rectangles of this one that stay clear of `hole`: left, right, above, below.

        They overlap each other in the corners. That is intended: each is as large as it can be.
        """
        sides = [
            Rect(self.x, self.y, hole.x - self.x, self.height),
            Rect(hole.right, self.y, self.right - hole.right, self.height),
            Rect(self.x, self.y, self.width, hole.y - self.y),
            Rect(self.x, hole.bottom, self.width, self.bottom - hole.bottom),
        ]
        return [side for side in sides if side.width > 0 and side.height > 0]
