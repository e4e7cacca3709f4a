import unittest

from stocktally import ask, open_stock


class StockTest(unittest.TestCase):
    def setUp(self):
        self.stock = open_stock()
        self.addCleanup(self.stock.close)
        self.stock.execute("INSERT INTO items VALUES ('nut', 'Mutter M6', 10), ('pin', 'Låspinne', 5)")

    def move(self, day, site, sku, pieces):
        self.stock.execute("INSERT INTO moves (day, site, sku, pieces) VALUES (?, ?, ?, ?)", (day, site, sku, pieces))

    def rows(self, query):
        return self.stock.execute(query).fetchall()

    def test_stock(self):
        self.move("2024-03-01", "Lund", "nut", 40)
        self.move("2024-03-02", "Lund", "nut", -15)
        self.move("2024-03-02", "Malmö", "nut", 7)
        self.assertEqual(self.rows("SELECT * FROM stock ORDER BY site"), [("Lund", "nut", 25), ("Malmö", "nut", 7)])

    def test_ledger(self):
        self.move("2024-03-02", "Lund", "nut", 15)
        self.move("2024-03-01", "Lund", "nut", 40)
        want = [(2, "2024-03-01", "Lund", 40, 40), (1, "2024-03-02", "Lund", 15, 55)]
        self.assertEqual(ask(self.stock, "ledger", sku="nut"), want)

    def test_movers(self):
        self.move("2024-03-01", "Lund", "nut", 5)
        self.move("2024-03-01", "Lund", "pin", 9)
        self.assertEqual(ask(self.stock, "movers", best=1), [("Lund", 1, "pin", 9)])

    def test_reorder(self):
        self.move("2024-03-01", "Lund", "nut", 5)
        self.move("2024-03-01", "Malmö", "nut", 5)
        self.assertEqual(ask(self.stock, "reorder"), [("pin", "Låspinne", 0)])


if __name__ == "__main__":
    unittest.main()
