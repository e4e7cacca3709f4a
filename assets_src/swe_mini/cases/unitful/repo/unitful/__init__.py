"""Numbers with units."""

from unitful.parsing import parse, parse_unit
from unitful.quantity import Quantity, Unit

__all__ = ["Quantity", "Unit", "parse", "parse_unit"]
