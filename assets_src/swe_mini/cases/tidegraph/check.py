"""Held-out check for tidegraph: heights and graphs on the days when the clocks change."""

import unittest
from datetime import date, datetime, timedelta, timezone
from math import cos, pi
from pathlib import Path

from tidegraph import ZONES, Curve, EuropeanZone, graph, read_table

CET = ZONES["CET"]
UTC = timezone.utc

SPRING = """\
zone CET
2024-03-30 23:30  high  4.0
2024-03-31 06:30  low   1.0
2024-04-01 01:00  high  4.0
"""


def utc(*fields):
    return datetime(*fields, tzinfo=UTC)


def between(before, after, when):
    """The height by hand, from (moment, height) pairs in UTC."""
    share = (when - before[0]) / (after[0] - before[0])
    return (before[1] + after[1]) / 2 + (before[1] - after[1]) / 2 * cos(pi * share)


class Heights(unittest.TestCase):
    def setUp(self):
        self.curve = Curve(read_table(Path("tables/buesum.txt").read_text(encoding="utf-8")))

    def test_autumn(self):
        high, low = (utc(2024, 10, 26, 22, 40), 3.9), (utc(2024, 10, 27, 5, 0), 0.5)
        for minutes in range(0, 381, 20):
            when = high[0] + timedelta(minutes=minutes)
            self.assertAlmostEqual(self.curve.height(when), between(high, low, when))
            self.assertAlmostEqual(self.curve.height(when.astimezone(CET)), between(high, low, when))

    def test_fold(self):
        first = datetime(2024, 10, 27, 2, 30, tzinfo=CET)
        self.assertAlmostEqual(self.curve.height(first), self.curve.height(utc(2024, 10, 27, 0, 30)))
        self.assertAlmostEqual(self.curve.height(first.replace(fold=1)), self.curve.height(utc(2024, 10, 27, 1, 30)))

    def test_spring(self):
        curve = Curve(read_table(SPRING))
        high, low = (utc(2024, 3, 30, 22, 30), 4.0), (utc(2024, 3, 31, 4, 30), 1.0)
        for hour in 23, 24, 25, 26, 28:
            when = utc(2024, 3, 30) + timedelta(hours=hour)
            self.assertAlmostEqual(curve.height(when.astimezone(CET)), between(high, low, when))

    def test_outside(self):
        with self.assertRaises(ValueError):
            self.curve.height(datetime(2024, 10, 28, 0, 36, tzinfo=CET))


class Zones(unittest.TestCase):
    def test_there_and_back(self):
        for zone in [*ZONES.values(), EuropeanZone("Azores", -1)]:
            for start in (utc(2024, 3, 30, 20), utc(2024, 10, 26, 20)):
                for minutes in range(0, 900, 30):
                    when = start + timedelta(minutes=minutes)
                    self.assertEqual(when.astimezone(zone).astimezone(UTC), when)


class Graphs(unittest.TestCase):
    def labels(self, curve, day, zone=CET):
        return [line[:7].rstrip() for line in graph(curve, day, zone).splitlines()]

    def test_autumn_has_25_hours(self):
        curve = Curve(read_table(Path("tables/buesum.txt").read_text(encoding="utf-8")))
        labels = self.labels(curve, date(2024, 10, 27))
        self.assertEqual(labels[:5], ["00:00", "01:00", "02:00 A", "02:00 B", "03:00"])
        self.assertEqual((len(labels), labels[-1]), (25, "23:00"))
        lines = graph(curve, date(2024, 10, 27), CET).splitlines()
        self.assertEqual(lines[3][7:12], f" {curve.height(utc(2024, 10, 27, 1)):4.1f}")

    def test_spring_has_23_hours(self):
        labels = self.labels(Curve(read_table(SPRING)), date(2024, 3, 31))
        self.assertEqual((len(labels), labels[:4]), (23, ["00:00", "01:00", "03:00", "04:00"]))

    def test_other_zone(self):
        labels = self.labels(Curve(read_table(SPRING)), date(2024, 3, 31), ZONES["EET"])
        self.assertEqual(labels[:5], ["01:00", "02:00", "04:00", "05:00", "06:00"])


class Tables(unittest.TestCase):
    def test_marks(self):
        text = "zone CET\n2024-10-27 02:10 {}high 3.9\n2024-10-27 08:30 low 0.5\n"
        for mark, hour in ("", 0), ("A ", 0), ("B  ", 1):
            found = read_table(text.format(mark))[0].time.astimezone(UTC)
            self.assertEqual(found, utc(2024, 10, 27, hour, 10))

    def test_order_in_the_repeated_hour(self):
        text = "zone CET\n2024-10-27 02:05 B high 3.0\n2024-10-27 02:50 A low 1.0\n2024-10-27 09:00 low 0.5\n"
        self.assertAlmostEqual(Curve(read_table(text)).height(utc(2024, 10, 27, 0, 50)), 1.0)


if __name__ == "__main__":
    unittest.main()
