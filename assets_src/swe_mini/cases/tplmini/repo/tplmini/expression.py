"""What stands between {{ and }}: a name and filters."""

from tplmini.filters import FILTERS


def lookup(name, values):
    """The value of a dotted name: keys of dicts, else attributes. None if it is missing."""
    first, *rest = name.split(".")
    value = values.get(first)
    for part in rest:
        value = value.get(part) if isinstance(value, dict) else getattr(value, part, None)
    return value


class Expression:
    """A name with the filters that its value is passed through."""

    def __init__(self, text):
        self.name, *self.filters = (part.strip() for part in text.split("|"))

    def value(self, values):
        value = lookup(self.name, values)
        for name in self.filters:
            value = FILTERS[name](value)
        return value
