import unittest
from datetime import date
from decimal import Decimal

from loancalc import Loan, schedule


class ScheduleTest(unittest.TestCase):
    def test_first_row(self):
        row = schedule(Loan(1200, 6, 12, date(2024, 1, 15)))[0]
        self.assertEqual(row.due, date(2024, 2, 15))
        self.assertEqual([str(amount) for amount in row[2:]], ["103.28", "6.00", "97.28", "1102.72"])

    def test_due_dates_over_the_end_of_the_year(self):
        rows = schedule(Loan(1200, 6, 3, date(2023, 11, 5)))
        self.assertEqual([row.due for row in rows], [date(2023, 12, 5), date(2024, 1, 5), date(2024, 2, 5)])

    def test_text_and_decimal_are_the_same(self):
        self.assertEqual(Loan("1200", "6.5", 2, date(2024, 1, 1)), Loan(1200, Decimal("6.5"), 2, date(2024, 1, 1)))

    def test_refused(self):
        with self.assertRaises(TypeError):
            Loan(1200.0, 6, 12, date(2024, 1, 15))
        with self.assertRaises(ValueError):
            Loan(1200, 6, 0, date(2024, 1, 15))


if __name__ == "__main__":
    unittest.main()
