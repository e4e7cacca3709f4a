"""Quantities and units as people write them."""

import re

from unitful.quantity import Quantity, Unit
from unitful.table import find

_QUANTITY = re.compile(r"\s*([+-]?[\d.]+(?:[eE][+-]?\d+)?)\s*(\S+)\s*")
_FACTOR = re.compile(r"([^\W\d⁰¹²³⁴⁵⁶⁷⁸⁹]+)(?:\^?([-⁻]?[\d⁰¹²³⁴⁵⁶⁷⁸⁹]+))?")
_PLAIN = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")


def parse(text):
    """The Quantity in text such as "4.7 kΩ" or "36 km/h"."""
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"not a quantity: {text!r}")
    return Quantity(float(match[1]), parse_unit(match[2]))


def parse_unit(text):
    """The Unit in text such as "Ω" or "kg·m²/s"."""
    total, powers = 1.0, (0, 0, 0, 0)
    above, _, below = text.partition("/")
    for side, sign in (above, 1), (below, -1):
        for part in re.split(r"[·*]", side) if side else []:
            match = _FACTOR.fullmatch(part)
            if match is None:
                raise ValueError(f"not a unit: {part!r} in {text!r}")
            exponent = sign * int((match[2] or "1").translate(_PLAIN))
            factor, dimension = find(match[1])
            total = total * factor if sign > 0 else total / factor
            powers = tuple(power + exponent * own for power, own in zip(powers, dimension, strict=True))
    return Unit(text, total, powers)
