"""Held-out check for statline: large offsets, negative numbers and zero, refused calls that change nothing."""

import math
import random
import statistics
import unittest

from statline import Moments, Quantiles, Summary


def filled(made, values):
    for value in values:
        made.push(value)
    return made


def nearest_rank(values, share):
    return sorted(values)[math.floor(share * (len(values) - 1))]


class Variance(unittest.TestCase):
    def test_large_offset(self):
        for offset in 0, 1e9, -1e12:
            moments = filled(Moments(), [offset + value for value in (4, 7, 13, 16)])
            self.assertAlmostEqual(moments.variance, 30, places=3)
            self.assertAlmostEqual(moments.mean, offset + 10, places=3)

    def test_merged_parts(self):
        rng = random.Random(3)
        for _ in range(100):
            a, b = ([rng.gauss(1e8, 3) for _ in range(rng.randrange(6))] for _ in "ab")
            merged = filled(Moments(), a)
            merged.merge(filled(Moments(), b))
            self.assertEqual(merged.count, len(a + b))
            if len(a + b) > 1:
                self.assertAlmostEqual(merged.variance, statistics.variance(a + b), places=4)
                self.assertAlmostEqual(merged.mean, statistics.fmean(a + b), places=4)

    def test_empty(self):
        empty = Moments()
        empty.merge(Moments())
        self.assertEqual(empty.count, 0)
        self.assertTrue(math.isnan(empty.mean) and math.isnan(empty.variance))

    def test_with_itself(self):
        moments = filled(Moments(), [1, 2, 4])
        moments.merge(moments)
        self.assertEqual(moments.count, 6)
        self.assertAlmostEqual(moments.variance, statistics.variance([1, 2, 4] * 2))


class EverySign(unittest.TestCase):
    def test_order(self):
        quantiles = filled(Quantiles(), [-100, -10, 0, 10, 100])
        found = [quantiles.quantile(share) for share in (0, 0.25, 0.5, 0.75, 1)]
        for value, exact in zip(found, [-100, -10, 0, 10, 100], strict=True):
            self.assertLessEqual(abs(value - exact), 0.0101 * abs(exact))

    def test_random(self):
        rng = random.Random(5)
        values = [rng.choice([0, 1, -1]) * 10 ** rng.uniform(-6, 6) for _ in range(3000)]
        quantiles = filled(Quantiles(), values[:1000])
        quantiles.merge(filled(Quantiles(), values[1000:]))
        for share in (n / 20 for n in range(21)):
            exact = nearest_rank(values, share)
            self.assertLessEqual(abs(quantiles.quantile(share) - exact), 0.0101 * abs(exact), share)

    def test_tiny(self):
        self.assertLessEqual(abs(filled(Quantiles(), [5e-324, 5e-324]).quantile(0.5)), 1e-300)
        self.assertAlmostEqual(filled(Quantiles(), [-1e-200]).quantile(0.5) / -1e-200, 1, delta=0.0101)

    def test_line(self):
        self.assertEqual(filled(Summary(), [-3, 0, 3]).line(), "n 3  mean 0  σ 3  min -3  median 0  max 3")


class Refused(unittest.TestCase):
    def test_not_finite(self):
        for value in math.nan, math.inf, -math.inf:
            for made in Summary, Moments, Quantiles:
                with self.assertRaises(ValueError, msg=f"{made} {value}"):
                    made().push(value)
            summary = filled(Summary(), [1, 2])
            before = summary.line()
            with self.assertRaises(ValueError):
                summary.push(value)
            self.assertEqual(summary.line(), before)

    def test_other_accuracy(self):
        summary = filled(Summary(), [1, 2])
        before = summary.line()
        with self.assertRaises(ValueError) as caught:
            summary.merge(filled(Summary(accuracy=0.05), [9]))
        self.assertIn("0.01", str(caught.exception))
        self.assertIn("0.05", str(caught.exception))
        self.assertEqual(summary.line(), before)
        with self.assertRaises(ValueError):
            Quantiles(0.02).merge(Quantiles(0.05))


if __name__ == "__main__":
    unittest.main()
