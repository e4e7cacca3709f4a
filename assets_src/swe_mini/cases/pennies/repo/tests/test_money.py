import unittest

from pennies import Invoice, Line, Money


def eur(text):
    return Money.parse(text, "EUR")


class MoneyTest(unittest.TestCase):
    def test_parse_and_print(self):
        self.assertEqual(eur("12.50").amount, 1250)
        self.assertEqual(str(eur("12.5")), "12.50 EUR")

    def test_add_and_subtract(self):
        self.assertEqual(eur("0.10") + eur("0.20"), eur("0.30"))
        self.assertEqual(eur("1") - eur("1.50"), eur("-0.50"))

    def test_currencies_do_not_mix(self):
        with self.assertRaisesRegex(ValueError, "1.00 EUR and 1.00 USD"):
            eur("1") + Money.parse("1", "USD")

    def test_split(self):
        self.assertEqual([part.amount for part in eur("100").split(3)], [3334, 3333, 3333])

    def test_cash(self):
        self.assertEqual(Money.parse("1.02", "CHF").to_cash(), Money.parse("1.00", "CHF"))

    def test_unknown_currency(self):
        with self.assertRaisesRegex(ValueError, "'XXX'"):
            Money.parse("1", "XXX")


class InvoiceTest(unittest.TestCase):
    def test_tax_on_the_sum(self):
        invoice = Invoice(19, [Line("Kaffee", eur("3.20"), 2), Line("Küchlein", eur("2.10"))])
        self.assertEqual((invoice.net(), invoice.tax()), (eur("8.50"), eur("1.62")))
        self.assertEqual(str(invoice.gross()), "10.12 EUR")


if __name__ == "__main__":
    unittest.main()
