"""One row of the table."""

from dataclasses import dataclass
from typing import Any, Callable


@dataclass(frozen=True)
class Option:
    name: str
    """As in --name; the key in the settings has underscores for hyphens."""
    short: str | None = None
    kind: Callable[[str], Any] = str
    default: Any = None
    flag: bool = False
    """Takes no value: present or not."""
    many: bool = False
    """May be given several times; the setting is a list."""
    help: str = ""

    @property
    def key(self):
        return self.name.replace("-", "_")

    def start_value(self):
        """The setting when the option is not given."""
        if self.many:
            return list(self.default or [])
        return bool(self.default) if self.flag else self.default
