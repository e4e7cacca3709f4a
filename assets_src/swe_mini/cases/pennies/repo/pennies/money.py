"""One amount in one currency."""

from dataclasses import dataclass

from pennies.currency import Currency, currency


@dataclass(frozen=True)
class Money:
    amount: int
    """In the smallest unit of the currency."""
    currency: Currency

    @classmethod
    def parse(cls, text, code):
        """From text such as "12.50" or "-3"."""
        money = currency(code)
        return cls(round(float(text) * 100), money)

    # -- arithmetic ------------------------------------------------------------

    def __add__(self, other):
        self._same_currency(other)
        return Money(self.amount + other.amount, self.currency)

    def __sub__(self, other):
        self._same_currency(other)
        return Money(self.amount - other.amount, self.currency)

    def __neg__(self):
        return Money(-self.amount, self.currency)

    def __mul__(self, factor):
        """Times a number; a half of the smallest unit is rounded away from zero."""
        return Money(round(self.amount * factor), self.currency)

    __rmul__ = __mul__

    def percent(self, rate):
        """So many percent of it, for instance a tax."""
        return self * (rate / 100)

    def split(self, parts):
        """As many amounts as `parts`, as equal as can be, which add up to this one. Larger ones first."""
        if parts < 1:
            raise ValueError(f"cannot split into {parts} parts")
        share = int(self.amount / parts)
        rest = self.amount - share * parts
        return [Money(share + (1 if index < rest else 0), self.currency) for index in range(parts)]

    def to_cash(self):
        """Rounded to what can be paid in coins."""
        step = self.currency.cash_step
        return Money(round(self.amount / step) * step, self.currency)

    # -- text ------------------------------------------------------------------

    def __str__(self):
        return f"{self.amount / 100:.2f} {self.currency.code}"

    def _same_currency(self, other):
        if self.currency != other.currency:
            raise ValueError(f"{self} and {other} are different currencies")
