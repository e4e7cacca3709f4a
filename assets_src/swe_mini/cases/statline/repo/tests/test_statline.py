import math
import unittest

from statline import Moments, Quantiles, Summary


def summary(*values):
    result = Summary()
    for value in values:
        result.push(value)
    return result


class MomentsTest(unittest.TestCase):
    def test_mean_and_variance(self):
        moments = Moments()
        for value in 2, 4, 4, 4, 5, 5, 7, 9:
            moments.push(value)
        self.assertAlmostEqual(moments.mean, 5)
        self.assertAlmostEqual(moments.variance, 32 / 7)

    def test_too_few_numbers(self):
        moments = Moments()
        self.assertTrue(math.isnan(moments.mean))
        moments.push(3)
        self.assertTrue(math.isnan(moments.variance))


class QuantilesTest(unittest.TestCase):
    def test_within_one_per_cent(self):
        quantiles = Quantiles()
        for value in range(1, 1002):
            quantiles.push(value)
        for share in 0, 0.1, 0.5, 0.99, 1:
            with self.subTest(share):
                exact = 1 + 1000 * share
                self.assertLessEqual(abs(quantiles.quantile(share) - exact), 0.0101 * exact)


class SummaryTest(unittest.TestCase):
    def test_line(self):
        self.assertEqual(summary(1, 2, 4).line(), "n 3  mean 2.333  σ 1.528  min 1  median 1.994  max 4")
        self.assertEqual(summary().line(), "n 0")

    def test_merge(self):
        self.assertEqual(summary(1, 2).merge(summary(4)).line(), summary(1, 2, 4).line())


if __name__ == "__main__":
    unittest.main()
