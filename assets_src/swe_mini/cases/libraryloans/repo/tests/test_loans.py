import unittest

from libraryloans import give_back, lend, open_library


class LoansTest(unittest.TestCase):
    def setUp(self):
        self.library = open_library()
        self.addCleanup(self.library.close)
        self.library.executescript("""
            INSERT INTO members VALUES (1, 'Zoë'), (2, 'Amir');
            INSERT INTO books VALUES (1, 'Moby-Dick'), (2, 'Emma');
            INSERT INTO copies VALUES (11, 1), (12, 1), (21, 2);
        """)

    def rows(self, query):
        return self.library.execute(query).fetchall()

    def test_shelf(self):
        lend(self.library, copy=11, member=1, day="2024-05-02")
        self.assertEqual(self.rows("SELECT * FROM shelf"), [(1, "Moby-Dick", 2, 1), (2, "Emma", 1, 1)])

    def test_accounts(self):
        lend(self.library, copy=11, member=1, day="2024-05-02", days=28)
        lend(self.library, copy=21, member=1, day="2024-05-02")
        give_back(self.library, copy=11, day="2024-06-04")
        self.assertEqual(self.rows("SELECT * FROM accounts"), [(1, "Zoë", 1, 100), (2, "Amir", 0, 0)])

    def test_in_time_costs_nothing(self):
        lend(self.library, copy=11, member=1, day="2024-05-02")
        give_back(self.library, copy=11, day="2024-05-30")
        self.assertEqual(self.rows("SELECT * FROM fines"), [])


if __name__ == "__main__":
    unittest.main()
