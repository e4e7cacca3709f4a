"""The filters: functions from a value to a value. None is a missing value."""

import html


def text(value):
    """A value as it is printed: nothing for a missing one."""
    return "" if value is None else str(value)


FILTERS = {
    "upper": lambda value: text(value).upper(),
    "lower": lambda value: text(value).lower(),
    "title": lambda value: text(value).title(),
    "trim": lambda value: text(value).strip(),
    "length": lambda value: 0 if value is None else len(value),
    "join": lambda value: " ".join(map(text, value or ())),
    "escape": lambda value: html.escape(text(value)),
}
