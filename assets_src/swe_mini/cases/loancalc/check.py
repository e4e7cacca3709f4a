"""Held-out check for loancalc: exact cents, days of the month that stay, no interest, and odd first periods."""

import random
import subprocess
import sys
import unittest
from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

from loancalc import Loan, schedule


def half_up(amount):
    return Decimal(int(amount * 100 + Fraction(1, 2))) / 100


def later(day, months):
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def expected(principal, rate, months, start, first_due=None):
    """(due, payment, interest, repaid, balance) of every row, in whole numbers and fractions."""
    monthly = Fraction(rate) / 1200
    level = Fraction(principal) / months
    if monthly:
        level = Fraction(principal) * monthly / (1 - (1 + monthly) ** -months)
    level, balance, rows = half_up(level), Decimal(principal), []
    regular = first_due in (None, later(start, 1))
    for number in range(months):
        due = later(start, number + 1) if regular else later(first_due, number)
        interest = half_up(Fraction(balance) * monthly)
        repaid = balance if number == months - 1 else level - interest
        if number == 0 and not regular:
            whole = max(k for k in range(100) if k == 0 or later(first_due, -k) >= start)
            days = (later(first_due, -whole) - start).days
            interest = half_up(Fraction(balance) * Fraction(rate) / 100 * (Fraction(whole, 12) + Fraction(days, 365)))
        balance -= repaid
        rows.append((due, repaid + interest, interest, repaid, balance))
    return rows


def found(*terms, **more):
    return [(row.due, row.payment, row.interest, row.repaid, row.balance) for row in schedule(Loan(*terms, **more))]


class Cents(unittest.TestCase):
    def test_ends_at_zero(self):
        rows = schedule(Loan(1000, 6, 12, date(2024, 1, 15)))
        self.assertEqual((str(rows[-1].payment), str(rows[-1].balance)), ("86.03", "0.00"))

    def test_half_a_cent_goes_up(self):
        self.assertEqual(str(schedule(Loan(101, 6, 12, date(2024, 1, 15)))[0].interest), "0.51")

    def test_long_loan(self):
        terms = "250000", "3.85", 360, date(2024, 1, 31)
        self.assertEqual(found(*terms), expected(*terms))

    def test_without_interest(self):
        terms = "100", 0, 3, date(2024, 1, 15)
        self.assertEqual([str(row.payment) for row in schedule(Loan(*terms))], ["33.33", "33.33", "33.34"])
        self.assertEqual(found(*terms), expected(*terms))


class Dates(unittest.TestCase):
    def test_the_day_stays(self):
        days = [row.due.day for row in schedule(Loan(1000, 6, 4, date(2024, 1, 31)))]
        self.assertEqual(days, [29, 31, 30, 31])

    def test_long_and_short_first_period(self):
        for first_due in date(2024, 3, 1), date(2024, 1, 20), date(2024, 2, 14), date(2024, 5, 31):
            with self.subTest(first_due):
                terms = "10000", "7.3", 6, date(2024, 1, 15)
                self.assertEqual(found(*terms, first_due=first_due), expected(*terms, first_due))

    def test_half_a_cent_in_two_months(self):
        rows = schedule(Loan("262.50", "7.6", 6, date(2024, 1, 15), first_due=date(2024, 3, 15)))
        self.assertEqual(str(rows[0].interest), "3.33")

    def test_the_usual_day_changes_nothing(self):
        for start in date(2024, 1, 15), date(2024, 1, 31), date(2023, 1, 30), date(2024, 3, 31):
            with self.subTest(start):
                terms = "5000", "4.2", 5, start
                self.assertEqual(found(*terms, first_due=later(start, 1)), found(*terms))

    def test_command_line(self):
        words = ["1000", "6", "2", "2024-01-15", "2024-03-01"]
        command = [sys.executable, "-m", "loancalc", *words]
        done = subprocess.run(command, capture_output=True, encoding="utf-8", check=True)
        self.assertEqual([line.split()[1] for line in done.stdout.splitlines()], ["2024-03-01", "2024-04-01"])

    def test_not_after_the_payout(self):
        for first_due in date(2024, 1, 15), date(2024, 1, 14):
            with self.assertRaises(ValueError):
                Loan(1000, 6, 12, date(2024, 1, 15), first_due=first_due)

    def test_random(self):
        rng = random.Random(4)
        for _ in range(300):
            start = date(2023, 1, 1) + timedelta(days=rng.randrange(800))
            first_due = start + timedelta(days=rng.randint(1, 120))
            terms = (
                f"{rng.randint(10_00, 90_000_00) / 100:.2f}",
                f"{rng.randrange(1500) / 100}",
                rng.randint(1, 30),
                start,
            )
            with self.subTest(terms=terms, first_due=first_due):
                self.assertEqual(found(*terms, first_due=first_due), expected(*terms, first_due))
                self.assertEqual(found(*terms), expected(*terms))


if __name__ == "__main__":
    unittest.main()
