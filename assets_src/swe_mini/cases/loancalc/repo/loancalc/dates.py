"""Months of different lengths."""

from calendar import monthrange
from datetime import date


def add_months(day, months):
    """The same day some months later, or the last day of a month that is too short for it."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
