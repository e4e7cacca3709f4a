"""Held-out check for recur: no drift at the ends of months, skipped months, and windows far from the start."""

import time
import unittest
from datetime import date, timedelta

from recur import Rule, describe

WORDS = {
    "en": ", skipping months that are too short",
    "de": ", kürzere Monate entfallen",
    "fr": ", sauf les mois trop courts",
}


def days(dates):
    return [str(day) for day in dates]


class Ends(unittest.TestCase):
    def test_month_ends(self):
        self.assertEqual(
            days(Rule(date(2024, 1, 31), count=5)),
            ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31"],
        )

    def test_leap_years(self):
        rule = Rule(date(2096, 2, 29), unit="year", count=9)
        self.assertEqual([day.day for day in rule], [29, 28, 28, 28, 28, 28, 28, 28, 29])


class Skipping(unittest.TestCase):
    def test_months(self):
        rule = Rule(date(2024, 1, 31), missing="skip", count=4)
        self.assertEqual(days(rule), ["2024-01-31", "2024-03-31", "2024-05-31", "2024-07-31"])

    def test_until(self):
        rule = Rule(date(2024, 1, 30), missing="skip", until=date(2024, 3, 29))
        self.assertEqual(days(rule), ["2024-01-30"])

    def test_years(self):
        rule = Rule(date(2096, 2, 29), unit="year", missing="skip", count=3)
        self.assertEqual(days(rule), ["2096-02-29", "2104-02-29", "2108-02-29"])

    def test_clamp_is_the_default(self):
        self.assertEqual(Rule(date(2024, 1, 31)), Rule(date(2024, 1, 31), missing="clamp"))

    def test_anything_else_is_refused(self):
        with self.assertRaisesRegex(ValueError, "'next'"):
            Rule(date(2024, 1, 31), missing="next")

    def test_words(self):
        for language, words in WORDS.items():
            rule = Rule(date(2024, 1, 31), missing="skip", count=3)
            clamped = describe(Rule(date(2024, 1, 31), count=3), language)
            self.assertEqual(describe(rule, language), clamped + words)


class Windows(unittest.TestCase):
    def test_same_as_walking(self):
        for unit in "day", "week", "month", "year":
            for missing in "clamp", "skip":
                for start in date(2019, 12, 31), date(2020, 2, 29), date(2020, 1, 30):
                    for every in 1, 3, 12:
                        for limit in {"count": 9}, {"until": date(2028, 2, 29)}:
                            rule = Rule(start, every, unit, missing=missing, **limit)
                            walked = list(rule)
                            for first in (
                                start - timedelta(days=9),
                                date(2020, 3, 31),
                                date(2020, 10, 1),
                                date(2024, 2, 29),
                            ):
                                last = first + timedelta(days=400)
                                wanted = [day for day in walked if first <= day <= last]
                                with self.subTest(rule=rule, first=first):
                                    self.assertEqual(rule.between(first, last), wanted)
                                    after = next((day for day in walked if day > first), None)
                                    self.assertEqual(rule.next_after(first), after)

    def test_skipped_months_do_not_use_up_the_count(self):
        rule = Rule(date(2024, 1, 31), missing="skip", count=6)
        self.assertEqual(days(rule.between(date(2024, 9, 1), date(2025, 8, 1))), ["2024-10-31"])
        self.assertEqual(rule.next_after(date(2024, 9, 1)), date(2024, 10, 31))

    def test_far_from_the_start(self):
        rules = [Rule(date(1900, 1, 1) + timedelta(days=n), unit="day") for n in range(400)]
        began = time.perf_counter()
        for rule in rules:
            self.assertEqual(len(rule.between(date(2024, 5, 6), date(2024, 5, 12))), 7)
            self.assertEqual(rule.next_after(date(2024, 5, 6)), date(2024, 5, 7))
        self.assertLess(time.perf_counter() - began, 1)


if __name__ == "__main__":
    unittest.main()
