"""How one parameter is written in a path."""

from dataclasses import dataclass
from typing import Any, Callable


@dataclass(frozen=True)
class Converter:
    regex: str
    to_value: Callable[[str], Any] = str


CONVERTERS = {
    "str": Converter(r"[^/]+"),
    "int": Converter(r"[0-9]+", int),
    "slug": Converter(r"[a-z0-9-]+"),
    "path": Converter(r".+"),
}
