"""The height between two waters."""

from bisect import bisect_right
from math import cos, pi


class Curve:
    """The tide as a function of time, known from the first water to the last."""

    def __init__(self, waters):
        self.waters = sorted(waters)
        self.times = [water.time for water in self.waters]

    def height(self, when):
        """Metres above chart datum at `when`, an aware datetime. ValueError outside of the table."""
        if not self.times or not self.times[0] <= when <= self.times[-1]:
            raise ValueError(f"{when:%Y-%m-%d %H:%M} is not in the table")
        index = min(bisect_right(self.times, when), len(self.times) - 1)
        before, after = self.waters[index - 1], self.waters[index]
        share = (when - before.time) / (after.time - before.time)
        return (before.height + after.height) / 2 + (before.height - after.height) / 2 * cos(pi * share)
