"""What is agreed."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal


@dataclass(frozen=True)
class Loan:
    principal: Decimal | int | str
    rate: Decimal | int | str
    """Percent a year."""
    months: int
    """How many payments."""
    start: date
    """The day of the payout."""

    def __post_init__(self):
        # A float such as 0.1 is not what was typed, so it is not taken.
        for name in ("principal", "rate"):
            value = getattr(self, name)
            if isinstance(value, float):
                raise TypeError(f"{name} should be a Decimal, an int or a text, not the float {value}")
            object.__setattr__(self, name, Decimal(value))
        if self.principal <= 0 or self.rate < 0 or self.months < 1:
            raise ValueError("a loan needs a principal and months over 0, and a rate of at least 0")
