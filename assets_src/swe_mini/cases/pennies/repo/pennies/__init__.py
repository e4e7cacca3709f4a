"""Amounts of money that add up."""

from pennies.currency import Currency, currency
from pennies.invoice import Invoice, Line
from pennies.money import Money

__all__ = ["Currency", "Invoice", "Line", "Money", "currency"]
