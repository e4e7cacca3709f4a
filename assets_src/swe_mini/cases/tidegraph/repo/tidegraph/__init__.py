"""Heights of the tide between high and low water."""

from tidegraph.curve import Curve
from tidegraph.draw import graph
from tidegraph.table import Water, read_table
from tidegraph.zone import ZONES, EuropeanZone

__all__ = ["ZONES", "Curve", "EuropeanZone", "Water", "graph", "read_table"]
