"""Approximate quantiles."""

import math
from collections import Counter


class Quantiles:
    """Numbers counted in buckets, of which each is wider than the one before by a constant factor.

    Bucket k holds the numbers in (growth ** (k - 1), growth ** k], and stands for one value that is at most `accuracy`
    (0.01: one per cent) away from all of them.
    """

    def __init__(self, accuracy=0.01):
        self.accuracy = accuracy
        self.growth = (1 + accuracy) / (1 - accuracy)
        self.buckets = Counter()

    def push(self, value):
        """Count one number."""
        self.buckets[math.ceil(math.log(value, self.growth))] += 1

    def merge(self, other):
        """Count all numbers that `other` has seen."""
        self.buckets.update(other.buckets)

    def quantile(self, share):
        """The value below which that share of the numbers lies: 0.5 for the median; NaN of no numbers."""
        rank = share * (self.buckets.total() - 1)
        seen = 0
        for key in sorted(self.buckets):
            seen += self.buckets[key]
            if seen > rank:
                return self._value(key)
        return math.nan

    # --------------------------------------------------------------------------

    def _value(self, key):
        return 2 * self.growth**key / (self.growth + 1)
