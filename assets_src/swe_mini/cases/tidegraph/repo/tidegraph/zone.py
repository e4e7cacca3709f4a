"""Local time with European summer time, without a time zone database."""

from datetime import datetime, timedelta, tzinfo

HOUR = timedelta(hours=1)


class EuropeanZone(tzinfo):
    """Clocks go forward on the last Sunday of March and back on the last of October, everywhere at 01:00 UTC."""

    def __init__(self, name, hours):
        self.name = name
        self.standard = timedelta(hours=hours)

    def __repr__(self):
        return self.name

    def utcoffset(self, when):
        return self.standard + self.dst(when)

    def dst(self, when):
        wall = when.replace(tzinfo=None)
        begin = last_sunday(wall.year, 3) + HOUR + self.standard
        end = last_sunday(wall.year, 10) + HOUR + self.standard + HOUR  # read from a clock in summer time
        return HOUR if begin <= wall < end else timedelta(0)

    def tzname(self, when):
        return f"{self.name} summer time" if self.dst(when) else self.name


def last_sunday(year, month):
    """Its midnight. Only for months of 31 days."""
    last = datetime(year, month, 31)
    return last - timedelta(days=(last.weekday() + 1) % 7)


ZONES = {name: EuropeanZone(name, hours) for name, hours in [("WET", 0), ("CET", 1), ("EET", 2)]}
