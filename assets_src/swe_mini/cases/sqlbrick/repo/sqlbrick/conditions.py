"""What stands after WHERE."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Condition:
    """A piece of SQL with ? for every parameter."""

    sql: str
    params: tuple = ()

    def __and__(self, other):
        return Condition(f"{self.sql} AND {other.sql}", self.params + other.params)

    def __or__(self, other):
        return Condition(f"{self.sql} OR {other.sql}", self.params + other.params)

    def __invert__(self):
        return Condition(f"NOT {self.sql}", self.params)


class column:  # noqa: N801 (reads like a word in a query)
    """A column, for use in comparisons."""

    def __init__(self, name):
        self.name = name

    def _compare(self, sign, value):
        return Condition(f"{self.name} {sign} ?", (value,))

    def __eq__(self, value):
        return self._compare("=", value)

    def __ne__(self, value):
        return self._compare("<>", value)

    def __lt__(self, value):
        return self._compare("<", value)

    def __le__(self, value):
        return self._compare("<=", value)

    def __gt__(self, value):
        return self._compare(">", value)

    def __ge__(self, value):
        return self._compare(">=", value)

    __hash__ = None

    def isin(self, values):
        values = tuple(values)
        return Condition(f"{self.name} IN ({', '.join('?' * len(values))})", values)

    def notin(self, values):
        return ~self.isin(values)

    def contains(self, text):
        """The column has the text somewhere in it."""
        return Condition(f"{self.name} LIKE ?", (f"%{text}%",))
