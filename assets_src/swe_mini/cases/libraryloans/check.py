"""Held-out check for libraryloans: right views, old libraries that are brought up to date, and what is refused."""

import sqlite3
import tempfile
import unittest
from pathlib import Path

from libraryloans import give_back, lend, open_library, upgrade

OLD = """
CREATE TABLE members (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT NOT NULL);
CREATE TABLE copies (id INTEGER PRIMARY KEY, book INTEGER NOT NULL REFERENCES books (id));
CREATE TABLE loans (
    id       INTEGER PRIMARY KEY,
    copy     INTEGER NOT NULL REFERENCES copies (id),
    member   INTEGER NOT NULL REFERENCES members (id),
    lent     TEXT NOT NULL, -- a day, such as 2024-05-31
    due      TEXT NOT NULL,
    returned TEXT           -- NULL: still out
);
CREATE TABLE fines (
    id    INTEGER PRIMARY KEY,
    loan  INTEGER NOT NULL REFERENCES loans (id) ON DELETE CASCADE,
    cents INTEGER NOT NULL CHECK (cents > 0),
    paid  TEXT -- NULL: not yet
);
CREATE VIEW shelf AS SELECT books.id AS book, returned FROM books, loans WHERE returned IS NULL;
CREATE VIEW accounts AS SELECT members.id AS member FROM members JOIN loans ON loans.member = members.id;
PRAGMA user_version = 2;
INSERT INTO members VALUES (1, 'Zoë'), (2, 'Amir');
INSERT INTO books VALUES (1, 'Moby-Dick');
INSERT INTO copies VALUES (11, 1), (12, 1), (13, 1);
INSERT INTO loans VALUES
    (1, 11, 1, '2024-01-01', '2024-01-29', NULL),
    (2, 12, 1, '2024-01-02', '2024-01-30', NULL),
    (3, 11, 2, '2024-03-01', '2024-03-29', NULL),
    (4, 11, 1, '2024-02-01', '2024-02-29', NULL),
    (5, 13, 2, '2024-01-05', '2024-02-02', '2023-01-15'),
    (6, 13, 2, '2024-04-05', '2024-05-03', NULL),
    (7, 13, 1, '2024-04-05', '2024-05-03', NULL),
    (8, 12, 1, '2023-12-02', '2023-12-30', '2023-12-20');
INSERT INTO fines VALUES (1, 1, 100, NULL), (2, 1, 50, '2024-02-02'), (3, 5, 40, NULL);
"""


class OldLibrary(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = str(Path(folder.name) / "library.db")
        old = sqlite3.connect(path)
        old.executescript(OLD)
        old.close()
        self.library = open_library(path)
        self.addCleanup(self.library.close)

    def rows(self, query):
        return self.library.execute(query).fetchall()

    def test_earlier_loans_are_closed(self):
        returned = dict(self.rows("SELECT id, returned FROM loans"))
        self.assertEqual(
            returned,
            {
                1: "2024-02-01",
                2: None,
                3: None,
                4: "2024-03-01",
                5: "2024-01-05",
                6: "2024-04-05",
                7: None,
                8: "2023-12-20",
            },
        )

    def test_nothing_else_is_lost(self):
        self.assertEqual(
            self.rows("SELECT * FROM fines ORDER BY id"),
            [(1, 1, 100, None), (2, 1, 50, "2024-02-02"), (3, 5, 40, None)],
        )
        self.assertEqual(self.rows("SELECT count(*) FROM loans"), [(8,)])
        self.assertEqual(self.rows("PRAGMA foreign_key_check"), [])
        self.assertEqual(self.rows("PRAGMA foreign_keys"), [(1,)])

    def test_fines_still_belong_to_loans(self):
        with self.assertRaises(sqlite3.IntegrityError):
            self.library.execute("INSERT INTO fines (loan, cents) VALUES (99, 1)")

    def test_twice_is_once(self):
        before = list(self.library.iterdump())
        self.assertGreaterEqual(self.rows("PRAGMA user_version")[0][0], 3)
        upgrade(self.library)
        self.assertEqual(list(self.library.iterdump()), before)

    def test_rules_hold_here_too(self):
        with self.assertRaises(sqlite3.IntegrityError):
            lend(self.library, copy=12, member=2, day="2024-06-01")

    def test_views(self):
        self.assertEqual(self.rows("SELECT * FROM shelf"), [(1, "Moby-Dick", 3, 0)])
        self.assertEqual(self.rows("SELECT * FROM accounts ORDER BY 1"), [(1, "Zoë", 2, 100), (2, "Amir", 1, 40)])


class NewLibrary(unittest.TestCase):
    def setUp(self):
        self.library = open_library()
        self.addCleanup(self.library.close)
        self.library.executescript("""
            INSERT INTO members VALUES (1, 'Zoë'), (2, 'Amir');
            INSERT INTO books VALUES (1, 'Moby-Dick'), (2, 'Emma'), (3, 'ordered');
            INSERT INTO copies VALUES (11, 1), (12, 1), (21, 2);
        """)

    def rows(self, query):
        return self.library.execute(query).fetchall()

    def test_shelf(self):
        for day in ("2024-05-02", "2024-05-12"):
            lend(self.library, copy=11, member=1, day=day)
            give_back(self.library, copy=11, day=day)
        lend(self.library, copy=21, member=1, day="2024-05-02")
        want = [(1, "Moby-Dick", 2, 2), (2, "Emma", 1, 0), (3, "ordered", 0, 0)]
        self.assertEqual(self.rows("SELECT * FROM shelf ORDER BY book"), want)

    def test_accounts(self):
        for copy in (11, 12, 21):
            lend(self.library, copy=copy, member=1, day="2024-05-02")
        give_back(self.library, copy=12, day="2024-06-04")
        self.library.execute("INSERT INTO fines VALUES (10, 1, 30, NULL), (11, 1, 7, NULL), (12, 3, 9, '2024-05-05')")
        found = self.rows("SELECT * FROM accounts ORDER BY member")
        self.assertEqual(found, [(1, "Zoë", 2, 137), (2, "Amir", 0, 0)])
        self.assertIsInstance(found[1][3], int)

    def test_same_copy_twice(self):
        lend(self.library, copy=11, member=1, day="2024-05-02")
        with self.assertRaises(sqlite3.IntegrityError):
            lend(self.library, copy=11, member=2, day="2024-05-03")
        give_back(self.library, copy=11, day="2024-05-03")
        lend(self.library, copy=11, member=2, day="2024-05-03")
        with self.assertRaises(sqlite3.IntegrityError):
            self.library.execute("UPDATE loans SET returned = NULL WHERE id = 1")

    def test_returned_before_lent(self):
        lend(self.library, copy=11, member=1, day="2024-05-02")
        for change in (
            "UPDATE loans SET returned = '2024-05-01'",
            "INSERT INTO loans VALUES (9, 12, 1, '2024-05-02', '2024-05-30', '2023-05-20')",
        ):
            with self.subTest(change), self.assertRaises(sqlite3.IntegrityError):
                self.library.execute(change)
        give_back(self.library, copy=11, day="2024-05-02")
        with self.assertRaises(sqlite3.IntegrityError):
            self.library.execute("UPDATE loans SET lent = '2024-05-09'")


if __name__ == "__main__":
    unittest.main()
