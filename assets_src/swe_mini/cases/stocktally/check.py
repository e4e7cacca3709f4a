"""Held-out check for stocktally: balances, ties, corrected movements, and nothing below zero."""

import random
import sqlite3
import tempfile
import unittest
from pathlib import Path

from stocktally import ask, open_stock


class Stock(unittest.TestCase):
    def setUp(self):
        self.stock = open_stock()
        self.addCleanup(self.stock.close)
        self.stock.execute(
            "INSERT INTO items VALUES ('nut', 'Mutter M6', 10), ('pin', 'Låspinne', 5), ('ring', 'Ring', 5)"
        )

    def move(self, day, site, sku, pieces):
        self.stock.execute("INSERT INTO moves (day, site, sku, pieces) VALUES (?, ?, ?, ?)", (day, site, sku, pieces))

    def rows(self, query):
        return self.stock.execute(query).fetchall()

    def assert_stock_is_the_sum(self):
        sums = self.rows(
            "SELECT site, sku, sum(pieces) FROM moves GROUP BY site, sku HAVING sum(pieces) <> 0 ORDER BY 1, 2"
        )
        found = self.rows("SELECT site, sku, pieces FROM stock WHERE pieces <> 0 ORDER BY site, sku")
        self.assertEqual(found, sums)

    def assert_refused(self, change):
        before = self.rows("SELECT * FROM moves"), self.rows("SELECT * FROM stock")
        with self.assertRaisesRegex(sqlite3.IntegrityError, "not in stock"):
            self.stock.execute(change)
        self.assertEqual((self.rows("SELECT * FROM moves"), self.rows("SELECT * FROM stock")), before)


class Questions(Stock):
    def test_ledger(self):
        for day, site, pieces in (
            ("2024-03-02", "Lund", 10),
            ("2024-03-02", "Malmö", 4),
            ("2024-03-02", "Lund", -3),
            ("2024-03-01", "Lund", 5),
            ("2024-03-02", "Malmö", -1),
        ):
            self.move(day, site, "nut", pieces)
        self.move("2024-03-01", "Lund", "pin", 100)
        self.assertEqual(
            ask(self.stock, "ledger", sku="nut"),
            [
                (4, "2024-03-01", "Lund", 5, 5),
                (1, "2024-03-02", "Lund", 10, 15),
                (3, "2024-03-02", "Lund", -3, 12),
                (2, "2024-03-02", "Malmö", 4, 4),
                (5, "2024-03-02", "Malmö", -1, 3),
            ],
        )

    def test_movers(self):
        for sku, pieces in (("nut", 7), ("pin", 9), ("ring", 9)):
            self.move("2024-03-01", "Lund", sku, pieces)
        both = [("Lund", 1, "pin", 9), ("Lund", 1, "ring", 9)]
        self.assertEqual(ask(self.stock, "movers", best=1), both)
        self.assertEqual(ask(self.stock, "movers", best=2), both)
        self.assertEqual(ask(self.stock, "movers", best=3), [*both, ("Lund", 3, "nut", 7)])


class Corrections(Stock):
    def setUp(self):
        super().setUp()
        self.move("2024-03-01", "Lund", "nut", 10)
        self.move("2024-03-02", "Lund", "nut", -4)
        self.move("2024-03-03", "Malmö", "pin", 6)

    def test_pieces(self):
        self.stock.execute("UPDATE moves SET pieces = 12 WHERE id = 1")
        self.assert_stock_is_the_sum()

    def test_delete(self):
        self.stock.execute("DELETE FROM moves WHERE id = 2")
        self.stock.execute("DELETE FROM moves WHERE id = 3")
        self.assert_stock_is_the_sum()

    def test_site(self):
        self.stock.execute("UPDATE moves SET site = 'Lund' WHERE id = 3")
        self.assert_stock_is_the_sum()
        self.stock.execute("UPDATE moves SET site = 'Ystad', pieces = 8 WHERE id = 3")
        self.assert_stock_is_the_sum()

    def test_item(self):
        self.stock.execute("UPDATE moves SET sku = 'ring' WHERE id = 3")
        self.assert_stock_is_the_sum()

    def test_several_at_once(self):
        self.stock.execute("UPDATE moves SET pieces = pieces + 1")
        self.assert_stock_is_the_sum()

    def test_other_columns(self):
        self.stock.execute("UPDATE moves SET day = '2024-03-09'")
        self.assert_stock_is_the_sum()

    def test_below_zero(self):
        self.assert_refused("INSERT INTO moves (day, site, sku, pieces) VALUES ('2024-03-04', 'Lund', 'nut', -7)")
        self.assert_refused("INSERT INTO moves (day, site, sku, pieces) VALUES ('2024-03-04', 'Ystad', 'nut', -1)")
        self.assert_refused("UPDATE moves SET pieces = 3 WHERE id = 1")
        self.assert_refused("DELETE FROM moves WHERE id = 1")
        self.stock.execute("INSERT INTO moves (day, site, sku, pieces) VALUES ('2024-03-04', 'Lund', 'nut', -6)")
        self.assert_stock_is_the_sum()

    def test_random_corrections(self):
        rng = random.Random(6)
        for _ in range(300):
            values = (rng.choice(("Lund", "Malmö")), rng.choice(("nut", "pin")), rng.randint(1, 9))
            change = rng.choice(
                (
                    "INSERT INTO moves (day, site, sku, pieces) VALUES ('2024-03-05', ?1, ?2, ?3)",
                    "UPDATE moves SET pieces = ?3 - 5 WHERE id = ?3 AND ?3 <> 5 AND ?1 = ?1 AND ?2 = ?2",
                    "UPDATE moves SET site = ?1, sku = ?2 WHERE id = ?3",
                    "DELETE FROM moves WHERE id = ?3 AND ?1 = ?1 AND ?2 = ?2",
                )
            )
            try:
                self.stock.execute(change, values)
            except sqlite3.IntegrityError as error:
                self.assertIn("not in stock", str(error))
            self.assert_stock_is_the_sum()


class OldDatabase(unittest.TestCase):
    def test_gets_the_new_triggers(self):
        with tempfile.TemporaryDirectory() as folder:
            path = str(Path(folder) / "stock.db")
            old = sqlite3.connect(path, isolation_level=None)
            old.executescript("""
                CREATE TABLE items (sku TEXT PRIMARY KEY, name TEXT NOT NULL, reorder_at INTEGER NOT NULL);
                CREATE TABLE moves (
                    id INTEGER PRIMARY KEY, day TEXT NOT NULL, site TEXT NOT NULL,
                    sku TEXT NOT NULL REFERENCES items (sku), pieces INTEGER NOT NULL CHECK (pieces <> 0)
                );
                CREATE TABLE stock (
                    site TEXT NOT NULL, sku TEXT NOT NULL REFERENCES items (sku), pieces INTEGER NOT NULL,
                    PRIMARY KEY (site, sku)
                );
                INSERT INTO items VALUES ('nut', 'Mutter M6', 10);
                INSERT INTO moves VALUES (1, '2024-03-01', 'Lund', 'nut', 5);
                INSERT INTO stock VALUES ('Lund', 'nut', 5);
            """)
            old.close()
            for _ in range(2):
                stock = open_stock(path)
                with self.assertRaisesRegex(sqlite3.IntegrityError, "not in stock"):
                    stock.execute("INSERT INTO moves VALUES (2, '2024-03-02', 'Lund', 'nut', -6)")
                stock.close()


if __name__ == "__main__":
    unittest.main()
