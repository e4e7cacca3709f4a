"""The rule by which dates come back."""

from dataclasses import dataclass
from datetime import date
from itertools import dropwhile, takewhile

from recur.dates import UNITS, shift


@dataclass(frozen=True)
class Rule:
    """From a first date on, every so many days, weeks, months or years."""

    start: date
    every: int = 1
    unit: str = "month"
    count: int | None = None
    """How many dates there are at most."""
    until: date | None = None
    """The last day that may be one of them."""

    def __post_init__(self):
        if self.every < 1:
            raise ValueError(f"every should be 1 or more, found {self.every}")
        if self.unit not in UNITS:
            raise ValueError(f"unit should be one of {', '.join(UNITS)}, found {self.unit!r}")

    def __iter__(self):
        day, number = self.start, 0
        while not self._is_over(day, number):
            yield day
            day, number = shift(day, self.every, self.unit), number + 1

    def _is_over(self, day, number):
        """Whether the date with that number, from 0, is no more part of it."""
        return (self.count is not None and number >= self.count) or (self.until is not None and day > self.until)

    # ------------------------------------------------------------- windows --
    def between(self, first, last):
        """The dates from `first` to `last`, both included."""
        return list(takewhile(lambda day: day <= last, dropwhile(lambda day: day < first, self)))

    def next_after(self, day):
        """The first date after that day; None if there is none."""
        return next((each for each in self if each > day), None)
