"""Text layout in terminal cells."""

from cellwrap.layout import pad, table
from cellwrap.width import char_width, text_width
from cellwrap.wrap import shorten, wrap

__all__ = ["char_width", "pad", "shorten", "table", "text_width", "wrap"]
