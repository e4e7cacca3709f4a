import unittest

from spans import Span, SpanSet


class SpanSetTest(unittest.TestCase):
    def test_overlapping_spans_are_merged(self):
        self.assertEqual(SpanSet([(3, 8), (1, 4)]).spans, (Span(1, 8),))

    def test_contains(self):
        some = SpanSet.parse("1-4, 8-10")
        self.assertEqual([n for n in range(12) if n in some], [1, 2, 3, 8, 9])

    def test_gaps(self):
        self.assertEqual(SpanSet.parse("1-4, 8-10, 12-13").gaps(), SpanSet.parse("4-8, 10-12"))

    def test_union_and_intersection(self):
        a, b = SpanSet.parse("0-5, 10-15"), SpanSet.parse("3-12")
        self.assertEqual(str(a | b), "0-15")
        self.assertEqual(str(a & b), "3-5, 10-12")

    def test_parse_refuses_nonsense(self):
        with self.assertRaisesRegex(ValueError, "'four'"):
            SpanSet.parse("1-3, four")

    def test_empty(self):
        self.assertFalse(SpanSet())
        self.assertEqual(SpanSet.parse("").total(), 0)


if __name__ == "__main__":
    unittest.main()
