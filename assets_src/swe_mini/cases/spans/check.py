"""Held-out check for spans: merging is right, and difference works. Compared with plain sets of numbers."""

import random
import unittest

from spans import Span, SpanSet


def as_set(spans):
    return {number for start, end in spans for number in range(start, end)}


class Merging(unittest.TestCase):
    def test_contained(self):
        self.assertEqual(SpanSet([(0, 10), (2, 3)]).spans, (Span(0, 10),))

    def test_touching(self):
        self.assertEqual(str(SpanSet.parse("1-4, 4-6")), "1-6")
        self.assertEqual(SpanSet.parse("1-4, 4-6"), SpanSet.parse("1-6"))

    def test_empty_spans_vanish(self):
        self.assertFalse(SpanSet([(5, 5)]))
        self.assertEqual(SpanSet([(5, 5), (1, 2)]).spans, (Span(1, 2),))

    def test_backward_span(self):
        with self.assertRaises(ValueError):
            SpanSet([(5, 2)])


class Difference(unittest.TestCase):
    def test_examples(self):
        day = SpanSet.parse("9-17")
        self.assertEqual(str(day - SpanSet.parse("10-11, 12-13")), "9-10, 11-12, 13-17")
        self.assertEqual(day - day, SpanSet())
        self.assertEqual(day - SpanSet(), day)

    def test_random(self):
        rng = random.Random(7)
        for _ in range(400):
            a, b = ([tuple(sorted(rng.sample(range(-20, 20), 2))) for _ in range(rng.randrange(6))] for _ in "ab")
            for name in ("__sub__", "__or__", "__and__", "__xor__"):
                found = getattr(SpanSet(a), name)(SpanSet(b))
                self.assertEqual(as_set(found.spans), getattr(as_set(a), name)(as_set(b)), (name, a, b))
                self.assertEqual(found, SpanSet((n, n + 1) for n in as_set(found.spans)), "not in normal form")

    def test_fast_enough(self):
        many = SpanSet((10 * n, 10 * n + 5) for n in range(20_000))
        other = SpanSet((10 * n + 3, 10 * n + 8) for n in range(20_000))
        self.assertEqual((many - other).total(), 60_000)


if __name__ == "__main__":
    unittest.main()
