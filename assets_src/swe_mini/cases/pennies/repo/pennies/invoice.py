"""Lines of an invoice and their sum."""

from dataclasses import dataclass, field

from pennies.money import Money


@dataclass(frozen=True)
class Line:
    text: str
    price: Money
    quantity: int = 1

    def net(self):
        return self.price * self.quantity


@dataclass
class Invoice:
    tax_rate: object
    lines: list = field(default_factory=list)

    def net(self):
        total = self.lines[0].net()
        for line in self.lines[1:]:
            total += line.net()
        return total

    def tax(self):
        """The tax is taken once, from the sum, not line by line."""
        return self.net().percent(self.tax_rate)

    def gross(self):
        return self.net() + self.tax()
