"""Boxes in a terminal window."""

from gridfit.layout import Layout
from gridfit.packing import pack
from gridfit.rect import Rect

__all__ = ["Layout", "Rect", "pack"]
