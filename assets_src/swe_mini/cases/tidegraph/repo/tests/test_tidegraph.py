import unittest
from datetime import date, datetime, timezone
from pathlib import Path

from tidegraph import ZONES, Curve, graph, read_table

CET = ZONES["CET"]
TABLE = Path(__file__).parents[1] / "tables" / "buesum.txt"

SUMMER = """\
zone CET
2024-07-01 06:00  high  4.0
2024-07-01 12:00  low   1.0
2024-07-01 18:00  high  4.4
"""


class TableTest(unittest.TestCase):
    def test_reads_a_table(self):
        waters = read_table(TABLE.read_text(encoding="utf-8"))
        self.assertEqual(len(waters), 7)
        self.assertEqual(waters[0], (datetime(2024, 10, 26, 12, 40, tzinfo=CET), 4.1))

    def test_says_which_line_is_wrong(self):
        with self.assertRaisesRegex(ValueError, "line 2"):
            read_table("zone CET\n2024-07-01 six o'clock high 4.0")


class CurveTest(unittest.TestCase):
    def setUp(self):
        self.curve = Curve(read_table(SUMMER))

    def test_height(self):
        for hour, height in [(6, 4.0), (9, 2.5), (12, 1.0), (14, 1.85), (18, 4.4)]:
            self.assertAlmostEqual(self.curve.height(datetime(2024, 7, 1, hour, tzinfo=CET)), height)

    def test_other_zones(self):
        self.assertAlmostEqual(self.curve.height(datetime(2024, 7, 1, 7, tzinfo=timezone.utc)), 2.5)
        self.assertAlmostEqual(self.curve.height(datetime(2024, 7, 1, 10, tzinfo=ZONES["EET"])), 2.5)

    def test_outside(self):
        with self.assertRaisesRegex(ValueError, "2024-07-01 05:59"):
            self.curve.height(datetime(2024, 7, 1, 5, 59, tzinfo=CET))

    def test_graph(self):
        lines = graph(self.curve, date(2024, 7, 1), CET).splitlines()
        self.assertEqual(len(lines), 13)
        self.assertEqual(lines[6], "12:00    1.0 ≈≈≈≈≈≈≈")


if __name__ == "__main__":
    unittest.main()
