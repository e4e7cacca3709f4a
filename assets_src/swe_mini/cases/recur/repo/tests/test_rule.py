import unittest
from datetime import date

from recur import Rule, describe


def days(dates):
    return [str(day) for day in dates]


class RuleTest(unittest.TestCase):
    def test_units(self):
        start = date(2023, 12, 30)
        for unit, second in [("day", "2024-01-01"), ("week", "2024-01-13"), ("month", "2024-02-29")]:
            with self.subTest(unit):
                self.assertEqual(days(Rule(start, every=2, unit=unit, count=2)), ["2023-12-30", second])

    def test_until_is_included(self):
        rule = Rule(date(2024, 5, 1), unit="week", until=date(2024, 5, 15))
        self.assertEqual(days(rule), ["2024-05-01", "2024-05-08", "2024-05-15"])

    def test_between(self):
        rule = Rule(date(2024, 1, 10))
        self.assertEqual(days(rule.between(date(2024, 2, 10), date(2024, 4, 9))), ["2024-02-10", "2024-03-10"])
        self.assertEqual(rule.between(date(2023, 1, 1), date(2023, 12, 31)), [])

    def test_between_respects_the_count(self):
        rule = Rule(date(2024, 1, 10), count=3)
        self.assertEqual(days(rule.between(date(2024, 3, 1), date(2025, 1, 1))), ["2024-03-10"])

    def test_next_after(self):
        rule = Rule(date(2024, 1, 10), until=date(2024, 2, 20))
        self.assertEqual(rule.next_after(date(2024, 1, 10)), date(2024, 2, 10))
        self.assertIsNone(rule.next_after(date(2024, 2, 10)))

    def test_describe(self):
        self.assertEqual(describe(Rule(date(2024, 3, 1), unit="year"), "de"), "jährlich ab 01.03.2024")


if __name__ == "__main__":
    unittest.main()
