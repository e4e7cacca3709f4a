"""One SELECT statement."""

from dataclasses import dataclass, replace

from sqlbrick.conditions import Condition


@dataclass(frozen=True)
class Select:
    """Immutable: every method returns a new statement."""

    table: str
    columns: tuple = ("*",)
    condition: Condition | None = None
    order: tuple = ()
    count: int | None = None

    def only(self, *columns):
        return replace(self, columns=columns)

    def where(self, condition):
        """Rows that also fulfil this condition."""
        return replace(self, condition=condition if self.condition is None else self.condition & condition)

    def order_by(self, *columns):
        """A leading hyphen means descending."""
        return replace(self, order=columns)

    def limit(self, count):
        return replace(self, count=count)

    @property
    def sql(self):
        parts = [f"SELECT {', '.join(self.columns)} FROM {self.table}"]
        if self.condition is not None:
            parts.append(f"WHERE {self.condition.sql}")
        if self.order:
            terms = [f"{name[1:]} DESC" if name.startswith("-") else name for name in self.order]
            parts.append(f"ORDER BY {', '.join(terms)}")
        if self.count is not None:
            parts.append(f"LIMIT {int(self.count)}")
        return " ".join(parts)

    @property
    def params(self):
        return self.condition.params if self.condition is not None else ()
