"""Arithmetic with dates."""

from calendar import monthrange
from datetime import date, timedelta

UNITS = ("day", "week", "month", "year")


def shift(day, number, unit):
    """The day so many units later. Where the month is too short for it, the last day of that month."""
    if unit == "day":
        return day + timedelta(days=number)
    if unit == "week":
        return day + timedelta(weeks=number)
    months = number * 12 if unit == "year" else number
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
