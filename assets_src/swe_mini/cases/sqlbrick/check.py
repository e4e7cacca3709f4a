"""Held-out check for sqlbrick: a condition selects the rows that the same condition selects in Python."""

import random
import sqlite3
import unittest
from pathlib import Path

from sqlbrick import Select, column


class Database(unittest.TestCase):
    def setUp(self):
        self.db = sqlite3.connect(":memory:")
        self.addCleanup(self.db.close)
        self.db.executescript(Path("schema.sql").read_text(encoding="utf-8"))

    def ids(self, condition, table="book"):
        query = Select(table).only("id").where(condition).order_by("id")
        return [row[0] for row in self.db.execute(query.sql, query.params)]


class Nulls(Database):
    def test_equal(self):
        self.assertEqual(self.ids(column("year") == None), [3, 4])  # noqa: E711
        self.assertEqual(self.ids(column("year") != None), [1, 2, 5])  # noqa: E711

    def test_unequal_counts_unknown_ones(self):
        self.assertEqual(self.ids(column("language") != "de"), [2, 4, 5])
        self.assertEqual(self.ids(~(column("language") == "de")), [2, 4, 5])

    def test_lists(self):
        self.assertEqual(self.ids(column("language").isin([])), [])
        self.assertEqual(self.ids(column("language").notin([])), [1, 2, 3, 4, 5])
        self.assertEqual(self.ids(column("language").isin(["fr", None])), [2, 4])
        self.assertEqual(self.ids(column("language").notin(["de"])), [2, 4, 5])
        self.assertEqual(self.ids(column("language").notin(["de", None])), [2, 5])
        self.assertEqual(self.ids(column("language").isin([None])), [4])


class Precedence(Database):
    def test_or_inside_and(self):
        old, german, french = column("year") < 1960, column("language") == "de", column("language") == "fr"
        self.assertEqual(self.ids((german | french) & old), [2])
        self.assertEqual(self.ids(old & (german | french)), [2])
        query = Select("book").only("id").where(german | french).where(old)
        self.assertEqual(self.db.execute(query.sql, query.params).fetchall(), [(2,)])

    def test_not(self):
        self.assertEqual(self.ids(~((column("id") == 1) | (column("id") == 2))), [3, 4, 5])

    def test_random(self):
        rng = random.Random(4)
        for _ in range(400):
            condition, wanted = self.random_condition(rng, depth=3)
            self.assertEqual(set(self.ids(condition)), wanted)

    def random_condition(self, rng, depth):
        kind = rng.choice("leaf and or not".split()) if depth else "leaf"
        if kind == "leaf":
            number = rng.randrange(1, 6)
            return column("id") == number, {number}
        left, left_ids = self.random_condition(rng, depth - 1)
        if kind == "not":
            return ~left, {1, 2, 3, 4, 5} - left_ids
        right, right_ids = self.random_condition(rng, depth - 1)
        return (left & right, left_ids & right_ids) if kind == "and" else (left | right, left_ids | right_ids)


class Names(Database):
    def test_reserved_word(self):
        self.assertEqual(self.ids(column("order") > 20), [3, 4])
        query = Select("book").only("order").order_by("-order").limit(1)
        self.assertEqual(self.db.execute(query.sql, query.params).fetchall(), [(40,)])

    def test_quote_in_name(self):
        self.assertIn('"a""b"', Select('a"b').sql)


class Contains(Database):
    def test_signs_mean_themselves(self):
        self.assertEqual(self.ids(column("title").contains("100%")), [3])
        self.assertEqual(self.ids(column("title").contains("e_S")), [3])
        self.assertEqual(self.ids(column("title").contains("\\")), [])


if __name__ == "__main__":
    unittest.main()
