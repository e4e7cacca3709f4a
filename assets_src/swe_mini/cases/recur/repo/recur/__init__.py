"""Dates that come back."""

from recur.rule import Rule
from recur.words import describe

__all__ = ["Rule", "describe"]
