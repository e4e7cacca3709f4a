"""Everything in one object."""

import math

from statline.moments import Moments
from statline.quantiles import Quantiles


class Summary:
    """Count, mean, spread, extremes and quantiles of a stream of numbers."""

    def __init__(self, accuracy=0.01):
        self.moments = Moments()
        self.quantiles = Quantiles(accuracy)
        self.low = math.inf
        self.high = -math.inf

    def push(self, value):
        """Count one number; returns self."""
        self.moments.push(value)
        self.low = min(self.low, value)
        self.high = max(self.high, value)
        self.quantiles.push(value)
        return self

    def merge(self, other):
        """Count all numbers that `other` has seen; returns self."""
        self.moments.merge(other.moments)
        self.low = min(self.low, other.low)
        self.high = max(self.high, other.high)
        self.quantiles.merge(other.quantiles)
        return self

    @property
    def mean(self):
        return self.moments.mean

    @property
    def stdev(self):
        return self.moments.stdev

    def quantile(self, share):
        """As Quantiles.quantile, but never outside of what was seen."""
        return min(max(self.quantiles.quantile(share), self.low), self.high)

    def line(self):
        """One line for people: n 3  mean 2.333  σ 1.528  min 1  median 1.994  max 4"""
        if not self.moments.count:
            return "n 0"
        values = {
            "mean": self.mean,
            "σ": self.stdev,
            "min": self.low,
            "median": self.quantile(0.5),
            "max": self.high,
        }
        return f"n {self.moments.count}" + "".join(f"  {name} {value:.4g}" for name, value in values.items())
