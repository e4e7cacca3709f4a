"""Held-out check for pennies: no float anywhere, any number of decimals, one rounding rule."""

import unittest
from decimal import Decimal
from fractions import Fraction

from pennies import Invoice, Line, Money


def money(text, code="EUR"):
    return Money.parse(text, code)


class Decimals(unittest.TestCase):
    def test_yen_and_dinar(self):
        self.assertEqual((money("1500", "JPY").amount, str(money("1500", "JPY"))), (1500, "1500 JPY"))
        self.assertEqual((money("1.005", "KWD").amount, str(money("1.005", "KWD"))), (1005, "1.005 KWD"))

    def test_large_amounts_are_exact(self):
        self.assertEqual(money("90071992547409.93").amount, 9007199254740993)
        self.assertEqual(str(money("90071992547409.93")), "90071992547409.93 EUR")

    def test_negative(self):
        self.assertEqual(str(money("-0.05")), "-0.05 EUR")
        self.assertEqual(money("-12.34").amount, -1234)

    def test_refused(self):
        for text, code in [
            ("1.234", "EUR"),
            ("1.5", "JPY"),
            ("nan", "EUR"),
            ("1e3", "EUR"),
            ("", "EUR"),
            ("1,5", "EUR"),
        ]:
            with self.subTest(text), self.assertRaises(ValueError):
                money(text, code)


class Rounding(unittest.TestCase):
    def test_half_away_from_zero(self):
        self.assertEqual([(money("0.05") * Decimal("0.5")).amount, (money("-0.05") * Decimal("0.5")).amount], [3, -3])
        self.assertEqual((money("0.01") * Fraction(1, 2)).amount, 1)

    def test_percent_is_exact(self):
        self.assertEqual(money("1.50").percent(19), money("0.29"))  # 28.5 cents
        self.assertEqual(money("10.00").percent("7.45"), money("0.75"))
        self.assertEqual(money("4.35").percent(Decimal("10")), money("0.44"))

    def test_no_floats(self):
        for use in (lambda: money("1") * 0.1, lambda: money("1").percent(7.5)):
            with self.assertRaises(TypeError):
                use()

    def test_cash(self):
        cents = [Money(n, money("0", "CHF").currency).to_cash().amount for n in (2, 3, 7, 8, -3, -8)]
        self.assertEqual(cents, [0, 5, 5, 10, -5, -10])
        huge = 10**17 + 3
        self.assertEqual(Money(huge, money("0", "CHF").currency).to_cash().amount, 10**17 + 5)


class Splitting(unittest.TestCase):
    def test_negative(self):
        self.assertEqual([part.amount for part in money("-1.00").split(3)], [-33, -33, -34])

    def test_adds_up(self):
        for amount in (10**17 + 1, -(10**17) - 1, 0, 1, -1, 7, -7):
            for parts in (1, 2, 3, 7):
                shares = [part.amount for part in Money(amount, money("0").currency).split(parts)]
                self.assertEqual((sum(shares), max(shares) - min(shares) <= 1), (amount, True))
                self.assertEqual(shares, sorted(shares, reverse=True))

    def test_invoice(self):
        invoice = Invoice("7.7", [Line("チョコレート", money("2.45", "CHF"), 3)])
        self.assertEqual((str(invoice.tax()), str(invoice.gross())), ("0.57 CHF", "7.92 CHF"))


if __name__ == "__main__":
    unittest.main()
