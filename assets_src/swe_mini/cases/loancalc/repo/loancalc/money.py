"""Amounts in euros and cents."""

from decimal import Decimal

CENT = Decimal("0.01")


def cents(amount):
    """An amount, rounded to cents."""
    return Decimal(amount).quantize(CENT)


def level_payment(principal, rate, months):
    """The monthly payment that pays a loan off: P·i / (1 − (1 + i)⁻ⁿ)."""
    monthly = float(rate) / 1200
    return cents(float(principal) * monthly / (1 - (1 + monthly) ** -months))
