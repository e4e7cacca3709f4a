"""A value with its unit."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Unit:
    text: str
    """As it is printed."""
    factor: float
    """How much of the SI base units one of it is."""
    dimension: tuple
    """The powers of metre, kilogram, second and ampere."""


@dataclass(frozen=True)
class Quantity:
    value: float
    unit: Unit

    def to(self, text):
        """The same quantity in another unit; ValueError if it measures something else."""
        from unitful.parsing import parse_unit

        unit = parse_unit(text)
        if unit.dimension != self.unit.dimension:
            raise ValueError(f"cannot convert {self.unit.text} to {unit.text}")
        return Quantity(self.value * self.unit.factor / unit.factor, unit)

    def __str__(self):
        return f"{self.value:.10g} {self.unit.text}"
