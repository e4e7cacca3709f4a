"""Sets of half-open ranges."""

from spans.span import Span
from spans.spanset import SpanSet

__all__ = ["Span", "SpanSet"]
