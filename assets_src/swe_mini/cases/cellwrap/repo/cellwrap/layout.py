"""Padding and tables."""

from cellwrap.width import text_width


def pad(text, width, align="left"):
    """`text` filled up with spaces to `width` cells; a longer text is returned as it is."""
    room = max(width - text_width(text), 0)
    if align == "left":
        return text + " " * room
    if align == "right":
        return " " * room + text
    if align == "center":
        return " " * (room // 2) + text + " " * (room - room // 2)
    raise ValueError(f"align must be left, right or center, not {align!r}")


def table(rows, gap=2):
    """Rows of strings as lines, with every column as wide as its widest cell."""
    widths = [max(text_width(cell) for cell in column) for column in zip(*rows)]
    lines = []
    for row in rows:
        cells = [pad(cell, width) for cell, width in zip(row, widths)]
        lines.append((" " * gap).join(cells).rstrip())
    return lines
