"""The rows of a repayment plan."""

from datetime import date
from decimal import Decimal
from typing import NamedTuple

from loancalc.dates import add_months
from loancalc.money import cents, level_payment


class Row(NamedTuple):
    """One payment. payment = interest + repaid."""

    number: int
    due: date
    payment: Decimal
    interest: Decimal
    repaid: Decimal
    balance: Decimal
    """What is owed after the payment."""


def schedule(loan):
    """All payments, first to last."""
    payment = level_payment(loan.principal, loan.rate, loan.months)
    balance, due, rows = float(loan.principal), loan.start, []
    for number in range(1, loan.months + 1):
        due = add_months(due, 1)
        interest = balance * float(loan.rate) / 1200
        repaid = float(payment) - interest
        balance -= repaid
        rows.append(Row(number, due, payment, cents(interest), cents(repaid), cents(balance)))
    return rows
