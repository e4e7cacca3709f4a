"""Streaming statistics."""

from statline.moments import Moments
from statline.quantiles import Quantiles
from statline.summary import Summary

__all__ = ["Moments", "Quantiles", "Summary"]
