"""What is known about currencies."""

import functools
import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Currency:
    code: str
    decimals: int
    symbol: str
    cash_step: int = 1
    """The smallest coin, in the smallest unit: 5 for Swiss francs, whose coins start at 0.05."""

    @property
    def units(self):
        """How many of the smallest unit make one: 100 cents a euro."""
        return 10**self.decimals


@functools.cache
def currency(code):
    """The currency with an ISO code."""
    table = json.loads((Path(__file__).parent / "currencies.json").read_text(encoding="utf-8"))
    if code not in table:
        raise ValueError(f"unknown currency {code!r}; known are {', '.join(sorted(table))}")
    return Currency(code, **table[code])
