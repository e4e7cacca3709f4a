"""SELECT statements from Python values."""

from sqlbrick.conditions import Condition, column
from sqlbrick.select import Select

__all__ = ["Condition", "Select", "column"]
