"""Mean and variance."""

import math


class Moments:
    """Count, mean and variance of the numbers pushed so far."""

    def __init__(self):
        self.count = 0
        self.total = 0.0
        self.squares = 0.0

    def push(self, value):
        """Count one number."""
        self.count += 1
        self.total += value
        self.squares += value * value

    def merge(self, other):
        """Count all numbers that `other` has seen."""
        self.count += other.count
        self.total += other.total
        self.squares += other.squares

    @property
    def mean(self):
        """The mean; NaN of no numbers."""
        return self.total / self.count if self.count else math.nan

    @property
    def variance(self):
        """The sample variance (divided by n - 1); NaN of fewer than two numbers."""
        if self.count < 2:
            return math.nan
        return (self.squares - self.total * self.mean) / (self.count - 1)

    @property
    def stdev(self):
        """The square root of the variance."""
        return math.sqrt(self.variance)
