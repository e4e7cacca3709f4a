import sqlite3
import unittest
from pathlib import Path

from sqlbrick import Select, column

SCHEMA = (Path(__file__).parents[1] / "schema.sql").read_text(encoding="utf-8")


class SelectTest(unittest.TestCase):
    def setUp(self):
        self.db = sqlite3.connect(":memory:")
        self.addCleanup(self.db.close)
        self.db.executescript(SCHEMA)

    def ids(self, condition):
        query = Select("book").only("id").where(condition).order_by("id")
        return [row[0] for row in self.db.execute(query.sql, query.params)]

    def test_comparison(self):
        self.assertEqual(self.ids(column("year") >= 1950), [1, 5])

    def test_and(self):
        self.assertEqual(self.ids((column("year") >= 1950) & (column("language") == "de")), [1])

    def test_isin(self):
        self.assertEqual(self.ids(column("language").isin(["de", "fr"])), [1, 2, 3])

    def test_contains(self):
        self.assertEqual(self.ids(column("title").contains("wulf")), [4])

    def test_order_and_limit(self):
        query = Select("book").only("title").where(column("year") > 0).order_by("-year").limit(2)
        self.assertEqual([row[0] for row in self.db.execute(query.sql, query.params)], ["1000 Recipes", "Die Wand"])

    def test_parameters_are_never_in_the_text(self):
        query = Select("book").where(column("title") == "x' OR 1=1 --")
        self.assertNotIn("1=1", query.sql)


if __name__ == "__main__":
    unittest.main()
