"""Breaking text into lines."""

from cellwrap.width import char_width, text_width

ELLIPSIS = "…"


def wrap(text, width):
    """The lines of `text`, each at most `width` cells.

    Breaks at spaces; a word that is wider than a whole line is cut where the line is full.
    """
    if width < 2:
        raise ValueError(f"width must be at least 2 cells, not {width}")
    lines = []
    for paragraph in text.split("\n"):
        lines.extend(_wrap_paragraph(paragraph.split(), width))
    return lines


def _wrap_paragraph(words, width):
    lines, line = [], ""
    for word in words:
        if line and text_width(line) + 1 + text_width(word) <= width:
            line += " " + word
            continue
        if line:
            lines.append(line)
        while len(word) > width:
            lines.append(word[:width])
            word = word[width:]
        line = word
    lines.append(line)
    return lines


def shorten(text, width):
    """`text` in one line of at most `width` cells, with … where something was left out."""
    text = " ".join(text.split())
    if text_width(text) <= width:
        return text
    kept, cells = "", 0
    for char in text:
        if cells + char_width(char) > width:
            break
        kept += char
        cells += char_width(char)
    return kept.rstrip() + ELLIPSIS
